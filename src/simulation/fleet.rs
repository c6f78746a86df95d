//! Many gateways that share a Redis, without faults: all in one runtime, which is much quicker than one for each.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::Runtime;

use super::agenda::{Due, Moment};
use super::history::{AppLimits, History, Keeps, Repeated, Setup};
use super::process::{Machine, Running, caller, config_of, redis_of, rules_of, run, runtime};
use super::redis_load::{RedisLoad, count};
use super::scene::Scene;
use crate::clock::SimulatedTime;
use crate::model::api_key::Caller;
use crate::random::Seeded;
use crate::redis::simulated::Fate;

pub(super) struct Fleet {
    /// The first field, because it is to be dropped first.
    pub(super) runtime: Runtime,
    pub(super) gateways: Vec<Running>,
    pub(super) scene: Scene,
    pub(super) callers: Vec<Caller>,
    time: SimulatedTime,
    load: Arc<Mutex<RedisLoad>>,
    _seeded: Seeded,
}

const SEED: u64 = 22;
/// Within which time all gateways start: each does its upkeep once a second from then on.
const STARTS: Duration = Duration::from_secs(1);
/// How long after that they have Redis, and a token for each app.
const WARM: Duration = Duration::from_secs(10);
/// How long a request takes to Redis, and its answer back.
const WAY: std::ops::Range<Duration> = Duration::from_micros(50)..Duration::from_micros(250);

impl Fleet {
    /// So many gateways, with so many apps each. They are ready.
    pub(super) fn start(gateways: usize, apps: usize) -> Self {
        let setup = Setup {
            gateways,
            keeps: Keeps::Redis,
            repeated: Repeated::FirstId,
            app_limits: AppLimits::Usual,
            token_life: Duration::from_hours(2),
        };
        let history = History { seed: SEED, setup, events: Vec::new() };
        let mut config = config_of(setup);
        for number in config.apps.len()..apps {
            let mut app = config.apps["main"].clone();
            app.app_id = format!("cli_{number}");
            config.apps.insert(format!("app{number}"), app);
        }
        let seeded = Seeded::by(SEED);
        let time = SimulatedTime::default();
        let redis = redis_of(&history, &time);
        let mut fleet = Self {
            runtime: runtime(),
            gateways: Vec::new(),
            scene: Scene::new(&history, rules_of(setup), &time),
            callers: (0..config.keys.len()).map(|it| caller(&config, it)).collect(),
            time,
            load: count(&redis),
            _seeded: seeded,
        };
        let mut random = StdRng::seed_from_u64(SEED);
        let mut starts: Vec<_> =
            (0..gateways).map(|_| random.random_range(Duration::ZERO..STARTS)).collect();
        starts.sort();
        for (number, at) in starts.into_iter().enumerate() {
            fleet.run_until(at);
            fleet.scene.state().processes[number] = Some(0);
            let machine = Machine::new(&redis);
            let mut random = StdRng::seed_from_u64(random.random());
            machine.redis.decide_by(move || {
                let (there, back) = (random.random_range(WAY), random.random_range(WAY));
                Fate { there, back, ..Fate::default() }
            });
            let clock = fleet.time.clock(&machine.wall);
            let (scene, keeps) = (&fleet.scene, (setup.keeps, &config));
            let gateway =
                Running::start(scene, (number, 0), keeps, &machine, clock, &fleet.runtime);
            fleet.gateways.push(gateway);
        }
        fleet.run_until(STARTS + WARM);
        fleet
    }

    pub(super) fn now(&self) -> Moment {
        self.time.now()
    }

    /// What Redis was asked for until now.
    pub(super) fn load(&self) -> RedisLoad {
        self.load.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets time pass.
    pub(super) fn run_for(&mut self, time: Duration) {
        self.run_until(self.now() + time);
    }

    fn run_until(&mut self, end: Moment) {
        loop {
            run(&self.runtime);
            let due = self.scene.state().agenda.next();
            let next = due.into_iter().chain(self.time.next()).min();
            let Some(next) = next.filter(|it| *it <= end) else { break };
            self.time.advance_to(next);
            self.feishu_works();
        }
        self.time.advance_to(end);
    }

    /// Calls arrive at Feishu, and answers at gateways.
    fn feishu_works(&self) {
        let mut state = self.scene.state();
        while let Some(due) = state.take_due() {
            match due {
                Due::Arrives(call) => state.arrives(call),
                Due::Answered(call) => state.hears(call),
                other => unreachable!("{other:?} is only in histories"),
            }
        }
    }
}
