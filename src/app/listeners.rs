//! The two listeners, and their bounds against callers that are many, slow or silent.
//!
//! The servers are put together from actix' parts and not by `HttpServer`, because actix bounds only the first head of
//! a connection and knows no idle ones (`api/connections`).

use std::fmt;
use std::net::SocketAddr;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_http::{HttpService, Protocol, Request, Response};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server};
use actix_web::http::header::HeaderValue;
use actix_web::rt::net::TcpStream;
use actix_web::{Error, web};

use super::delivery::settings;
use super::descriptors::{self, AT_THE_DOOR, Share};
use super::sockets;
use super::start::StartError;
use crate::api::keyring::Keyring;
use crate::api::{
    self, Admission, BodyLimits, ClientConnection, ConnectionSlots, Draining, ForwardSettings,
    McpDoor, OpenApiDocument, PublicUrl, Socket,
};
use crate::broadcasts::Broadcasts;
use crate::clock::Clock;
use crate::config::{Config, LimitsConfig, ServerConfig};
use crate::delivery::Delivery;
use crate::telemetry::metrics::Metrics;

/// An address, and the server that listens on it.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) server: Server,
}

/// What the API gives access to.
pub(super) struct Served {
    pub(super) keyring: web::Data<Keyring>,
    pub(super) delivery: Delivery,
    pub(super) broadcasts: Option<Broadcasts>,
}

/// The number of workers, connections and requests.
pub(super) struct Size {
    workers: usize,
    connections: Share,
    /// Requests of the API that may be in flight. No more than it may have connections, each of which has one at a time:
    /// so a caller that may not hold all places cannot keep all connections busy either.
    pub(super) in_flight: usize,
}

/// How long callers that are refused at the end of a drain have to read their answer.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long a connection is still read from after its last answer. Closing it with unread data would reset it, and
/// the caller would lose the answer.
const LINGER: Duration = Duration::from_secs(1);
/// The most threads that actix takes.
const MOST_WORKERS: usize = 512;

/// The size that the machine and the limit on descriptors allow. Raises that limit as far as the process may.
pub(super) fn size(config: &Config) -> Size {
    let cores = available_parallelism().map_or(1, usize::from);
    let workers = cores.min(MOST_WORKERS).min(config.server.max_connections);
    let connections = descriptors::share(config, workers, descriptors::raise_limit());
    let in_flight = config.server.max_in_flight.min(connections.public);
    Size { workers, connections, in_flight }
}

/// The listener of the API.
pub(super) fn public(
    config: &Config,
    size: &Size,
    clock: &Clock,
    metrics: &Metrics,
    draining: &Draining,
    Served { keyring, delivery, broadcasts }: Served,
) -> Result<Listener, StartError> {
    let server = &config.server;
    let public_url = public_url(server);
    let document = web::Data::new(OpenApiDocument::new(api::openapi_json(&public_url)));
    let public_url = web::Data::new(public_url);
    let admission =
        Admission::new(clock.clone(), metrics.clone(), size.in_flight, draining.clone());
    let admission = web::Data::new(admission);
    let body_limits =
        web::Data::new(BodyLimits { max_size: server.max_body, timeout: server.body_timeout });
    let clock = web::Data::new(clock.clone());
    let settings = web::Data::new(ForwardSettings {
        max_wait: config.limits.max_wait.min(settings(config).last_start),
        rate_limit_policy: rate_limit_policy(&config.limits),
        app_per_minute: config.limits.app_per_minute.get(),
    });
    let mcp = web::Data::new(McpDoor::new(
        server.mcp_origins.clone(),
        server.mcp_hosts.clone(),
        metrics.clone(),
    ));
    let delivery = web::Data::new(delivery);
    let broadcasts = web::Data::new(broadcasts);
    let has_docs = server.docs;
    let app = move || {
        api::public(has_docs)
            .app_data(document.clone())
            .app_data(public_url.clone())
            .app_data(admission.clone())
            .app_data(body_limits.clone())
            .app_data(clock.clone())
            .app_data(keyring.clone())
            .app_data(delivery.clone())
            .app_data(broadcasts.clone())
            .app_data(settings.clone())
            .app_data(mcp.clone())
    };
    let way_in = WayIn {
        name: "public",
        address: server.listen,
        workers: size.workers,
        connections: size.connections.public,
        // A caller that closes its side has hung up, so its place in the queue goes to the next request.
        allows_half_closed: false,
        // actix counts whole seconds. The clock keeps the drain time itself.
        shutdown_timeout: (server.drain_timeout + LAST_WORDS).as_secs() + 1,
    };
    way_in.open(metrics, app)
}

