//! One or several gateways in front of a simulator, and the callers' keys.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use feishu_forward_gateway::clock::{Clock, Moment};
use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::{Api, App, Fault, FaultKind, Options, Phase, Settings, Simulator, StoreApp};

use crate::call::Caller;
use crate::program::{Holdings, Program};
use crate::redis::Redis;
use crate::replicas::Replicas;

/// The apps that callers forward with. For each there is a caller of the same name.
pub(crate) const APPS: [&str; 2] = ["one", "two"];
/// A second caller of the first app.
pub(crate) const NEIGHBOUR: &str = "neighbour";
/// The store app, and its caller, who names a tenant with each forward.
pub(crate) const SHOP: &str = "shop";
/// What Feishu allows a receiver in any span of a second.
pub(crate) const RECEIVER_PER_SECOND: usize = 5;

/// Both, on free ports of loopback and on one clock.
pub(crate) struct Gateway {
    pub(crate) clock: Clock,
    pub(crate) simulator: Simulator,
    pub(crate) replicas: Arc<Replicas>,
    /// The callers' keys, by their names.
    keys: HashMap<&'static str, String>,
    /// Made once: reading the machine's certificates takes a while.
    pub(crate) http: reqwest::Client,
}

/// What a gateway has beside the apps of the callers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Beside {
    /// So many apps, which have no callers.
    pub(crate) apps: usize,
    /// So many tenants of the store app, `tenant0` and so on. None: there is no store app.
    pub(crate) tenants: usize,
}

/// What the apps' limits are, here and at Feishu.
#[derive(Clone, Copy)]
pub(crate) struct AppLimits {
    pub(crate) per_second: usize,
    pub(crate) per_minute: usize,
}

impl Gateway {
    /// Starts a simulator and one gateway, with these settings beside the usual ones, and returns once
    /// the gateway is ready.
    pub(crate) async fn start(limits: AppLimits, settings: &[(&str, &str)]) -> Self {
        Self::start_build(&Program::own_build(), 1, limits, settings).await
    }

    /// Starts a simulator and several gateways that share the Redis, and returns once all are ready.
    pub(crate) async fn start_sharing(
        replicas: usize,
        redis: &Redis,
        limits: AppLimits,
        settings: &[(&str, &str)],
    ) -> Self {
        Self::start_sharing_beside(replicas, redis, limits, settings, Beside::default()).await
    }

    /// The same with what they have beside.
    pub(crate) async fn start_sharing_beside(
        replicas: usize,
        redis: &Redis,
        limits: AppLimits,
        settings: &[(&str, &str)],
        beside: Beside,
    ) -> Self {
        let (url, count) = (redis.url(), replicas.to_string());
        let shared = [("state.url", &*url), ("state.replicas", &*count)];
        let settings = [settings, &shared].concat();
        Self::start_beside(&Program::own_build(), replicas, limits, &settings, beside).await
    }

    /// Starts a simulator and so many gateways of this build, and returns once all are ready.
    pub(crate) async fn start_build(
        build: &Path,
        replicas: usize,
        limits: AppLimits,
        settings: &[(&str, &str)],
    ) -> Self {
        Self::start_beside(build, replicas, limits, settings, Beside::default()).await
    }

    async fn start_beside(
        build: &Path,
        replicas: usize,
        limits: AppLimits,
        settings: &[(&str, &str)],
        beside: Beside,
    ) -> Self {
        // Fails when it was done before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Clock::system();
        let time = clock.clone();
        let feishu = Settings {
            app_per_second: limits.per_second,
            app_per_minute: limits.per_minute,
            // Whatever was seen is judged in the end.
            ledger_limit: usize::MAX,
            ..Settings::default()
        };
        let more_apps = (0..beside.apps).map(|number| format!("app{number}"));
        let mut names: Vec<String> = APPS.map(str::to_owned).into_iter().chain(more_apps).collect();
        let options = Options {
            apps: names
                .iter()
                .map(|name| App::new(&app_id(name), name))
                .chain(shop(beside))
                .collect(),
            clock: Arc::new(move || time.now()),
            settings: feishu,
            ..Options::default()
        };
        let simulator = Simulator::start(options).await.expect("a free port");
        let callers = [(APPS[0], APPS[0]), (APPS[1], APPS[1]), (NEIGHBOUR, APPS[0])];
        let mut keys = HashMap::new();
        let mut variables = vec![
            ("server__listen".to_owned(), "127.0.0.1:0".to_owned()),
            ("server__admin_listen".to_owned(), "127.0.0.1:0".to_owned()),
            ("feishu__base_url".to_owned(), simulator.url()),
            ("limits__app_per_second".to_owned(), limits.per_second.to_string()),
            ("limits__app_per_minute".to_owned(), limits.per_minute.to_string()),
            ("log__filter".to_owned(), "off,feishu_forward_gateway::cli=info".to_owned()),
        ];
        let mut callers = callers.to_vec();
        if beside.tenants > 0 {
            callers.push((SHOP, SHOP));
            names.push(SHOP.to_owned());
            let token = SHOP.to_owned();
            variables.push(("apps__shop__type".to_owned(), "store".to_owned()));
            variables.push(("apps__shop__verification_token".to_owned(), token));
            variables.push(("keys__shop__tenant_key".to_owned(), "*".to_owned()));
        }
        for app in names {
            variables.push((format!("apps__{app}__app_id"), app_id(&app)));
            variables.push((format!("apps__{app}__app_secret"), app));
        }
        for (caller, app) in callers {
            let key = ApiKey::generate();
            variables.push((format!("keys__{caller}__hash"), key.hash().to_string()));
            variables.push((format!("keys__{caller}__app"), app.to_owned()));
            keys.insert(caller, key.expose().to_owned());
        }
        let further = settings.iter().map(|(key, value)| (key.replace('.', "__"), (*value).into()));
        variables.extend(further);
        for (name, _) in &mut variables {
            *name = format!("GATEWAY__{}", name.to_uppercase());
        }
        let replicas = Arc::new(Replicas::start(replicas, build, variables).await);
        let gateway = Self { clock, simulator, replicas, keys, http: client() };
        if beside.tenants > 0 {
            gateway.push_ticket().await;
        }
        while gateway.ask_all("/readyz").await.iter().any(|(status, _)| *status != 200) {
            gateway.pause(Duration::from_millis(20)).await;
        }
        // Until a process that has just started uses its limits in full.
        gateway.pause(Duration::from_millis(2200)).await;
        gateway
    }

