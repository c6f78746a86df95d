//! What replicas share, if they share a Redis.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Config, StateConfig};
use crate::delivery::{Mark, SharedKeys, SharedUuids, Sharing};
use crate::feishu::shared_token::SharedToken;
use crate::feishu::token::Credentials;
use crate::limits::{Rules, Shared};
use crate::store::{Settings, Store};
use crate::telemetry::metrics::Metrics;

/// The Redis of replicas, and the settings of what is in it.
pub(super) struct State<'a> {
    store: Arc<Store>,
    mark: Arc<Mark>,
    config: &'a StateConfig,
}

/// Asks the Redis of `state.url` whether it answers and takes what is written; else tells what is wrong.
pub async fn check_state(config: &Config) -> Result<(), String> {
    let Some(state) = &config.state else {
        return Err("is not set, so there is nothing to connect to".to_owned());
    };
    let state = State::new(state, &Clock::system(), &Metrics::new());
    let answer = async {
        state.store.connect().await?;
        state.limits(config).beat(&[], false).await
    };
    match answer.await {
        Ok(_) => Ok(()),
        Err(gone) => Err(format!("leads to a Redis that is of no use: {gone}")),
    }
}

impl<'a> State<'a> {
    pub(super) fn new(config: &'a StateConfig, clock: &Clock, metrics: &Metrics) -> Self {
        let settings = Settings {
            url: config.url.clone(),
            password: config.password.clone(),
            sentinel_password: config.sentinel_password.clone(),
            tls: config.tls.clone(),
        };
        let store = Arc::new(Store::new(settings, clock.clone(), metrics.clone()));
        let mark = Arc::new(Mark::new(Arc::clone(&store), &config.prefix));
        Self { store, mark, config }
    }

    pub(super) fn sharing(&self, config: &Config) -> Sharing {
        Sharing::new(self.limits(config), Arc::clone(&self.mark))
    }

    fn limits(&self, config: &Config) -> Shared {
        let app_ids =
            config.apps.iter().map(|(name, app)| (name.as_str().into(), app.app_id.clone()));
        let StateConfig { prefix, replicas, .. } = self.config;
        let (app_ids, longest_call) = (app_ids.collect(), config.feishu.attempt_timeout);
        Shared::new(self.store(), prefix, rules(config), app_ids, *replicas, longest_call)
    }

    pub(super) fn token(&self, credentials: &Credentials) -> SharedToken {
        SharedToken::new(self.store(), &self.config.prefix, credentials)
    }

    pub(super) fn keys(&self, config: &Config, clock: &Clock) -> SharedKeys {
        let secrets = config.apps.iter().map(|(name, app)| (name, &app.app_secret));
        let (prefix, mark) = (&self.config.prefix, Arc::clone(&self.mark));
        let deadline = config.feishu.deadline;
        SharedKeys::new(self.store(), prefix, secrets, deadline, clock.clone(), mark)
    }

    pub(super) fn uuids(&self, clock: &Clock) -> SharedUuids {
        let mark = Arc::clone(&self.mark);
        SharedUuids::new(self.store(), &self.config.prefix, clock.clone(), mark)
    }

    pub(super) fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }
}

/// The rules of all limits.
pub(super) fn rules(config: &Config) -> Rules {
    let limits = &config.limits;
    Rules {
        receiver_per_second: limits.receiver_per_second,
        app_per_second: limits.app_per_second,
        app_per_minute: limits.app_per_minute,
        guard: limits.guard,
    }
}
