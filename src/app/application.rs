//! The running gateway: its parts, its start and its end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::web;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::certificates::{Certificates, ListenersTls};
use super::core::Core;
use super::feishu::FeishuRuntime;
use super::idle_memory::give_back;
use super::listeners::{self, Served, ServedEvents, Size};
use super::parts::Parts;
use super::reload::{FirstKeys, Reload, Reloader};
use super::start::{SentBefore, StartError};
use super::state::State;
use super::stores::Stores;
use super::way_in::Listener;
use super::{broadcasts, delivery};
use crate::api::{Admission, Draining, StoreApps};
use crate::broadcasts::Broadcasts;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::Delivery;
use crate::feishu::events::ExpectedApp;
use crate::telemetry::metrics::Metrics;
use crate::tls::ServerTls;

/// A gateway that listens.
pub struct Application {
    public: Listener,
    admin: Listener,
    /// Of events, where they have an address of their own.
    events: Option<Listener>,
    draining: Draining,
    closing: CancellationToken,
    reloader: Reloader,
    drain_delay: Duration,
    drain_timeout: Duration,
    clock: Clock,
    delivery: Delivery,
    broadcasts: Option<Broadcasts>,
    /// Background tasks, which end when the application is dropped.
    _tasks: JoinSet<()>,
    /// Ends last, because calls to Feishu may outlive everything else.
    _feishu: FeishuRuntime,
}

impl Application {
    /// Listens on both addresses and begins to fetch tenant tokens.
    pub fn build(
        config: &Config,
        clock: &Clock,
        sent_before: SentBefore,
    ) -> Result<Self, StartError> {
        let metrics = Metrics::new();
        let size = listeners::size(config);
        show_bounds(config, &size, &metrics);
        let closing = CancellationToken::new();
        let draining = Draining::default();
        let mut tasks = JoinSet::new();
        let keys = FirstKeys::read(config, clock, &metrics)?;
        let keyring = keys.keyring.clone();
        let feishu = FeishuRuntime::start().map_err(StartError::Threads)?;
        let state = config.state.as_ref().map(|it| State::new(it, clock, &metrics));
        let state = state.as_ref();
        if let Some(state) = state {
            state.warn_of_losses(feishu.handle());
        }
        let database = broadcasts::open(config)?;
        let runtime = feishu.handle();
        let stores = Stores { state, database: database.as_ref() };
        let client = &delivery::client(config, clock, runtime)?;
        let parts = Parts {
            config,
            clock,
            metrics: &metrics,
            sent_before,
            closing: &closing,
            client,
            keys: &keys,
            stores,
        };
        let Core { delivery, broadcasts } = Core::start(parts, &mut tasks);
        tasks.spawn(give_back());
        if let Some(broadcasts) = &broadcasts {
            let (broadcasts, keyring) = (broadcasts.clone(), keyring.clone());
            tasks.spawn(broadcasts::announce(
                config, clock, &metrics, runtime, broadcasts, keyring,
            )?);
        }
        let redis = state.map(State::redis);
        let pem = Some(&config.server.tls.pem).filter(|pem| pem.identity.is_some());
        let tls = pem.map(ServerTls::new).transpose().map_err(StartError::Tls)?;
        let events_tls = pem.map(ServerTls::without_client_certificates);
        let events_tls = events_tls.transpose().map_err(StartError::Tls)?;
        let listeners_tls = ListenersTls { public: tls.clone(), events: events_tls.clone() };
        let certificates = Certificates::new(config, &delivery, redis.clone(), listeners_tls);
        let store_apps = store_apps(config, &metrics);
        let (reloader, watch) =
            Reload::new(config, keys, &delivery, redis, certificates, clock, &metrics)
                .with_events_of(store_apps.clone())
                .watch();
        tasks.spawn(watch);
        let admission =
            Admission::new(clock.clone(), metrics.clone(), size.in_flight, draining.clone());
        let admission = web::Data::new(admission);
        let events_listen = config.server.events_listen;
        let events = events_listen.map(|address| {
            let served = ServedEvents {
                delivery: delivery.clone(),
                store_apps: store_apps.clone(),
                admission: admission.clone(),
                tls: events_tls,
            };
            listeners::events(address, config, &size, clock, &metrics, served)
        });
        let served = Served {
            keyring: keyring.clone(),
            delivery: delivery.clone(),
            broadcasts: broadcasts.clone(),
            tls,
            admission,
            store_apps: if events_listen.is_some() { StoreApps::default() } else { store_apps },
        };
        let public = listeners::public(config, &size, clock, &metrics, &draining, served)?;
        let admin =
            listeners::admin(config, &size, &metrics, &draining, delivery.clone(), keyring)?;
        let drain_timeout = config.server.drain_timeout;
        let drain_delay = config.server.drain_delay.min(drain_timeout);
        Ok(Self {
            public,
            admin,
            events: events.transpose()?,
            draining,
            closing,
            reloader,
            drain_delay,
            drain_timeout,
            clock: clock.clone(),
            delivery,
            broadcasts,
            _tasks: tasks,
            _feishu: feishu,
        })
    }

