//! The one place that puts the parts together, starts them and stops them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::header::HeaderValue;
use actix_web::{HttpServer, web};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::keyring::Keyring;
use crate::api::{self, Docs, Draining, ForwardSettings, Observer};
use crate::clock::Clock;
use crate::config::{self, Config, KeysFile, Mistake, watch_keys_file};
use crate::delivery::{self, Delivery, Turns};
use crate::feishu::client::{self, Client};
use crate::feishu::token::{Credentials, TokenSource};
use crate::limits::Rules;
use crate::telemetry::metrics::Metrics;

/// A gateway that listens.
pub struct Application {
    public: Listener,
    admin: Listener,
    draining: Draining,
    closing: CancellationToken,
    drain_timeout: Duration,
    clock: Clock,
    /// What goes on beside answering: dropped with the application.
    _tasks: JoinSet<()>,
}

struct Listener {
    address: SocketAddr,
    server: Server,
}

/// Why the gateway could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// The HTTP client cannot be made.
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The keys file is not valid.
    #[error("{}", .0.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n"))]
    Keys(Vec<Mistake>),
}

/// How often the keys file is looked at.
const KEYS_FILE_INTERVAL: Duration = Duration::from_secs(2);
/// How often the limits forget receivers.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// How long a connection may be idle before the gateway closes it: longer than the pools of usual
/// clients keep one, so that it is the client that closes first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long those who were refused at the end of draining have to read their answer.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Application {
    /// Listens on both addresses and begins to fetch tenant tokens.
    pub fn build(config: &Config, clock: &Clock) -> Result<Self, StartError> {
        let metrics = Metrics::new();
        let closing = CancellationToken::new();
        let draining = Draining::default();
        let mut tasks = JoinSet::new();
        let keyring = keyring(config, clock, &mut tasks)?;
        let delivery = delivery(config, clock, &metrics, &closing)?;
        work_beside(&delivery, &mut tasks);
        let public = public(config, clock, &metrics, keyring, delivery.clone())?;
        let admin = admin(config, &metrics, &draining, delivery)?;
        let drain_timeout = config.server.drain_timeout;
        Ok(Self {
            public,
            admin,
            draining,
            closing,
            drain_timeout,
            clock: clock.clone(),
            _tasks: tasks,
        })
    }

    /// The address of the API.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.public.address
    }

    /// The address of metrics and health.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address
    }

    /// Answers until `stop` returns, then drains: no longer ready and no longer listening, it lets
    /// the requests in flight finish and at the end of the drain time refuses those that wait.
    pub async fn run_until_stopped(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let (public, admin) = (self.public.server.handle(), self.admin.server.handle());
        let mut running = JoinSet::new();
        running.spawn(self.public.server);
        running.spawn(self.admin.server);
        tokio::select! {
            Some(ended) = running.join_next() => return ended?,
            () = stop => {}
        }
        tracing::info!(drain_timeout = ?self.drain_timeout, "draining");
        self.draining.begin();
        let drain_until = self.clock.now() + self.drain_timeout;
        let drained = public.stop(true);
        tokio::pin!(drained);
        if self.clock.timeout_at(drain_until, &mut drained).await.is_err() {
            tracing::warn!("the drain time is over; those who still wait are refused");
            self.closing.cancel();
            drained.await;
        }
        admin.stop(false).await;
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        tracing::info!("stopped");
        Ok(())
    }
}

fn keyring(
    config: &Config,
    clock: &Clock,
    tasks: &mut JoinSet<()>,
) -> Result<web::Data<Keyring>, StartError> {
    let Some(path) = &config.keys_file else {
        return Ok(web::Data::new(Keyring::new(&config.keys)));
    };
    let mut file = KeysFile::new(path.clone(), &config.apps, config.keys.clone());
    let keys = file.look().expect("the first look tells").map_err(StartError::Keys)?;
    let keyring = web::Data::new(Keyring::new(&keys));
    let kept = keyring.clone();
    let clock = clock.clone();
    tasks.spawn(watch_keys_file(file, clock, KEYS_FILE_INTERVAL, move |keys| kept.replace(keys)));
    Ok(keyring)
}

