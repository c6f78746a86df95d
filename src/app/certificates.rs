//! Certificates that are used as soon as their files have changed.

use std::sync::Arc;

use crate::config::{Config, ConfigError, TlsOwner, WatchedTls};
use crate::delivery::Delivery;
use crate::redis::RedisClient;
use crate::tls::{ServerTls, TlsPem};

/// The PEM files of the configuration, and who uses what they hold.
pub(super) struct Certificates {
    files: Vec<WatchedTls>,
    delivery: Delivery,
    redis: Option<Arc<RedisClient>>,
    listeners: ListenersTls,
}

/// The TLS of the listeners of callers. None: they have none.
pub(super) struct ListenersTls {
    pub(super) public: Option<ServerTls>,
    pub(super) events: Option<ServerTls>,
}

impl Certificates {
    pub(super) fn new(
        config: &Config,
        delivery: &Delivery,
        redis: Option<Arc<RedisClient>>,
        listeners: ListenersTls,
    ) -> Self {
        Self { files: WatchedTls::all(config), delivery: delivery.clone(), redis, listeners }
    }

    /// Whether there are files.
    pub(super) fn are_there(&self) -> bool {
        !self.files.is_empty()
    }

    /// Whether the last look found nothing wrong.
    pub(super) fn are_right(&self) -> bool {
        self.files.iter().all(WatchedTls::is_right)
    }

    /// Uses what has changed since the last look. Returns what is wrong with the files. None: nothing has changed.
    pub(super) fn look(&mut self) -> Option<Vec<ConfigError>> {
        let news: Vec<_> =
            self.files.iter_mut().filter_map(|it| Some((it.owner, it.look()?))).collect();
        if news.is_empty() {
            return None;
        }
        let mut errors = Vec::new();
        for (owner, pem) in news {
            match pem {
                Ok(pem) => self.replace(owner, pem),
                Err(wrong) => errors.extend(wrong),
            }
        }
        Some(errors)
    }

    fn replace(&self, owner: TlsOwner, pem: TlsPem) {
        match owner {
            TlsOwner::Server => {
                let listeners = [&self.listeners.public, &self.listeners.events];
                let replaced = listeners.into_iter().flatten().try_for_each(|it| it.replace(&pem));
                if let Err(error) = replaced {
                    tracing::error!(
                        error,
                        "the certificate cannot be used; the listener keeps the previous one"
                    );
                    return;
                }
            }
            TlsOwner::Feishu => {
                self.delivery.trust(pem.ca.unwrap_or_default());
                self.delivery.forget_refusals();
            }
            TlsOwner::State => {
                if let Some(redis) = &self.redis {
                    redis.replace_certificates(pem);
                }
            }
        }
        tracing::info!(of = owner.name(), "loaded changed certificates");
    }
}
