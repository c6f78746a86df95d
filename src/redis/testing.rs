//! A Redis for tests: a simulated one, or the real one that `TEST_STATE_URL` names.
//!
//! `make test-replicas` starts real ones and runs the tests with them again.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::simulated::SimulatedRedis;
use super::{RedisClient, RedisSettings, Unavailable};
use crate::clock::{Clock, ManualClock};
use crate::random;
use crate::telemetry::metrics::Metrics;
use crate::tls::TlsPem;

/// Lua that writes to a key what no script of the gateway's has written.
pub(crate) const FOREIGN: &[&str] = &[
    "redis.call('RPUSH', KEYS[1], 'a')",
    "redis.call('HSET', KEYS[1], 'cells', 'b')",
    "local many = {} for n = 1, 5000 do many[n] = n end \
     for _ = 1, 4 do redis.call('RPUSH', KEYS[1], unpack(many)) end",
    "redis.call('SET', KEYS[1], '')",
    "redis.call('SET', KEYS[1], 'words')",
    "redis.call('SET', KEYS[1], string.rep('x', 600000))",
    // Arrays in arrays, without an end.
    "redis.call('SET', KEYS[1], string.rep('\\145', 600000))",
    "redis.call('SET', KEYS[1], string.rep('\\145', 60000))",
    "redis.call('SET', KEYS[1], '-1e300')",
    "redis.call('SET', KEYS[1], '1e300')",
    "redis.call('SET', KEYS[1], 'nan')",
    "redis.call('SET', KEYS[1], 'inf')",
    "redis.call('SET', KEYS[1], cmsgpack.pack('words'))",
    "redis.call('SET', KEYS[1], cmsgpack.pack({ 1, 2, 3 }))",
    "redis.call('SET', KEYS[1], cmsgpack.pack({ cells = 'a', pause = {}, closed_until = 'b', \
     spent_until = true, quota_until = {}, content = 1, owner = {}, outcome = 2, first_attempt = 'c' }))",
    "redis.call('SET', KEYS[1], cmsgpack.pack({ cells = { 1e300, 'a', 0/0, 1/0 }, pause = -1, \
     closed_until = 1/0, spent_until = 1e18, quota_until = 1e18, content = {}, first_attempt = 1/0 }))",
    "redis.call('SET', KEYS[1], cmsgpack.pack({ pause = 1e18, closed_until = 1, spent_until = 0/0, \
     quota_until = 0/0, content = 'another', owner = 'a', lease_until = 0/0, first_attempt = 0/0 }))",
];

/// A prefix of keys in a Redis that nothing else uses.
pub(crate) struct TestRedis {
    server: TestServer,
    pub(crate) prefix: String,
    runtime: Arc<Runtime>,
}

#[derive(Clone)]
enum TestServer {
    /// At this URL.
    Real(String),
    /// With the clock that it goes by.
    Simulated(SimulatedRedis, ManualClock),
}

impl TestRedis {
    /// Whether `TEST_STATE_URL` is set.
    pub(crate) fn is_real() -> bool {
        url().is_some()
    }

    pub(crate) fn new() -> Self {
        let server = url().map_or_else(
            || {
                let (clock, hand) = Clock::manual();
                TestServer::Simulated(SimulatedRedis::new(clock), hand)
            },
            TestServer::Real,
        );
        Self::at(server, format!("test-{}", random::uuid()))
    }

    /// The same place with a runtime of its own, as another process has.
    pub(crate) fn for_another(&self) -> Self {
        Self::at(self.server.clone(), self.prefix.clone())
    }

    fn at(server: TestServer, prefix: String) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { server, prefix, runtime: runtime.into() }
    }

    /// A connection to it.
    pub(crate) fn store(&self) -> Arc<RedisClient> {
        // Its time stands still, so that no answer is late on a machine that is busy.
        let (clock, metrics) = (Clock::manual().0, Metrics::new());
        let store = match &self.server {
            TestServer::Real(url) => RedisClient::new(settings(url), clock, metrics),
            TestServer::Simulated(redis, _) => {
                RedisClient::simulated(redis.clone(), clock, metrics)
            }
        };
        // A connection is given real time, which may be too little there.
        let mut connected = (0..20).map(|_| self.runtime.block_on(store.connect()));
        assert!(connected.any(|it| it.is_ok()), "no connection");
        store.into()
    }

    /// A millisecond passes in a simulated Redis. In a real one, time passes by itself.
    pub(crate) fn tick(&self) {
        if let TestServer::Simulated(_, hand) = &self.server {
            hand.advance(Duration::from_millis(1));
        }
    }

    /// Puts what this Lua writes in the place of a key.
    pub(crate) fn plant(&self, key: &str, lua: &str) {
        let script = redis::Script::new(&format!("redis.call('DEL', KEYS[1]) {lua}"));
        let key = format!("{{{}}}:{key}", self.prefix);
        let store = self.store();
        self.wait(store.run::<()>("test", &script.key(key)));
    }

    /// The runtime of the connections.
    pub(crate) fn runtime(&self) -> Arc<Runtime> {
        Arc::clone(&self.runtime)
    }

    /// Runs this on the runtime of the connections, and meanwhile what was spawned there.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) fn wait<T>(&self, answer: impl Future<Output = Result<T, Unavailable>>) -> T {
        self.run(answer).expect("Redis answers")
    }
}

/// A client of a Redis that is not there.
pub(crate) fn unconnected() -> RedisClient {
    RedisClient::new(settings("redis://127.0.0.1:1"), Clock::manual().0, Metrics::new())
}

fn settings(url: &str) -> RedisSettings {
    RedisSettings {
        url: url.parse().unwrap(),
        password: None,
        sentinel_password: None,
        tls: TlsPem::default(),
    }
}

fn url() -> Option<String> {
    std::env::var("TEST_STATE_URL").ok()
}