fn delivery(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
    closing: &CancellationToken,
) -> Result<Delivery, StartError> {
    let options = client::Options {
        base_url: config.feishu.base_url.clone(),
        connect_timeout: config.feishu.connect_timeout,
        attempt_timeout: config.feishu.attempt_timeout,
    };
    let client = Client::new(options, clock.clone())?;
    let limits = &config.limits;
    let rules = Rules {
        receiver_per_second: limits.receiver_per_second,
        app_per_second: limits.app_per_second,
        app_per_minute: limits.app_per_minute,
        guard: limits.guard,
    };
    let names: Vec<Arc<str>> = config.apps.keys().map(|name| name.as_str().into()).collect();
    let turns = Turns::new(&rules, &names, clock.clone());
    let app = |(name, app): (&String, &config::App)| {
        let name: Arc<str> = name.as_str().into();
        let credentials =
            Credentials { app_id: app.app_id.clone(), app_secret: app.app_secret.clone() };
        let token = TokenSource::new(
            name.clone(),
            credentials,
            client.clone(),
            clock.clone(),
            metrics.clone(),
        );
        (name.clone(), delivery::App { name, token })
    };
    Ok(Delivery {
        apps: Arc::new(config.apps.iter().map(app).collect()),
        turns: Arc::new(turns),
        client,
        clock: clock.clone(),
        deadline: config.feishu.deadline,
        closing: closing.clone(),
        metrics: metrics.clone(),
    })
}

/// Keeps each app's token fresh and lets the limits forget.
fn work_beside(delivery: &Delivery, tasks: &mut JoinSet<()>) {
    for name in delivery.apps.keys() {
        let (name, delivery) = (Arc::clone(name), delivery.clone());
        tasks.spawn(async move { delivery.apps[&name].token.keep_fresh().await });
    }
    let delivery = delivery.clone();
    tasks.spawn(async move {
        loop {
            delivery.clock.sleep_until(delivery.clock.now() + SWEEP_INTERVAL).await;
            delivery.turns.sweep();
        }
    });
}

fn public(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
    keyring: web::Data<Keyring>,
    delivery: Delivery,
) -> Result<Listener, StartError> {
    let server = &config.server;
    let docs = web::Data::new(Docs::new(api::openapi_json()));
    let observer = Observer::new(clock.clone(), metrics.clone(), server.max_in_flight);
    let observer = web::Data::new(observer);
    let clock = web::Data::new(clock.clone());
    let max_body = server.max_body;
    let settings = web::Data::new(ForwardSettings {
        // The last third of the deadline is for the call itself.
        max_wait: config.limits.max_wait.min(config.feishu.deadline * 2 / 3),
        max_body,
        rate_limit_policy: rate_limit_policy(&config.limits),
    });
    // A drain lasts in whole seconds here; the drain time itself is kept by the clock.
    let shutdown = (server.drain_timeout + LAST_WORDS).as_secs() + 1;
    let http = HttpServer::new(move || {
        let delivery = delivery.for_one_worker().expect("a client like it was made before");
        api::public()
            .app_data(docs.clone())
            .app_data(observer.clone())
            .app_data(clock.clone())
            .app_data(keyring.clone())
            .app_data(web::Data::new(delivery))
            .app_data(settings.clone())
            .app_data(web::PayloadConfig::new(max_body))
    })
    .keep_alive(KEEP_ALIVE)
    // A caller that closes its side has hung up: its place in line goes to the next.
    .h1_allow_half_closed(false)
    .disable_signals()
    .shutdown_timeout(shutdown);
    listen(server.listen, http.bind(server.listen), |http| (http.addrs(), http.run()))
}

fn admin(
    config: &Config,
    metrics: &Metrics,
    draining: &Draining,
    delivery: Delivery,
) -> Result<Listener, StartError> {
    let address = config.server.admin_listen;
    let metrics = web::Data::new(metrics.clone());
    let draining = web::Data::new(draining.clone());
    let delivery = web::Data::new(delivery);
    let http = HttpServer::new(move || {
        api::admin().app_data(metrics.clone()).app_data(draining.clone()).app_data(delivery.clone())
    })
    .workers(1)
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

fn rate_limit_policy(limits: &config::Limits) -> HeaderValue {
    let policy = format!(
        "\"receiver\";q={};w=1, \"app\";q={};w=60",
        limits.receiver_per_second, limits.app_per_minute
    );
    HeaderValue::try_from(policy).expect("numbers and names fit into a header")
}
