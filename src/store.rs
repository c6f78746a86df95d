//! The Redis that replicas share: one connection, short time-outs, and nothing that waits for it.

#[cfg(test)]
pub(crate) mod real;
mod seal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue,
    IntoConnectionInfo, RedisConnectionInfo, RedisError, RedisResult, ScriptInvocation, TlsMode,
};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::state_url::{Node, Servers, StateUrl};
use crate::telemetry::metrics::Metrics;
use crate::tls;

pub use seal::Seal;

/// Longest time for one answer, and for a connection to be made: longer than any Redis takes that is
/// well, and short beside a forward's deadline.
pub const TIMEOUT: Duration = Duration::from_millis(250);
/// So many answers in a row that do not come in time tell that the connection is of no use.
const PATIENCE: u32 = 3;

/// Which Redis, and who the gateway is to it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub url: StateUrl,
    /// The user's password.
    pub password: Option<SecretString>,
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

/// Redis did not do what it was asked to.
#[derive(Debug, Error)]
pub enum Gone {
    /// There is no connection; why there is none any more, if there was one.
    #[error("there is no connection{}", .0.as_ref().map(|why| format!(" any more: {why}")).unwrap_or_default())]
    NotConnected(Option<Arc<str>>),
    /// No answer came in time; what was asked may be done yet.
    #[error("no answer within {TIMEOUT:?}")]
    Late,
    /// It failed, or said no.
    #[error("{}", reason(.0))]
    Failed(#[from] RedisError),
    /// Its clock was stepped by so many milliseconds: what is written there counts from another time.
    #[error("its clock was stepped by {0} ms")]
    Stepped(i64),
}

/// The most of what Redis says that is repeated, in bytes.
const LONGEST_REASON: usize = 300;

/// Redis' own words, which hold no values; redis-rs drops them where a login is refused.
fn reason(error: &RedisError) -> String {
    if error.kind() == ErrorKind::AuthenticationFailed {
        return format!(
            "{error}: WRONGPASS, or a password where it has none, or none where it has one"
        );
    }
    // The innermost cause says most: of TLS, what is wrong with which certificate.
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_says = cause.to_string();
        if !reason.contains(&cause_says) {
            reason = format!("{reason}: {cause_says}");
        }
        source = cause.source();
    }
    let end = reason.floor_char_boundary(LONGEST_REASON);
    reason.truncate(end);
    reason.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
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

    /// Logs in with this password from the next connection on.
    pub fn replace_password(&self, password: Option<SecretString>) {
        let settings = Settings { password, ..Settings::clone(&self.settings.load()) };
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
        let connection = self.ask("connect", settings.connect()).await?;
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
    async fn connect(&self) -> RedisResult<Connection> {
        tls::use_ring();
        // How long to wait for an answer is for `ask` to say: what is late is not lost.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(None);
        Ok(match &self.url.servers {
            Servers::One { at, database } => {
                let client = Client::open(self.server(at, *database)?)?;
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
                if self.url.tls {
                    builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
                }
                let mut client = builder.build()?;
                Connection::One(client.get_async_connection_with_config(&config).await?)
            }
            Servers::Cluster { at } => {
                let nodes: Vec<ConnectionInfo> =
                    at.iter().map(|node| self.server(node, 0)).collect::<RedisResult<_>>()?;
                let client = ClusterClientBuilder::new(nodes)
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
