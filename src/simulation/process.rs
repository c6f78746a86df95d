//! One process of a gateway: a runtime of its own, so that a kill drops everything at once, and a pause stops all of it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::feishu::{app_of, feishu_of};
use super::generate::{CALLERS, FRUGAL, WEIGHTS};
use super::history::{AppLimits, Event, History, Keeps, Setup, What};
use super::ledger::QUOTA_INTERVAL;
use super::scene::Scene;
use crate::app::{Core, SentBefore, Simulated};
use crate::clock::{Clock, SimulatedTime, SimulatedWall};
use crate::config::{self, Config};
use crate::feishu::client::Client;
use crate::feishu::options::Options;
use crate::limits::Rules;
use crate::model::api_key::{Caller, KeyEntry, KeyHash};
use crate::model::policy::Policy;
use crate::model::share::{Budget, Weight};
use crate::model::tenants::Tenants;
use crate::redis::simulated::{Event as RedisEvent, Fate, Reach, SimulatedRedis};
use crate::sqlite::SimulatedDisk;

/// How long a gateway waits for Feishu's answer.
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Process {
    /// The first field, because it is to be dropped first: nothing of the process goes on then.
    pub(super) runtime: Runtime,
    pub(super) core: Core,
    pub(super) clock: Clock,
    pub(super) closing: CancellationToken,
    callers: Vec<Caller>,
    _tasks: JoinSet<()>,
}

/// A gateway's core that runs, in a runtime that others may share.
pub(super) struct Running {
    pub(super) core: Core,
    pub(super) clock: Clock,
    closing: CancellationToken,
    tasks: JoinSet<()>,
}

/// What processes of one gateway run on.
pub(super) struct Machine {
    pub(super) wall: SimulatedWall,
    pub(super) disk: SimulatedDisk,
    /// The Redis of all machines, as this one sees it.
    pub(super) redis: SimulatedRedis,
}

/// A gateway: its machine, and the process that runs on it.
pub(super) struct Gateway {
    pub(super) machine: Machine,
    pub(super) process: Option<Process>,
    pub(super) processes: u64,
    pub(super) is_paused: bool,
    pub(super) is_draining: bool,
}

impl Gateway {
    pub(super) fn new(redis: &SimulatedRedis) -> Self {
        let machine = Machine::new(redis);
        Self { machine, process: None, processes: 0, is_paused: false, is_draining: false }
    }
}

/// The gateway that a caller finds: the one that it wants or the next that works, and one that drains if no other does.
pub(super) fn open(gateways: &[Gateway], at: usize) -> usize {
    let all = (at..at + gateways.len()).map(|it| it % gateways.len());
    let mut up = all.filter(|it| gateways[*it].process.is_some());
    let first = up.clone().next();
    up.find(|it| !gateways[*it].is_draining).or(first).unwrap_or(at)
}

impl Machine {
    pub(super) fn new(redis: &SimulatedRedis) -> Self {
        let (wall, disk) = (SimulatedWall::default(), SimulatedDisk::new());
        Self { wall, disk, redis: redis.for_another() }
    }

    /// It reaches Redis again, and its requests have no faults.
    pub(super) fn reaches_redis(&self) {
        self.redis.set_reach(Reach::Open);
        self.redis.decide_by(Fate::default);
    }
}

impl Process {
    pub(super) fn start(
        scene: &Scene,
        setup: Setup,
        place: (usize, u64),
        machine: &Machine,
        time: &SimulatedTime,
    ) -> Self {
        let (runtime, config) = (runtime(), config_of(setup));
        let clock = time.clock(&machine.wall);
        let running =
            Running::start(scene, place, (setup.keeps, &config), machine, clock, &runtime);
        let Running { core, clock, closing, tasks } = running;
        let callers = (0..CALLERS).map(|it| caller(&config, it)).collect();
        Self { runtime, core, clock, closing, callers, _tasks: tasks }
    }

    pub(super) fn caller(&self, number: usize) -> Caller {
        self.callers[number].clone()
    }
}

