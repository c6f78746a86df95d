//! What a gateway is started with, and its start.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use feishu_forward_gateway::app::{Application, SentBefore, StartError};
use feishu_forward_gateway::clock::{Clock, Moment};
use feishu_forward_gateway::config::{self, Config};
use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::{App, Fault, Options, Settings, Simulator, StoreApp};
use tokio::sync::oneshot;

use crate::{Gateway, Process, guarded};

/// The secret of the app `main`: not a word that could stand in an answer by chance.
pub const APP_SECRET: &str = "S3cr3t-of-main-kd92hf7";

/// Time left at which a token is renewed (contract).
const RENEWED_WITH_LEFT: Duration = Duration::from_mins(30);

/// What a gateway is started with.
pub struct Setup {
    settings: Vec<(String, String)>,
    apps: Vec<App>,
    store_apps: Vec<String>,
    feishu: Settings,
    faults: Vec<Fault>,
    base_url: fn(&str) -> String,
    cold: bool,
    sent_before: SentBefore,
}

/// The setup of a gateway with one app, `main`, and one caller, `tester`. All else is as by default.
pub fn gateway() -> Setup {
    let setup = Setup {
        settings: Vec::new(),
        apps: Vec::new(),
        store_apps: Vec::new(),
        feishu: Settings::default(),
        faults: Vec::new(),
        base_url: str::to_owned,
        cold: false,
        sent_before: SentBefore::Nothing,
    };
    setup
        .set("server.listen", "127.0.0.1:0")
        .set("server.admin_listen", "127.0.0.1:0")
        .set("server.drain_delay", "0s")
        .set("keys.tester.app", "main")
        .app("main", APP_SECRET)
}

impl Setup {
    /// Sets a configuration key, such as `limits.max_wait`. The last one wins.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let variable = format!("GATEWAY__{}", key.to_uppercase().replace('.', "__"));
        self.settings.retain(|(known, _)| *known != variable);
        self.settings.push((variable, value.to_owned()));
        self
    }

    /// Adds an app that Feishu knows under `cli_NAME`.
    pub fn app(mut self, name: &str, secret: &str) -> Self {
        let app_id = format!("cli_{name}");
        self.apps.push(App::new(&app_id, secret));
        self.set(&format!("apps.{name}.app_id"), &app_id)
            .set(&format!("apps.{name}.app_secret"), secret)
    }

    /// Adds a store app that Feishu knows under `cli_NAME`, with these tenants. Feishu pushes its events to the gateway.
    pub fn store_app<'a>(mut self, name: &str, tenants: impl IntoIterator<Item = &'a str>) -> Self {
        let [app_id, secret, token, key] =
            ["cli", "secret-of", "token-of", "encrypts"].map(|it| format!("{it}_{name}"));
        let store = StoreApp {
            verification_token: token.clone(),
            encrypt_key: Some(key.clone()),
            tenants: tenants.into_iter().map(str::to_owned).collect(),
            push_url: None,
            app_ticket: None,
        };
        self.apps.push(App::store(&app_id, &secret, store));
        self.store_apps.push(name.to_owned());
        self.set(&format!("apps.{name}.app_id"), &app_id)
            .set(&format!("apps.{name}.app_secret"), &secret)
            .set(&format!("apps.{name}.type"), "store")
            .set(&format!("apps.{name}.verification_token"), &token)
            .set(&format!("apps.{name}.encrypt_key"), &key)
    }

    /// Has the secret of an app, which was added before, read from this file.
    pub fn secret_file_of(mut self, name: &str, file: &str) -> Self {
        let variable = format!("GATEWAY__APPS__{}__APP_SECRET", name.to_uppercase());
        self.settings.retain(|(known, _)| *known != variable);
        self.set(&format!("apps.{name}.app_secret_file"), file)
    }

    /// Adds the app `second`, and the caller `other`, who has this key and forwards with that app.
    pub fn second_app_of(self, other: &ApiKey) -> Self {
        self.app("second", "secret-of-second")
            .set("keys.other.hash", &other.hash().to_string())
            .set("keys.other.app", "second")
    }

    /// Adds the callers `outdated`, whose key has expired, and `switched_off`, whose key is disabled.
    pub fn refused_keys(self, expired: &ApiKey, disabled: &ApiKey) -> Self {
        self.set("keys.outdated.hash", &expired.hash().to_string())
            .set("keys.outdated.app", "main")
            .set("keys.outdated.expires_at", "2020-01-01T00:00:00Z")
            .set("keys.switched_off.hash", &disabled.hash().to_string())
            .set("keys.switched_off.app", "main")
            .set("keys.switched_off.disabled", "true")
    }

    /// Changes how Feishu behaves.
    pub fn feishu(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.feishu);
        self
    }

    /// Has this go wrong from the start on.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Allows one attempt a forward, so that each failure of Feishu's shows.
    pub fn one_attempt(self) -> Self {
        self.set("feishu.max_attempts", "1")
    }

    /// Gives the app limits so high that they refuse nothing, here and at Feishu.
    pub fn no_app_limits(self) -> Self {
        self.set("limits.app_per_second", "100000")
            .set("limits.app_per_minute", "6000000")
            .feishu(|feishu| (feishu.app_per_second, feishu.app_per_minute) = (100_000, 6_000_000))
    }

    /// Has the gateway look for Feishu elsewhere than where it is. It starts cold, as it gets no token.
    pub fn look_for_feishu_at(mut self, base_url: fn(&str) -> String) -> Self {
        self.base_url = base_url;
        self.cold()
    }

    /// Has `start` return before there is a token.
    pub fn cold(mut self) -> Self {
        self.cold = true;
        self
    }

    /// Starts the gateway as where another process may have been killed a moment ago.
    pub fn after_another_process(mut self) -> Self {
        self.sent_before = SentBefore::Anything;
        self
    }

    /// Starts the simulator, then the gateway. Both are ready, unless the start is cold.
    pub async fn start(self) -> Gateway {
        let lifetime = self.feishu.token_lifetime;
        let (clock, hand) = Clock::manual();
        let time = clock.clone();
        let (apps, cold, sent_before) = (self.apps.len(), self.cold, self.sent_before);
        let options = Options {
            apps: self.apps,
            clock: Arc::new(move || time.now()),
            settings: self.feishu,
            // Tickets carry the time at which they were sent.
            starts_at: Some(since_1970(&clock)),
            ..Options::default()
        };
        let simulator = Simulator::start(options).await.expect("a free port");
        self.faults.into_iter().for_each(|fault| simulator.add_fault(fault));
        let key = ApiKey::generate();
        // What a test has set wins.
        let mut settings = vec![
            ("GATEWAY__FEISHU__BASE_URL".to_owned(), (self.base_url)(&simulator.url())),
            ("GATEWAY__KEYS__TESTER__HASH".to_owned(), key.hash().to_string()),
        ];
        settings.retain(|(name, _)| self.settings.iter().all(|(known, _)| known != name));
        settings.extend(self.settings);
        let config = config::load(None, settings).expect("the configuration is right");
        let deadline = config.feishu.deadline;
        let last_start = deadline.saturating_sub(config.feishu.attempt_timeout.min(deadline / 3));
        let patience = config.limits.max_wait.min(last_start);
        let bound = |address| push_to(&simulator, &self.store_apps, address);
        let started = run_once_bound(config.clone(), clock.clone(), sent_before, bound).await;
        let (process, [api, admin]) = started.expect("it starts");
        let gateway = Gateway {
            simulator,
            clock,
            hand,
            key: key.expose().to_owned(),
            api: format!("http://{api}"),
            admin: format!("http://{admin}"),
            http: client(),
            process,
            config,
            patience,
            store_apps: self.store_apps,
        };
        if !cold {
            // The keeper of each app's token goes to sleep once it has one.
            let renewal = lifetime.saturating_sub(RENEWED_WITH_LEFT).max(Duration::from_secs(1));
            let kept = |moments: &Vec<Moment>| {
                moments.iter().filter(|moment| **moment == renewal).count() == apps
            };
            gateway.sleep(kept).await;
        }
        gateway
    }
}

