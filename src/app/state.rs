//! The parts that replicas share through Redis.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::broadcasts::RedisStore;
use crate::clock::Clock;
use crate::config::{Config, StateConfig};
use crate::delivery::{SharedIdempotency, SharedUuids};
use crate::feishu::token::{Credentials, RedisTicket, SharedToken};
use crate::limits::{Rules, SharedBudgets, SharedLimits};
use crate::queue::Coordinator;
use crate::redis::{Checkpoint, Durability, RedisClient, RedisSettings};
use crate::telemetry::metrics::Metrics;

/// The Redis of the replicas, and its configuration.
pub(super) struct State<'a> {
    redis: Arc<RedisClient>,
    checkpoint: Arc<Checkpoint>,
    config: &'a StateConfig,
}

/// Checks whether the Redis of `state.url` answers and takes writes. Returns warnings of what it may lose. The error is a
/// sentence for the operator.
pub async fn check_state(config: &Config) -> Result<Vec<String>, String> {
    let Some(state) = &config.state else {
        return Err("is not set: there is no Redis to connect to".to_owned());
    };
    let state = State::new(state, &Clock::system(), &Metrics::new());
    let answer = async {
        state.redis.connect().await?;
        state.limits(config).beat(&[], false).await?;
        Durability::ask(&state.redis, &state.config.prefix).await
    };
    match answer.await {
        Ok(durability) => Ok(durability.warnings()),
        Err(gone) => Err(format!("the gateway cannot use this Redis: {gone}")),
    }
}

impl<'a> State<'a> {
    pub(super) fn new(config: &'a StateConfig, clock: &Clock, metrics: &Metrics) -> Self {
        let settings = RedisSettings {
            url: config.url.clone(),
            password: config.password.clone(),
            sentinel_password: config.sentinel_password.clone(),
            tls: config.tls.pem.clone(),
        };
        let redis = Arc::new(RedisClient::new(settings, clock.clone(), metrics.clone()));
        Self::of(redis, config)
    }

    /// With this client.
    pub(super) fn of(redis: Arc<RedisClient>, config: &'a StateConfig) -> Self {
        let checkpoint = Arc::new(Checkpoint::new(Arc::clone(&redis), &config.prefix));
        Self { redis, checkpoint, config }
    }

    pub(super) fn coordinator(&self, config: &Config) -> Coordinator {
        Coordinator::new(self.limits(config), Arc::clone(&self.checkpoint))
    }

    fn limits(&self, config: &Config) -> SharedLimits {
        let app_ids =
            config.apps.iter().map(|(name, app)| (name.as_str().into(), app.app_id.clone()));
        let StateConfig { prefix, replicas, .. } = self.config;
        let (app_ids, longest_call) = (app_ids.collect(), config.feishu.attempt_timeout);
        SharedLimits::new(self.redis(), prefix, rules(config), app_ids, *replicas, longest_call)
    }

    /// The tenant token of a self-built app.
    pub(super) fn tenant_token(&self, credentials: &Credentials) -> SharedToken {
        SharedToken::self_built(self.redis(), &self.config.prefix, credentials)
    }

    /// The app token of a store app.
    pub(super) fn app_token(&self, credentials: &Credentials) -> SharedToken {
        SharedToken::store_app(self.redis(), &self.config.prefix, credentials)
    }

    /// The app ticket of the store app with this id.
    pub(super) fn ticket(&self, app_id: &str) -> RedisTicket {
        RedisTicket::new(self.redis(), &self.config.prefix, app_id)
    }

    pub(super) fn keys(&self, config: &Config, clock: &Clock) -> SharedIdempotency {
        let secrets = config.apps.iter().map(|(name, app)| (name, &app.app_secret));
        let (prefix, checkpoint) = (&self.config.prefix, Arc::clone(&self.checkpoint));
        let deadline = config.feishu.deadline;
        SharedIdempotency::new(self.redis(), prefix, secrets, deadline, clock.clone(), checkpoint)
    }

    pub(super) fn uuids(&self, clock: &Clock) -> SharedUuids {
        let checkpoint = Arc::clone(&self.checkpoint);
        SharedUuids::new(self.redis(), &self.config.prefix, clock.clone(), checkpoint)
    }

    pub(super) fn broadcasts(&self, config: &Config) -> RedisStore {
        let secrets = config.apps.iter().map(|(name, app)| (name, &app.app_secret));
        RedisStore::new(self.redis(), &self.config.prefix, secrets, config.broadcasts.keep)
    }

    pub(super) fn budgets(&self, config: &Config) -> SharedBudgets {
        let StateConfig { prefix, replicas, .. } = self.config;
        SharedBudgets::new(self.redis(), prefix, config.feishu.deadline, *replicas)
    }

    /// Logs a warning of what Redis may lose, once it is connected. Says nothing if the first attempt to connect fails.
    pub(super) fn warn_of_losses(&self, runtime: &Handle) {
        let (redis, prefix) = (self.redis(), self.config.prefix.clone());
        runtime.spawn(async move {
            redis.tried().await;
            let durability = Durability::ask(&redis, &prefix).await;
            for warning in durability.iter().flat_map(Durability::warnings) {
                tracing::warn!("{warning}");
            }
        });
    }

    pub(super) fn redis(&self) -> Arc<RedisClient> {
        Arc::clone(&self.redis)
    }
}

/// The limits of the configuration.
pub(super) fn rules(config: &Config) -> Rules {
    let limits = &config.limits;
    Rules {
        receiver_per_second: limits.receiver_per_second,
        app_per_second: limits.app_per_second,
        app_per_minute: limits.app_per_minute,
        guard: limits.guard,
    }
}