/// The listener of metrics and health.
pub(super) fn admin(
    config: &Config,
    size: &Size,
    metrics: &Metrics,
    draining: &Draining,
    delivery: Delivery,
    keyring: web::Data<Keyring>,
) -> Result<Listener, StartError> {
    let shown = web::Data::new(metrics.clone());
    let draining = web::Data::new(draining.clone());
    let delivery = web::Data::new(delivery);
    let public_url = web::Data::new(public_url(&config.server));
    let app = move || {
        api::admin()
            .app_data(shown.clone())
            .app_data(draining.clone())
            .app_data(delivery.clone())
            .app_data(keyring.clone())
            .app_data(public_url.clone())
    };
    let way_in = WayIn {
        name: "admin",
        address: config.server.admin_listen,
        workers: 1,
        connections: size.connections.admin,
        allows_half_closed: true,
        shutdown_timeout: 0,
    };
    way_in.open(metrics, app)
}

/// The parts of one listener.
struct WayIn {
    name: &'static str,
    address: SocketAddr,
    workers: usize,
    connections: usize,
    allows_half_closed: bool,
    /// In seconds.
    shutdown_timeout: u64,
}

impl WayIn {
    /// Listens, and answers with `app`.
    fn open<F, A, S, B>(self, metrics: &Metrics, app: F) -> Result<Listener, StartError>
    where
        F: Fn() -> A + Send + Clone + 'static,
        A: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<Error> + 'static,
        S::InitError: fmt::Debug,
        S::Response: Into<Response<B>> + 'static,
        S::Service: 'static,
        <S::Service as Service<Request>>::Future: 'static,
        B: MessageBody + 'static,
    {
        let refused = |cause| StartError::Listen { address: self.address, cause };
        let socket = sockets::listen(self.address).map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;
        // By the machine's clock, as actix' own time-outs of connections are.
        let slots =
            ConnectionSlots::new(self.name, self.connections, Clock::system(), metrics.clone());
        let server = Server::build()
            .workers(self.workers)
            // A bound that is never reached while a connection is idle: a connection beyond the slots makes an
            // idle one close, or waits until one closes.
            .max_concurrent_connections(self.connections.div_ceil(self.workers) + AT_THE_DOOR)
            .shutdown_timeout(self.shutdown_timeout)
            .disable_signals();
        let stopping = server.graceful_shutdown_signal();
        let answering = move || {
            let (slots, stopping) = (slots.clone(), stopping.clone());
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                // `api::serve` ends slow heads. actix would answer a connection over which nothing came yet, and a pool
                // that keeps such a connection for later would read the answer as that to its next request.
                .client_request_timeout(Duration::ZERO)
                .keep_alive(api::KEEP_ALIVE)
                .client_disconnect_timeout(LINGER)
                .h1_allow_half_closed(self.allows_half_closed)
                .local_addr(address)
                .on_connect_ext(api::attach_connection)
                .finish(map_config(
                    app().into_factory().map_err(|error| error.into().error_response()),
                    |()| AppConfig::default(),
                ));
            apply_fn_factory(http, move |stream: TcpStream, http: &_| {
                let connection = ClientConnection::new(&slots, stream.peer_addr().ok());
                let socket = Socket::new(stream, &connection);
                let answering = http.call((socket, Protocol::Http1, connection.peer()));
                api::serve(connection, answering)
            })
        };
        let server = server.listen(self.name, socket, answering).map_err(refused)?.run();
        Ok(Listener { address, server })
    }
}

fn public_url(server: &ServerConfig) -> PublicUrl {
    server.public_url.as_ref().map_or_else(PublicUrl::default, PublicUrl::new)
}

fn rate_limit_policy(limits: &LimitsConfig) -> HeaderValue {
    let policy = format!(
        "\"receiver\";q={};w=1, \"app\";q={};w=60",
        limits.receiver_per_second, limits.app_per_minute
    );
    HeaderValue::try_from(policy).expect("numbers and names fit into a header")
}
