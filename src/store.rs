//! The Redis that replicas share: one connection, short time-outs, and nothing that waits for it.

mod gone;
#[cfg(test)]
pub(crate) mod real;
mod seal;
#[cfg(test)]
mod tests;
mod tls;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, FromRedisValue,
    IntoConnectionInfo, RedisConnectionInfo, RedisResult, ScriptInvocation, TlsCertificates,
    TlsMode,
};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::state_url::{Node, Servers, StateUrl};
use crate::telemetry::metrics::Metrics;
use crate::tls::{TlsFiles, use_ring};

pub use gone::Gone;
pub use seal::Seal;

/// Longest time for one answer, and for a connection to be made: longer than any Redis takes that is
/// well, and short beside a forward's deadline.
pub const TIMEOUT: Duration = Duration::from_millis(250);
/// So many answers in a row that do not come in time tell that the connection is of no use.
const PATIENCE: u32 = 3;

/// Whole milliseconds.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Which Redis, and who the gateway is to it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub url: StateUrl,
    /// The user's password.
    pub password: Option<SecretString>,
    /// That of the Sentinels.
    pub sentinel_password: Option<SecretString>,
    /// What TLS needs beside the system's certificates.
    pub tls: TlsFiles,
}

/// A Redis, whether or not it can be reached.
pub struct Store {
    settings: ArcSwap<Settings>,
    clock: Clock,
    metrics: Metrics,
    link: Mutex<Link>,
    /// Cancelled when it is known whether it can be reached at the start.
    first_try: CancellationToken,
}

#[derive(Default)]
struct Link {
    connection: Option<Connection>,
    late_in_a_row: u32,
    /// Why there is no connection any more.
    given_up: Option<Arc<str>>,
}

#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Store {
    /// Is not connected yet.
    #[must_use]
    pub fn new(settings: Settings, clock: Clock, metrics: Metrics) -> Self {
        let (link, first_try) = Default::default();
        let settings = ArcSwap::from_pointee(settings);
        Self { settings, clock, metrics, link, first_try }
    }

    /// Whether there is a connection that has not failed.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link().connection.is_some()
    }

    /// Logs in with these passwords, the user's and that of the Sentinels, from the next connection on.
    pub fn replace_passwords(
        &self,
        password: Option<SecretString>,
        sentinel_password: Option<SecretString>,
    ) {
        let kept = Settings::clone(&self.settings.load());
        let settings = Settings { password, sentinel_password, ..kept };
        self.settings.store(Arc::new(settings));
    }

    /// Why there is none.
    #[must_use]
    pub fn why_not_connected(&self) -> Gone {
        Gone::NotConnected(self.link().given_up.clone())
    }

    /// Connects. The connection lives as long as the runtime that this is called in.
    pub async fn connect(&self) -> Result<(), Gone> {
        let _tried = self.first_try.clone().drop_guard();
        let settings = self.settings.load_full();
        // Not in the time that Redis has: there may be many of the system's.
        let certificates = tls::read(&settings.tls)?;
        let connection = self.ask("connect", settings.connect(certificates)).await?;
        *self.link() = Link { connection: Some(connection), ..Link::default() };
        Ok(())
    }

    /// Returns once somebody has tried to connect.
    pub async fn tried(&self) {
        self.first_try.cancelled().await;
    }

    /// Runs a script; `operation` is what metrics call it.
    pub async fn run<T: FromRedisValue>(
        &self,
        operation: &str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Gone> {
        let connection = self.connection()?;
        let answer = self.ask(operation, connection.run(script)).await;
        self.learn(answer.as_ref().err());
        answer
    }

    fn connection(&self) -> Result<Connection, Gone> {
        let connection = self.link().connection.clone();
        connection.ok_or_else(|| self.why_not_connected())
    }

    /// What Redis answers in time.
    async fn ask<T>(
        &self,
        operation: &str,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Gone> {
        let started = self.clock.now();
        // It is large, and most gateways have no Redis.
        let answer = Box::pin(self.clock.timeout_at(started + TIMEOUT, work)).await;
        let answer = answer.map_err(|_elapsed| Gone::Late).and_then(|it| it.map_err(Gone::from));
        self.metrics.state_request(operation, answer.is_ok(), self.clock.since(started));
        answer
    }

    /// A connection that fails is given up: another one may lead to another server.
    fn learn(&self, failure: Option<&Gone>) {
        let mut link = self.link();
        link.late_in_a_row = match failure {
            None => 0,
            Some(Gone::Late) => link.late_in_a_row + 1,
            Some(_) => PATIENCE,
        };
        if let Some(failure) = failure.filter(|_| link.late_in_a_row >= PATIENCE) {
            *link = Link { given_up: Some(failure.to_string().into()), ..Link::default() };
        }
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        // No code that can panic runs under this lock.
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Connection {
    async fn run<T: FromRedisValue>(self, script: &ScriptInvocation<'_>) -> RedisResult<T> {
        match self {
            Self::One(mut connection) => script.invoke_async(&mut connection).await,
            Self::Cluster(mut connection) => script.invoke_async(&mut connection).await,
        }
    }
}

impl Settings {
    async fn connect(&self, certificates: Option<TlsCertificates>) -> RedisResult<Connection> {
        use_ring();
        // How long to wait for an answer is for `ask` to say: what is late is not lost.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(None);
        Ok(match &self.url.servers {
            Servers::One { at, database } => {
                let server = self.server(at, *database)?;
                let client = match certificates {
                    Some(certificates) => Client::build_with_tls(server, certificates)?,
                    None => Client::open(server)?,
                };
                Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Servers::Sentinels { at, master } => {
                let sentinels = at.iter().map(|node| self.address(node));
                let mut builder =
                    SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master)?;
                if let Some(user) = &self.url.user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = &self.password {
                    builder = builder.set_client_to_redis_password(password.expose_secret());
                }
                if let Some(password) = &self.sentinel_password {
                    builder = builder.set_client_to_sentinel_password(password.expose_secret());
                }
                if let Some(certificates) = certificates {
                    builder = builder
                        .set_client_to_sentinel_certificates(certificates.clone())
                        .set_client_to_redis_certificates(certificates);
                }
                if self.url.tls {
                    builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
                }
                let mut client = builder.build()?;
                Connection::One(client.get_async_connection_with_config(&config).await?)
            }
            Servers::Cluster { at } => {
                let nodes: Vec<ConnectionInfo> =
                    at.iter().map(|node| self.server(node, 0)).collect::<RedisResult<_>>()?;
                let mut builder = ClusterClientBuilder::new(nodes);
                if let Some(certificates) = certificates {
                    builder = builder.certs(certificates);
                }
                let client = builder
                    .connection_timeout(TIMEOUT)
                    .response_timeout(TIMEOUT * PATIENCE)
                    // What is late is of no use, and what was refused is asked again by whoever waits.
                    .retries(1)
                    .build()?;
                Connection::Cluster(client.get_async_connection().await?)
            }
        })
    }

    fn server(&self, node: &Node, database: i64) -> RedisResult<ConnectionInfo> {
        let mut login = RedisConnectionInfo::default().set_db(database);
        if let Some(user) = &self.url.user {
            login = login.set_username(user);
        }
        if let Some(password) = &self.password {
            login = login.set_password(password.expose_secret());
        }
        Ok(self.address(node).into_connection_info()?.set_redis_settings(login))
    }

    fn address(&self, Node { host, port }: &Node) -> ConnectionAddr {
        let (host, port) = (host.clone(), *port);
        if self.url.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    }
}
