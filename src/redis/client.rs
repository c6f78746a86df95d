//! One connection to Redis, whose answers are late after a quarter of a second.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
use tracing::Instrument;

#[cfg(test)]
use super::simulated::{SimulatedConnection, SimulatedRedis};
use super::tls;
use super::unavailable::{TIMEOUT, Unavailable};
use crate::clock::Clock;
use crate::model::state_url::{Node, Servers, StateUrl};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::spans;
use crate::tls::{TlsPem, use_ring};

/// A connection is given up after so many late answers in a row.
const PATIENCE: u32 = 3;

/// Which Redis to connect to, and as whom.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// The servers.
    pub url: StateUrl,
    /// The user's password.
    pub password: Option<SecretString>,
    /// The Sentinels' password.
    pub sentinel_password: Option<SecretString>,
    /// Certificates that are trusted besides the system's, and the gateway's own.
    pub tls: TlsPem,
}

/// A client of Redis, connected or not.
pub struct RedisClient {
    settings: ArcSwap<RedisSettings>,
    clock: Clock,
    metrics: Metrics,
    link: Mutex<ConnectionState>,
    /// Cancelled once the first attempt to connect has ended.
    first_try: CancellationToken,
    /// The Redis of a test, instead of the one that the settings name.
    #[cfg(test)]
    simulated: Option<SimulatedRedis>,
}

#[derive(Default)]
struct ConnectionState {
    connection: Option<RedisConnection>,
    late_in_a_row: u32,
    /// Why the last connection was given up.
    given_up: Option<Arc<str>>,
}

#[derive(Clone)]
enum RedisConnection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
    #[cfg(test)]
    Simulated(SimulatedConnection),
}

impl RedisClient {
    /// A client that is not connected yet.
    #[must_use]
    pub fn new(settings: RedisSettings, clock: Clock, metrics: Metrics) -> Self {
        let (link, first_try) = Default::default();
        let settings = ArcSwap::from_pointee(settings);
        Self {
            settings,
            clock,
            metrics,
            link,
            first_try,
            #[cfg(test)]
            simulated: None,
        }
    }

    /// A client of a simulated Redis that is not connected yet.
    #[cfg(test)]
    pub(crate) fn simulated(redis: SimulatedRedis, clock: Clock, metrics: Metrics) -> Self {
        let settings = RedisSettings {
            url: "redis://127.0.0.1:1".parse().expect("a URL"),
            password: None,
            sentinel_password: None,
            tls: TlsPem::default(),
        };
        Self { simulated: Some(redis), ..Self::new(settings, clock, metrics) }
    }

    /// Whether there is a connection that has not failed.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link().connection.is_some()
    }

    /// Uses other passwords, the user's and the Sentinels', from the next connection on.
    pub fn replace_passwords(
        &self,
        password: Option<SecretString>,
        sentinel_password: Option<SecretString>,
    ) {
        let kept = RedisSettings::clone(&self.settings.load());
        let settings = RedisSettings { password, sentinel_password, ..kept };
        self.settings.store(Arc::new(settings));
    }

    /// Uses other certificates from the next connection on.
    pub fn replace_certificates(&self, tls: TlsPem) {
        let kept = RedisSettings::clone(&self.settings.load());
        self.settings.store(Arc::new(RedisSettings { tls, ..kept }));
    }

    /// Why there is no connection.
    #[must_use]
    pub fn why_not_connected(&self) -> Unavailable {
        Unavailable::NotConnected(self.link().given_up.clone())
    }

    /// Connects. The connection ends with the runtime that this is called in.
    pub async fn connect(&self) -> Result<(), Unavailable> {
        let _tried = self.first_try.clone().drop_guard();
        let connection = self.open().await?;
        *self.link() =
            ConnectionState { connection: Some(connection), ..ConnectionState::default() };
        Ok(())
    }

    async fn open(&self) -> Result<RedisConnection, Unavailable> {
        #[cfg(test)]
        if let Some(simulated) = &self.simulated {
            let connection = self.ask("connect", simulated.connect()).await?;
            return Ok(RedisConnection::Simulated(connection));
        }
        let settings = self.settings.load_full();
        // Not within Redis' time-out: the system may have many certificates.
        let certificates = tls::certificates(&settings.tls);
        self.ask("connect", settings.connect(certificates)).await
    }

    /// Returns once the first attempt to connect has ended.
    pub async fn tried(&self) {
        self.first_try.cancelled().await;
    }

    /// Runs a script. `operation` is its name in metrics.
    pub async fn run<T: FromRedisValue>(
        &self,
        operation: &str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Unavailable> {
        let connection = self.connection()?;
        let answer = self.ask(operation, connection.run(script)).await;
        self.learn(answer.as_ref().err());
        answer
    }

    fn connection(&self) -> Result<RedisConnection, Unavailable> {
        let connection = self.link().connection.clone();
        connection.ok_or_else(|| self.why_not_connected())
    }

    /// What Redis answers within the time-out.
    async fn ask<T>(
        &self,
        operation: &str,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Unavailable> {
        let started = self.clock.now();
        // Boxed because the future is large, and most gateways have no Redis.
        let span = spans::redis(operation);
        let answer = Box::pin(self.clock.timeout_at(started + TIMEOUT, work));
        let answer = answer.instrument(span.clone()).await;
        let answer = answer
            .map_err(|_elapsed| Unavailable::Late)
            .and_then(|it| it.map_err(Unavailable::from));
        if let Err(failure) = &answer {
            spans::failed(&span, failure.kind());
        }
        self.metrics.state_request(operation, answer.is_ok(), self.clock.since(started));
        answer
    }

    /// Gives a connection up that fails: the next one may lead to another server.
    fn learn(&self, failure: Option<&Unavailable>) {
        let mut link = self.link();
        link.late_in_a_row = match failure {
            None => 0,
            Some(Unavailable::Late) => link.late_in_a_row + 1,
            Some(_) => PATIENCE,
        };
        if let Some(failure) = failure.filter(|_| link.late_in_a_row >= PATIENCE) {
            *link = ConnectionState {
                given_up: Some(failure.to_string().into()),
                ..ConnectionState::default()
            };
        }
    }

    fn link(&self) -> MutexGuard<'_, ConnectionState> {
        // No code that can panic runs under this lock.
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl RedisConnection {
    async fn run<T: FromRedisValue>(self, script: &ScriptInvocation<'_>) -> RedisResult<T> {
        match self {
            Self::One(mut connection) => script.invoke_async(&mut connection).await,
            Self::Cluster(mut connection) => script.invoke_async(&mut connection).await,
            #[cfg(test)]
            Self::Simulated(mut connection) => script.invoke_async(&mut connection).await,
        }
    }
}

impl RedisSettings {
    async fn connect(&self, certificates: Option<TlsCertificates>) -> RedisResult<RedisConnection> {
        use_ring();
        // `ask` bounds the time of each answer. A response time-out here would close the connection.
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
                RedisConnection::One(
                    client.get_multiplexed_async_connection_with_config(&config).await?,
                )
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
                RedisConnection::One(client.get_async_connection_with_config(&config).await?)
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
                    // Late answers are discarded: waiting forwards ask again themselves.
                    .retries(1)
                    .build()?;
                RedisConnection::Cluster(client.get_async_connection().await?)
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
