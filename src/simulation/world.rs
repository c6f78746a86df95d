//! Plays a history: lets time pass to whatever is due next, and runs the gateways in between.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::task::AbortHandle;

use super::agenda::{Due, Moment};
use super::asks::{self, Ask};
use super::broadcasts::KnownBroadcasts;
use super::generate::{CALLERS, FRUGAL, RECEIVERS};
use super::history::{Event, ForwardPlan, History, What};
use super::process::{Gateway, Process, open, redis_of, rules_of, run};
use super::scene::{Scene, SceneState};
use super::watchdog::Watchdog;
use crate::clock::SimulatedTime;
use crate::random::Seeded;
use crate::redis::simulated::Event as RedisEvent;

/// How a history went.
pub(super) struct Played {
    pub(super) trace: Vec<String>,
    pub(super) counts: BTreeMap<&'static str, u64>,
    pub(super) broken: Option<String>,
    pub(super) took: Duration,
}

struct World<'a> {
    history: &'a History,
    time: SimulatedTime,
    scene: Scene,
    gateways: Vec<Gateway>,
    broadcasts: KnownBroadcasts,
    is_calm: bool,
}

/// How often broadcasts are read, during the history and after it.
const LOOK: Duration = Duration::from_secs(7);
/// How long the faults are over before everything has to be as it was: longer than any gate stays closed.
const RECOVERED: Duration = Duration::from_secs(100);
/// How long the broadcasts may then take: until they expire, and what is in doubt is unknown.
const SETTLED: Duration = Duration::from_mins(60 + 60 + 2);
/// How long after its drain began a gateway refuses what still waits, and when it has ended.
const DRAIN: Duration = Duration::from_secs(20);
const ENDED: Duration = Duration::from_secs(22);

/// Plays a history.
pub(super) fn play(history: &History) -> Played {
    let _watched = Watchdog::of(history.seed);
    let _seeded = Seeded::by(history.seed);
    let time = SimulatedTime::default();
    let scene = Scene::new(history, rules_of(history.setup), &time);
    let redis = redis_of(history, &time);
    let gateways = (0..history.setup.gateways).map(|_| Gateway::new(&redis)).collect();
    let mut world = World {
        history,
        time,
        scene,
        gateways,
        broadcasts: KnownBroadcasts::default(),
        is_calm: false,
    };
    world.run();
    world.end()
}