    /// Feishu pushes the ticket of the store app, which all processes get from Redis.
    async fn push_ticket(&self) {
        let url = format!("{}/v1/events/{SHOP}", self.replicas.any().api);
        self.simulator.set_push_url(&app_id(SHOP), &url);
        let answer = self.simulator.push_ticket(&app_id(SHOP)).await.expect("an answer");
        assert!(answer.is_accepted, "{answer:?}");
    }

    /// The caller of this name. All callers share their connections.
    pub(crate) fn caller(&self, name: &str) -> Caller {
        Caller {
            http: self.http.clone(),
            clock: self.clock.clone(),
            replicas: Arc::clone(&self.replicas),
            key: self.keys[name].clone(),
        }
    }

    /// Asks each admin listener: the status and the body.
    pub(crate) async fn ask_all(&self, path: &str) -> Vec<(u16, String)> {
        let mut answers = Vec::new();
        for addresses in self.replicas.offered() {
            let url = format!("{}{path}", addresses.admin);
            let answer = self.http.get(url).send().await.expect("the admin listener answers");
            let status = answer.status().as_u16();
            answers.push((status, answer.text().await.expect("a whole answer")));
        }
        answers
    }

    /// What the first process holds now.
    pub(crate) fn holdings(&self) -> Holdings {
        self.replicas.program(0).holdings()
    }

    /// The sum of a metric's samples.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        samples(&self.metrics().await, name).map(|(_, value)| value).sum()
    }

    /// The metrics of all processes, page after page.
    async fn metrics(&self) -> String {
        self.ask_all("/metrics").await.into_iter().map(|(_, page)| page).collect()
    }

    /// The counts of a metric by the values of one of its labels, zeros left out.
    pub(crate) async fn counts(&self, name: &str, label: &str) -> Vec<(String, f64)> {
        let page = self.metrics().await;
        let label = format!("{label}=\"");
        let mut counts: Vec<(String, f64)> = Vec::new();
        for (labels, value) in samples(&page, name).filter(|(_, value)| *value > 0.0) {
            let (_, rest) = labels.split_once(&label).unwrap_or_default();
            let word = rest.split('"').next().unwrap_or_default();
            match counts.iter_mut().find(|(known, _)| known == word) {
                Some((_, count)) => *count += value,
                None => counts.push((word.to_owned(), value)),
            }
        }
        counts
    }

    /// Loses the next `times` answers of Feishu's to forwards, half of them to forwards that were delivered, and no others.
    pub(crate) fn lose_answers(&self, times: u32) {
        self.simulator.clear_faults();
        for phase in [Phase::BeforeCommit, Phase::AfterCommit] {
            self.simulator.add_fault(Fault {
                api: Some(Api::Forward),
                times: Some(times / 2),
                phase,
                ..Fault::once(FaultKind::Cut)
            });
        }
    }

    pub(crate) async fn pause(&self, pause: Duration) {
        self.clock.sleep_until(self.clock.now() + pause).await;
    }

    /// Whether the condition comes to hold by then.
    pub(crate) async fn holds_by(&self, until: Moment, condition: impl AsyncFn() -> bool) -> bool {
        loop {
            if condition().await {
                return true;
            }
            if self.clock.now() > until {
                return false;
            }
            self.pause(Duration::from_millis(100)).await;
        }
    }
}

fn app_id(app: &str) -> String {
    format!("cli_{app}")
}

/// The store app, as Feishu knows it.
fn shop(beside: Beside) -> Option<App> {
    let store = StoreApp {
        verification_token: SHOP.to_owned(),
        encrypt_key: None,
        tenants: (0..beside.tenants).map(|number| format!("tenant{number}")).collect(),
        push_url: None,
        app_ticket: None,
    };
    (beside.tenants > 0).then(|| App::store(&app_id(SHOP), SHOP, store))
}

/// The labels and the value of each sample of a metric.
fn samples<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    page.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        let is_whole_name = labels.is_empty() || labels.starts_with('{');
        is_whole_name.then(|| (labels, value.parse().expect("a number")))
    })
}

fn client() -> reqwest::Client {
    // Only loopback is asked. What the gateway did not answer is not asked again unseen.
    let client = reqwest::Client::builder().no_proxy().retry(reqwest::retry::never());
    client.build().expect("a client")
}
