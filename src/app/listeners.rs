//! The listeners, and their bounds against callers that are many, slow or silent.

use std::net::SocketAddr;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::http::header::HeaderValue;
use actix_web::web;

use super::delivery::settings;
use super::descriptors::{self, Share};
use super::start::StartError;
use super::way_in::{Listener, WayIn};
use crate::api::keyring::Keyring;
use crate::api::{
    self, Admission, BodyLimits, Draining, ForwardSettings, McpDoor, OpenApiDocument, PublicUrl,
    StoreApps,
};
use crate::broadcasts::Broadcasts;
use crate::clock::Clock;
use crate::config::{Config, LimitsConfig, ServerConfig};
use crate::delivery::Delivery;
use crate::telemetry::metrics::Metrics;
use crate::tls::ServerTls;

/// What the API gives access to, and how it is reached.
pub(super) struct Served {
    pub(super) keyring: web::Data<Keyring>,
    pub(super) delivery: Delivery,
    pub(super) broadcasts: Option<Broadcasts>,
    /// None: callers come without TLS.
    pub(super) tls: Option<ServerTls>,
    pub(super) admission: web::Data<Admission>,
    pub(super) store_apps: StoreApps,
}

/// The number of workers, connections and requests.
pub(super) struct Size {
    workers: usize,
    connections: Share,
    /// Requests of the API that may be in flight. No more than it may have connections, each of which has one at least
    /// while it is busy: so a caller that may not hold all places cannot keep all connections busy either.
    pub(super) in_flight: usize,
}

/// How long callers that are refused at the end of a drain have to read their answer.
const LAST_WORDS: Duration = Duration::from_secs(1);
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
    Served { keyring, delivery, broadcasts, tls, admission, store_apps }: Served,
) -> Result<Listener, StartError> {
    let server = &config.server;
    let public_url = public_url(server);
    let url = public_url.clone();
    let document = OpenApiDocument::new(move |language| api::openapi_json(language, &url));
    let document = web::Data::new(document);
    let public_url = web::Data::new(public_url);
    let body_limits = body_limits(server);
    let store_apps = web::Data::new(store_apps);
    let draining = web::Data::new(draining.clone());
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
            .app_data(draining.clone())
            .app_data(broadcasts.clone())
            .app_data(settings.clone())
            .app_data(mcp.clone())
            .app_data(store_apps.clone())
    };
    let way_in = WayIn {
        name: "public",
        address: server.listen,
        workers: size.workers,
        connections: size.connections.public,
        // A caller that closes its side has hung up, so its place in the queue goes to the next request.
        allows_half_closed: false,
        shutdown_timeout: shutdown_timeout(server),
        tls,
    };
    way_in.open(metrics, app)
}

/// What the listener of events gives access to.
pub(super) struct ServedEvents {
    pub(super) delivery: Delivery,
    pub(super) store_apps: StoreApps,
    /// That of the public listener: the bounds hold for both together.
    pub(super) admission: web::Data<Admission>,
    /// None: without TLS.
    pub(super) tls: Option<ServerTls>,
}

/// The listener of the events of store apps, at `address`.
pub(super) fn events(
    address: SocketAddr,
    config: &Config,
    size: &Size,
    clock: &Clock,
    metrics: &Metrics,
    ServedEvents { delivery, store_apps, admission, tls }: ServedEvents,
) -> Result<Listener, StartError> {
    let body_limits = body_limits(&config.server);
    let public_url = web::Data::new(public_url(&config.server));
    let clock = web::Data::new(clock.clone());
    let delivery = web::Data::new(delivery);
    let store_apps = web::Data::new(store_apps);
    let app = move || {
        api::store_app_events()
            .app_data(admission.clone())
            .app_data(body_limits.clone())
            .app_data(clock.clone())
            .app_data(delivery.clone())
            .app_data(public_url.clone())
            .app_data(store_apps.clone())
    };
    let way_in = WayIn {
        name: "events",
        address,
        workers: 1,
        connections: size.connections.events,
        allows_half_closed: false,
        shutdown_timeout: shutdown_timeout(&config.server),
        tls,
    };
    way_in.open(metrics, app)
}

/// The bounds on bodies of both listeners of callers.
fn body_limits(server: &ServerConfig) -> web::Data<BodyLimits> {
    web::Data::new(BodyLimits { max_size: server.max_body, timeout: server.body_timeout })
}

/// In whole seconds, as actix counts them. The clock keeps the drain time itself.
fn shutdown_timeout(server: &ServerConfig) -> u64 {
    (server.drain_timeout + LAST_WORDS).as_secs() + 1
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
        tls: None,
    };
    way_in.open(metrics, app)
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