impl Running {
    /// The process with this number of a gateway.
    pub(super) fn start(
        scene: &Scene,
        (gateway, number): (usize, u64),
        (keeps, config): (Keeps, &Config),
        machine: &Machine,
        clock: Clock,
        runtime: &Runtime,
    ) -> Self {
        let _entered = runtime.enter();
        let client = client().in_process(runtime.handle().clone(), clock.clone());
        let client = client.answered_by(feishu_of(scene, gateway, number));
        let (closing, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let core = Simulated {
            config,
            clock: &clock,
            sent_before: if number == 0 { SentBefore::Nothing } else { SentBefore::Anything },
            closing: &closing,
            client: &client,
            database: (keeps == Keeps::File).then(|| machine.disk.open(&clock)),
            redis: (keeps == Keeps::Redis).then(|| machine.redis.clone()),
        }
        .start(&mut tasks);
        Self { core, clock, closing, tasks }
    }
}

/// A runtime whose paused time shows when nothing can go on: see [`run`].
pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Runs until nothing can go on before time passes.
#[expect(clippy::disallowed_methods, reason = "it is over as soon as nothing else can run")]
pub(super) fn run(runtime: &Runtime) {
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
}

/// The Redis of all gateways. A replica that can take over costs time, so there is one only where it does.
pub(super) fn redis_of(history: &History, time: &SimulatedTime) -> SimulatedRedis {
    let redis = SimulatedRedis::new(time.clock(&SimulatedWall::default()));
    let fails_over = |it: &Event| matches!(it.what, What::Redis(RedisEvent::FailedOver(_)));
    if history.events.iter().any(fails_over) {
        redis.add_replica();
    }
    redis
}

/// The limits that hold in a history.
pub(super) fn rules_of(setup: Setup) -> Rules {
    let limits = config_of(setup).limits;
    Rules {
        receiver_per_second: limits.receiver_per_second,
        app_per_second: limits.app_per_second,
        app_per_minute: limits.app_per_minute,
        guard: limits.guard,
    }
}

pub(super) fn config_of(setup: Setup) -> Config {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    let base = CONFIG.get_or_init(|| {
        let variable = |name: &str, value: &str| (format!("GATEWAY__{name}"), value.to_owned());
        let variables = [
            variable("APPS__MAIN__APP_ID", "cli_main"),
            variable("APPS__MAIN__APP_SECRET", "hush"),
            variable("APPS__OTHER__APP_ID", "cli_other"),
            variable("APPS__OTHER__APP_SECRET", "hush2"),
            variable("FEISHU__QUOTA_INTERVAL", &format!("{}s", QUOTA_INTERVAL.as_secs())),
            variable("STATE__URL", "redis://127.0.0.1:1"),
        ];
        config::load(None, variables).expect("it is right")
    });
    let mut config = base.clone();
    config.keys = keys();
    match (setup.keeps, &mut config.state) {
        (Keeps::Redis, Some(state)) => {
            state.replicas = u32::try_from(setup.gateways).ok().and_then(NonZeroU32::new).unwrap();
        }
        (_, state) => *state = None,
    }
    let few = match setup.app_limits {
        AppLimits::Usual => return config,
        AppLimits::FewASecond => (6, 300),
        AppLimits::FewAMinute => (6, 60),
    };
    config.limits.app_per_second = NonZeroU32::new(few.0).unwrap();
    config.limits.app_per_minute = NonZeroU32::new(few.1).unwrap();
    config
}

fn keys() -> BTreeMap<String, KeyEntry> {
    let entry = |number: usize| {
        let name = number.to_string();
        let per_minute = (number == FRUGAL.0).then(|| NonZeroU32::new(FRUGAL.1).unwrap());
        let entry = KeyEntry {
            hash: KeyHash::of(&name),
            app: app_of(&format!("om_{number}_")).to_owned(),
            tenants: Tenants::None,
            expires_at: None,
            disabled: false,
            policy: Policy::default(),
            weight: Weight::new(NonZeroU32::new(WEIGHTS[number]).unwrap()),
            budget: Budget { per_minute, per_month: None },
            webhook: None,
        };
        (name, entry)
    };
    (0..CALLERS).map(entry).collect()
}

pub(super) fn caller(config: &Config, number: usize) -> Caller {
    let name = number.to_string();
    let KeyEntry { app, policy, weight, budget, .. } = &config.keys[&name];
    Caller {
        name: name.into(),
        app: app.as_str().into(),
        tenant: None,
        policy: Arc::new(policy.clone()),
        weight: *weight,
        budget: *budget,
    }
}

/// One for all processes, because it reads the machine's certificates.
fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let runtime = Builder::new_current_thread().build().unwrap();
        let options = Options {
            base_url: "http://127.0.0.1:1".parse().unwrap(),
            authorities: Vec::new(),
            connect_timeout: Duration::from_secs(2),
            attempt_timeout: ATTEMPT_TIMEOUT,
        };
        Client::new(options, runtime.handle().clone(), Clock::manual().0).unwrap()
    })
}
