//! A gateway without listeners, for simulations.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::core::Core;
use super::parts::Parts;
use super::reload::FirstKeys;
use super::start::SentBefore;
use super::state::State;
use super::stores::Stores;
use crate::clock::Clock;
use crate::config::Config;
use crate::feishu::client::Client;
use crate::redis::RedisClient;
use crate::redis::simulated::SimulatedRedis;
use crate::sqlite::Database;
use crate::telemetry::metrics::Metrics;

/// What a simulated gateway is made of.
pub(crate) struct Simulated<'a> {
    pub(crate) config: &'a Config,
    pub(crate) clock: &'a Clock,
    pub(crate) sent_before: SentBefore,
    pub(crate) closing: &'a CancellationToken,
    pub(crate) client: &'a Client,
    pub(crate) database: Option<Database>,
    /// None unless the configuration names a Redis.
    pub(crate) redis: Option<SimulatedRedis>,
}

impl Simulated<'_> {
    /// Starts it on the current runtime.
    pub(crate) fn start(self, tasks: &mut JoinSet<()>) -> Core {
        let Self { config, clock, sent_before, closing, client, database, redis } = self;
        let metrics = &Metrics::new();
        let keys = &FirstKeys::read(config, clock, metrics).expect("the keys are right");
        let database = database.map(Arc::new);
        let redis = redis.map(|it| RedisClient::simulated(it, clock.clone(), metrics.clone()));
        let redis = redis.map(Arc::new).zip(config.state.as_ref());
        let state = redis.map(|(redis, config)| State::of(redis, config));
        let stores = Stores { state: state.as_ref(), database: database.as_ref() };
        let parts = Parts { config, clock, metrics, sent_before, closing, client, keys, stores };
        Core::start(parts, tasks)
    }
}