/// Starts a gateway in a thread of its own, and returns its public and its admin address.
pub async fn run(
    config: Config,
    clock: Clock,
    sent_before: SentBefore,
) -> Result<(Process, [SocketAddr; 2]), StartError> {
    run_once_bound(config, clock, sent_before, |_| {}).await
}

/// Starts a gateway in a thread of its own. Nothing is sent to Feishu before `bound` returns, which gets the address
/// that Feishu pushes events to.
pub(crate) async fn run_once_bound(
    config: Config,
    clock: Clock,
    sent_before: SentBefore,
    bound: impl FnOnce(SocketAddr),
) -> Result<(Process, [SocketAddr; 2]), StartError> {
    let (wait, go) = mpsc::channel::<()>();
    let (started, start) = oneshot::channel();
    let (ended, end) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let application = match Application::build(&config, &clock, sent_before) {
                Ok(application) => application,
                Err(error) => return drop(started.send(Err(error))),
            };
            let addresses = [application.address(), application.admin_address()];
            let _ = started.send(Ok((addresses, application.events_address())));
            // Its tasks begin only when this thread waits for one: here it blocks.
            let _ = go.recv();
            let stopped = async { drop(stopped.await) };
            let _ = ended.send(application.run_until_stopped(stopped).await);
        });
    });
    let (addresses, events) =
        guarded(start).await.expect("the gateway's thread says whether it started")?;
    bound(events.unwrap_or(addresses[0]));
    drop(wait);
    let ended = tokio::spawn(async move { end.await.ok() });
    Ok((Process { events, stop: Some(stop), ended }, addresses))
}

/// Has Feishu push the events of these store apps to this address.
pub(crate) fn push_to(simulator: &Simulator, store_apps: &[String], address: SocketAddr) {
    for name in store_apps {
        let url = format!("http://{address}/v1/events/{name}");
        simulator.set_push_url(&format!("cli_{name}"), &url);
    }
}

fn since_1970(clock: &Clock) -> Duration {
    let milliseconds = clock.wall().as_millisecond();
    Duration::from_millis(milliseconds.try_into().expect("after 1970"))
}

/// A client without any connection.
pub fn client() -> reqwest::Client {
    // Only loopback is asked, and some tests look at redirects.
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.build().expect("a client")
}