impl World<'_> {
    fn run(&mut self) {
        for gateway in 0..self.gateways.len() {
            self.start(gateway);
        }
        {
            let mut state = self.scene.state();
            for (place, event) in self.history.events.iter().enumerate() {
                state.agenda.enter(event.at, Due::Event(place));
            }
            let last = self.history.events.last().map_or(Moment::ZERO, |it| it.at);
            state.agenda.enter(last + Duration::from_secs(1), Due::Calm);
            state.agenda.enter(LOOK, Due::Look);
        }
        let mut calm_since = None;
        loop {
            self.run_gateways();
            if self.scene.state().ledger.broken.is_some() {
                return;
            }
            if self.is_calm {
                let now = self.time.now();
                let since = *calm_since.get_or_insert(now);
                if now >= since + RECOVERED && self.has_settled() {
                    return self.all_is_open();
                }
                // Callers may ask again for hours.
                if now >= since + SETTLED && !self.scene.state().ledger.all_have_ended() {
                    let ledger = &mut self.scene.state().ledger;
                    return ledger.break_promise("a broadcast does not end");
                }
            }
            self.pass();
        }
    }

    /// Lets time pass until something is due, and lets that happen.
    fn pass(&mut self) {
        let due = self.scene.state().agenda.next();
        let next = due.into_iter().chain(self.time.next()).min();
        self.time.advance_to(next.expect("somebody always looks"));
        loop {
            let due = self.scene.state().take_due();
            let Some(due) = due else { break };
            self.happens(&due);
        }
    }

    fn end(mut self) -> Played {
        let took = self.time.now();
        for gateway in 0..self.gateways.len() {
            self.end_process(gateway);
        }
        let ledger = &mut self.scene.state().ledger;
        let trace = std::mem::take(&mut ledger.trace);
        Played { trace, counts: ledger.counts.clone(), broken: ledger.broken.clone(), took }
    }

    fn run_gateways(&self) {
        for gateway in self.gateways.iter().filter(|it| !it.is_paused) {
            if let Some(process) = &gateway.process {
                run(&process.runtime);
            }
        }
        asks::see_who_waits(&self.scene, &self.gateways);
    }

    fn happens(&mut self, due: &Due) {
        match *due {
            Due::Event(place) => {
                let Event { id, what, .. } = self.history.events[place].clone();
                self.event(id, &what);
            }
            Due::Arrives(call) => self.scene.state().arrives(call),
            Due::Answered(call) => self.scene.state().hears(call),
            Due::Asks(ask) => self.ask(ask),
            Due::HangsUp(ask) => {
                let task = self.scene.state().hangs_up(ask);
                // Not under the lock: it drops the request.
                task.as_ref().map(AbortHandle::abort);
            }
            Due::MustBeAnswered(ask) => {
                if self.gateways.iter().all(|it| !it.is_paused) {
                    self.scene.state().must_be_answered(ask);
                }
            }
            Due::Starts(gateway) => self.start_unless_up(gateway),
            Due::Resumes(gateway) => {
                self.gateways[gateway].is_paused = false;
                self.scene.state().goes_on(gateway);
            }
            Due::Stops(gateway, down_for) => self.stop(gateway, down_for),
            Due::Closes(gateway, process) => {
                if let Some(process) = self.running(gateway, process) {
                    process.closing.cancel();
                }
            }
            Due::Ends(gateway, process) => {
                if self.running(gateway, process).is_some() {
                    self.end_process(gateway);
                }
            }
            Due::DiskRecovers(gateway) => {
                self.gateways[gateway].machine.disk.behave(Duration::ZERO, false);
            }
            Due::RedisRecovers(gateway) => self.gateways[gateway].machine.reaches_redis(),
            Due::Look => self.look(),
            Due::Calm => self.calm(),
        }
    }

    /// This process of a gateway, if it was not killed and replaced.
    fn running(&self, gateway: usize, process: u64) -> Option<&Process> {
        let is_it = self.scene.state().processes[gateway] == Some(process);
        self.gateways[gateway].process.as_ref().filter(|_| is_it)
    }

    fn event(&mut self, id: usize, what: &What) {
        match what {
            What::Forward(plan) => {
                for copy in 0..plan.copies {
                    self.forward(id, copy, plan);
                }
            }
            What::Broadcast { caller, key, expires_in, at } => {
                if let Some(process) = self.working(*at) {
                    self.broadcasts.accept(&self.scene, process, (*caller, *key), *expires_in);
                }
            }
            What::Cancel { caller, key, at } => {
                if let Some(process) = self.working(*at) {
                    self.broadcasts.cancel(&self.scene, process, (*caller, *key));
                }
            }
            What::Weather { .. } | What::Others { .. } | What::RevokeTokens => {
                self.scene.state().feishu_changes(what);
            }
            What::Kill { gateway, down_for } => {
                self.end_process(*gateway);
                let mut state = self.scene.state();
                state.ledger.count("kills");
                state.enter(*down_for, Due::Starts(*gateway));
            }
            What::Stop { gateway, down_for } => self.stop(*gateway, *down_for),
            What::RollingRestart { down_for } => {
                let mut state = self.scene.state();
                state.ledger.count("rolling restarts");
                for (number, _) in self.gateways.iter().enumerate() {
                    let turn = (ENDED + *down_for) * u32::try_from(number).unwrap_or(0);
                    state.enter(turn, Due::Stops(number, *down_for));
                }
            }
            What::Pause { gateway, lasts } => {
                self.gateways[*gateway].is_paused = true;
                self.scene.state().stands_still(*gateway, *lasts);
            }
            What::StepWall { gateway, by_ms } => {
                self.gateways[*gateway].machine.wall.step(SignedDuration::from_millis(*by_ms));
                let ledger = &mut self.scene.state().ledger;
                ledger.count("wall clocks set");
                ledger.note(format!("the wall clock of gateway {gateway} is set by {by_ms} ms"));
            }
            What::Drift { gateway, gains } => self.gateways[*gateway].machine.wall.drift(*gains),
            What::Redis(event) => {
                self.gateways[0].machine.redis.happens(*event);
                self.scene.state().ledger.redis_suffers(*event);
            }
            What::Reach { gateway, reach, lasts } => {
                self.gateways[*gateway].machine.redis.set_reach(*reach);
                self.scene.state().redis_changes(*gateway, what, *lasts);
            }
            What::Line { gateway, line, lasts } => {
                let (line, scene) = (*line, self.scene.clone());
                let fates = move || scene.state().redis_fate(line);
                self.gateways[*gateway].machine.redis.decide_by(fates);
                self.scene.state().redis_changes(*gateway, what, *lasts);
            }
            What::Disk { gateway, latency, is_full, lasts } => {
                self.gateways[*gateway].machine.disk.behave(*latency, *is_full);
                let mut state = self.scene.state();
                state.ledger.count(if *is_full { "full disks" } else { "slow disks" });
                state.ledger.note(format!("the disk takes {latency:?}, full: {is_full}"));
                state.ledger.cannot_write(*gateway, *lasts + *latency);
                state.enter(*lasts, Due::DiskRecovers(*gateway));
            }
        }
    }

    fn start_unless_up(&mut self, number: usize) {
        if self.gateways[number].process.is_none() {
            self.start(number);
        }
    }

    fn start(&mut self, number: usize) {
        let gateway = &mut self.gateways[number];
        let process = gateway.processes;
        gateway.processes += 1;
        self.scene.state().processes[number] = Some(process);
        self.scene.state().ledger.starts(number);
        let setup = self.history.setup;
        let place = (number, process);
        let started = Process::start(&self.scene, setup, place, &gateway.machine, &self.time);
        gateway.process = Some(started);
        (gateway.is_draining, gateway.is_paused) = (false, false);
    }

    /// A process ends at once, with everything in it.
    fn end_process(&mut self, number: usize) {
        let Some(process) = self.gateways[number].process.take() else { return };
        {
            let mut state = self.scene.state();
            if let Some(process) = state.processes[number].take() {
                state.ledger.ends(number, process);
            }
            state.cut_off(number);
        }
        drop(process);
    }

    /// A process begins to drain, as `app` does it.
    fn stop(&mut self, number: usize, down_for: Duration) {
        let gateway = &mut self.gateways[number];
        let is_up = !gateway.is_draining && !self.is_calm;
        let Some(process) = gateway.process.as_ref().filter(|_| is_up) else { return };
        gateway.is_draining = true;
        if let Some(broadcasts) = &process.core.broadcasts {
            broadcasts.stop();
        }
        let mut state = self.scene.state();
        state.ledger.count("drains");
        state.ledger.note(format!("gateway {number} drains"));
        if let Some(process) = state.processes[number] {
            state.enter(DRAIN, Due::Closes(number, process));
            state.enter(ENDED, Due::Ends(number, process));
        }
        state.enter(ENDED + down_for, Due::Starts(number));
    }

    fn forward(&mut self, event: usize, copy: usize, plan: &ForwardPlan) {
        let number = {
            let mut state = self.scene.state();
            state.asks.push(Ask::new(event, copy, plan));
            state.asks.len() - 1
        };
        self.ask(number);
    }

    fn ask(&mut self, number: usize) {
        let at = self.scene.state().asks[number].plan.at;
        let gateway = open(&self.gateways, at);
        let process = self.gateways[gateway].process.as_ref();
        let process = process.filter(|_| !self.gateways[gateway].is_draining);
        asks::ask(&self.scene, number, gateway, process);
    }

    /// The process that a caller finds.
    fn working(&self, at: usize) -> Option<&Process> {
        self.gateways[open(&self.gateways, at)].process.as_ref()
    }

    /// Reads all broadcasts, and does it again later.
    fn look(&self) {
        let mut going_on = self.gateways.iter().filter(|it| !it.is_paused);
        if let Some(process) = going_on.find_map(|it| it.process.as_ref()) {
            self.broadcasts.look(&self.scene, process);
        }
        self.scene.state().enter(LOOK, Due::Look);
    }

    /// All faults end, and whoever is down starts.
    fn calm(&mut self) {
        {
            let mut state = self.scene.state();
            state.spells.clear();
            state.ledger.note("all faults end");
        }
        self.gateways[0].machine.redis.happens(RedisEvent::Writes(None));
        for number in 0..self.gateways.len() {
            self.gateways[number].machine.disk.behave(Duration::ZERO, false);
            self.gateways[number].machine.reaches_redis();
            self.gateways[number].is_paused = false;
            self.scene.state().goes_on(number);
            self.start_unless_up(number);
        }
        self.is_calm = true;
    }

    fn has_settled(&self) -> bool {
        let is_draining = self.gateways.iter().any(|it| it.is_draining);
        let state = self.scene.state();
        let is_waiting = state.asks.iter().any(|it| !matches!(it.state, asks::AskState::Ended));
        !is_draining && !is_waiting && state.ledger.all_have_ended()
    }

    /// Nobody is left behind, and everybody can send everywhere.
    fn all_is_open(&mut self) {
        for gateway in &self.gateways {
            let core = &gateway.process.as_ref().expect("all have started").core;
            if core.delivery.waiting() > 0 {
                let left = format!("{} are left in the queues", core.delivery.waiting());
                return self.scene.state().ledger.break_promise(&left);
            }
        }
        // The first forward of each caller may find two revoked tokens.
        self.everybody_forwards(0);
        let first = self.scene.state().asks.len();
        self.everybody_forwards(1);
        let mut state = self.scene.state();
        let SceneState { asks, ledger, .. } = &mut *state;
        let is_delivered = |it: &Ask| ledger.outcomes.is_delivered(&it.message, it.receiver.id());
        if let Some(Ask { message, .. }) = asks[first..].iter().find(|it| !is_delivered(it)) {
            ledger.break_promise(&format!("{message} is not open again"));
        }
    }

    /// Each caller forwards to a receiver of its own.
    fn everybody_forwards(&mut self, round: usize) {
        // The caller with a budget may have used it up.
        for caller in (0..CALLERS).filter(|it| *it != FRUGAL.0) {
            let to = u8::try_from(caller).expect("they are few") % RECEIVERS;
            self.forward(1_000_000 + round, caller, &ForwardPlan::plain(caller, to));
            // One after the other: after a refusal of the app, one call finds out whether the cause is gone.
            let until = self.time.now() + Duration::from_secs(10);
            while self.time.now() < until {
                self.run_gateways();
                self.pass();
            }
        }
    }
}
