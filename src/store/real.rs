//! A real Redis for tests, which `TEST_STATE_URL` names: `make test-replicas` has one. Tests of what is only
//! in Redis hold nothing without it.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use super::{Gone, Settings, Store};
use crate::clock::Clock;
use crate::telemetry::metrics::Metrics;

/// A place in it that nobody else has.
pub(crate) struct RealRedis {
    url: String,
    pub(crate) prefix: String,
    runtime: Runtime,
}

impl RealRedis {
    pub(crate) fn is_there() -> bool {
        url().is_some()
    }

    pub(crate) fn new() -> Option<Self> {
        Some(Self::at(url()?, format!("test-{}", Uuid::now_v7())))
    }

    /// The same place with a runtime of its own, as another process has.
    pub(crate) fn for_another(&self) -> Self {
        Self::at(self.url.clone(), self.prefix.clone())
    }

    fn at(url: String, prefix: String) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { url, prefix, runtime }
    }

    /// A connection to it.
    pub(crate) fn store(&self) -> Arc<Store> {
        let settings = Settings { url: self.url.parse().unwrap(), password: None };
        let store = Store::new(settings, Clock::system(), Metrics::new());
        self.wait(store.connect());
        store.into()
    }

    pub(crate) fn wait<T>(&self, answer: impl Future<Output = Result<T, Gone>>) -> T {
        self.runtime.block_on(answer).expect("Redis answers")
    }
}

fn url() -> Option<String> {
    std::env::var("TEST_STATE_URL").ok()
}
