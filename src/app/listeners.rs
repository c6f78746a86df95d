//! The two listeners, and what each holds against callers that are many, slow or silent.

use std::io;
use std::net::SocketAddr;
use std::thread::available_parallelism;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::header::HeaderValue;
use actix_web::{HttpServer, web};

use super::StartError;
use crate::api::keyring::Keyring;
use crate::api::{self, Docs, Draining, ForwardSettings, Observer, PublicUrl};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::delivery::Delivery;
use crate::telemetry::metrics::Metrics;

/// An address that is listened on, and the server that does.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) server: Server,
}

/// Longest time for the head of a connection's first request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may be idle before the gateway closes it: longer than the pools of usual
/// clients keep one, so that it is the client that closes first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a connection may last without a request that is worked on: whoever sends the next one
/// as late as may be has as long for its head as for the first.
const LONGEST_QUIET: Duration = KEEP_ALIVE.saturating_add(HEAD_TIMEOUT);
/// How long those who were refused at the end of draining have to read their answer.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// More threads than this actix does not take.
const MOST_WORKERS: usize = 512;
/// Connections to the admin listener at the same time.
const ADMIN_CONNECTIONS: usize = 256;

/// The API.
pub(super) fn public(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
    draining: &Draining,
    keyring: web::Data<Keyring>,
    delivery: Delivery,
) -> Result<Listener, StartError> {
    let server = &config.server;
    let public_url = public_url(server);
    let docs = web::Data::new(Docs::new(api::openapi_json(&public_url)));
    let public_url = web::Data::new(public_url);
    let observer =
        Observer::new(clock.clone(), metrics.clone(), server.max_in_flight, draining.clone());
    let observer = web::Data::new(observer);
    let clock = web::Data::new(clock.clone());
    let settings = web::Data::new(ForwardSettings {
        max_wait: config.limits.max_wait.min(delivery.last_start),
        max_body: server.max_body,
        body_timeout: server.body_timeout,
        rate_limit_policy: rate_limit_policy(&config.limits),
    });
    let delivery = web::Data::new(delivery);
    // Fewer connections than cores have one worker each, so that they are no more than allowed.
    let cores = available_parallelism().map_or(1, usize::from);
    let workers = cores.min(MOST_WORKERS).min(server.max_connections);
    // A drain lasts in whole seconds here; the drain time itself is kept by the clock.
    let shutdown = (server.drain_timeout + LAST_WORDS).as_secs() + 1;
    let http = HttpServer::new(move || {
        api::public()
            .app_data(docs.clone())
            .app_data(public_url.clone())
            .app_data(observer.clone())
            .app_data(clock.clone())
            .app_data(keyring.clone())
            .app_data(delivery.clone())
            .app_data(settings.clone())
    })
    .workers(workers)
    .max_connections(server.max_connections.div_ceil(workers))
    .client_request_timeout(HEAD_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    // actix keeps the machine's time for connections, and so does this.
    .on_connect(api::close_when_quiet(Clock::system(), LONGEST_QUIET))
    // A caller that closes its side has hung up: its place in line goes to the next.
    .h1_allow_half_closed(false)
    .disable_signals()
    .shutdown_timeout(shutdown);
    listen(server.listen, http.bind(server.listen), |http| (http.addrs(), http.run()))
}

/// Metrics and health.
pub(super) fn admin(
    config: &Config,
    metrics: &Metrics,
    draining: &Draining,
    delivery: Delivery,
) -> Result<Listener, StartError> {
    let address = config.server.admin_listen;
    let metrics = web::Data::new(metrics.clone());
    let draining = web::Data::new(draining.clone());
    let delivery = web::Data::new(delivery);
    let public_url = web::Data::new(public_url(&config.server));
    let http = HttpServer::new(move || {
        api::admin()
            .app_data(metrics.clone())
            .app_data(draining.clone())
            .app_data(delivery.clone())
            .app_data(public_url.clone())
    })
    .workers(1)
    .max_connections(ADMIN_CONNECTIONS)
    .client_request_timeout(HEAD_TIMEOUT)
    .on_connect(api::close_when_quiet(Clock::system(), LONGEST_QUIET))
    .disable_signals();
    listen(address, http.bind(address), |http| (http.addrs(), http.run()))
}

fn listen<S>(
    address: SocketAddr,
    bound: io::Result<S>,
    run: impl FnOnce(S) -> (Vec<SocketAddr>, Server),
) -> Result<Listener, StartError> {
    let bound = bound.map_err(|cause| StartError::Listen { address, cause })?;
    let (addresses, server) = run(bound);
    Ok(Listener { address: addresses.first().copied().unwrap_or(address), server })
}

fn public_url(server: &config::Server) -> PublicUrl {
    server.public_url.as_ref().map_or_else(PublicUrl::default, PublicUrl::new)
}

fn rate_limit_policy(limits: &config::Limits) -> HeaderValue {
    let policy = format!(
        "\"receiver\";q={};w=1, \"app\";q={};w=60",
        limits.receiver_per_second, limits.app_per_minute
    );
    HeaderValue::try_from(policy).expect("numbers and names fit into a header")
}