    /// The address of the API.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.public.address
    }

    /// The address of metrics and health.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address
    }

    /// The address of the events of store apps, if it is one of their own.
    #[must_use]
    pub fn events_address(&self) -> Option<SocketAddr> {
        self.events.as_ref().map(|it| it.address)
    }

    /// The handle that has API keys and secrets read again.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// Answers until `stop` returns, and then drains. It is not ready any more and closes connections with their
    /// next answer. After the drain delay it stops to listen, and lets the requests in flight finish. At the end
    /// of the drain time it refuses the requests that still wait.
    pub async fn run_until_stopped(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (public, admin) = (self.public.server.handle(), self.admin.server.handle());
        let mut running = JoinSet::new();
        running.spawn(self.public.server);
        running.spawn(self.admin.server);
        let events = self.events.map(|events| {
            let handle = events.server.handle();
            running.spawn(events.server);
            handle
        });
        tokio::select! {
            Some(ended) = running.join_next() => return ended?,
            () = stop => {}
        }
        tracing::info!(drain_timeout = ?self.drain_timeout, "draining");
        let drain_since = self.clock.now();
        let drain_until = drain_since + self.drain_timeout;
        self.draining.begin();
        if let Some(broadcasts) = &self.broadcasts {
            broadcasts.stop();
        }
        self.clock.sleep_until(drain_since + self.drain_delay).await;
        tracing::debug!("the drain delay is over; the gateway accepts no new requests");
        let drained = async {
            let events_have_drained = async {
                if let Some(events) = &events {
                    events.stop(true).await;
                }
            };
            tokio::join!(public.stop(true), events_have_drained);
        };
        tokio::pin!(drained);
        if self.clock.timeout_at(drain_until, &mut drained).await.is_err() {
            tracing::warn!(
                "the drain time is over; the gateway refuses the requests that still wait"
            );
            self.closing.cancel();
            drained.await;
        }
        // Calls whose callers are gone end too: their outcome belongs into the log, and to repetitions.
        let broadcasts_have_ended = async || {
            if let Some(broadcasts) = &self.broadcasts {
                broadcasts.ended().await;
            }
        };
        let work_has_ended = async {
            broadcasts_have_ended().await;
            self.delivery.calls_have_ended().await;
        };
        if self.clock.timeout_at(drain_until, work_has_ended).await.is_err() {
            self.closing.cancel();
            self.delivery.calls_have_ended().await;
            let last_writes_until = self.clock.now() + LAST_WRITES;
            let written = self.clock.timeout_at(last_writes_until, broadcasts_have_ended());
            if written.await.is_err() {
                tracing::warn!("the outcomes of the last broadcast receivers could not be saved");
            }
        }
        admin.stop(false).await;
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// What the events of each store app are checked against.
fn store_apps(config: &Config, metrics: &Metrics) -> StoreApps {
    let expected = config.apps.iter().filter_map(|(name, app)| {
        let store = app.store.as_ref()?;
        let expected = ExpectedApp {
            app_id: app.app_id.clone(),
            encrypt_key: store.encrypt_key.clone(),
            verification_token: store.verification_token.clone(),
        };
        Some((name.clone(), expected))
    });
    StoreApps::new(expected, metrics)
}

/// How long a store of broadcasts that fails may keep the process from ending.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// Publishes the bounds as metrics, so that dashboards can compare the use with them.
fn show_bounds(config: &Config, size: &Size, metrics: &Metrics) {
    let limits = &config.limits;
    metrics.bounds(size.in_flight, limits.max_waiting);
    metrics.quota("receiver", 1, limits.receiver_per_second.get());
    metrics.quota("app", 1, limits.app_per_second.get());
    metrics.quota("app", 60, limits.app_per_minute.get());
}
