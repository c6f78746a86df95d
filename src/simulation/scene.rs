//! What the gateways, Feishu and the callers of one history share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::agenda::{Agenda, Due, Moment};
use super::asks::Ask;
use super::feishu::FeishuState;
use super::history::{History, Line, What};
use super::ledger::Ledger;
use super::weather::Spell;
use crate::clock::SimulatedTime;
use crate::limits::Rules;
use crate::redis::simulated::{Failure, Fate};

/// Clones share it. Nobody holds it while a gateway runs.
#[derive(Clone)]
pub(super) struct Scene(Arc<Mutex<SceneState>>);

pub(super) struct SceneState {
    pub(super) time: SimulatedTime,
    pub(super) agenda: Agenda,
    pub(super) ledger: Ledger,
    pub(super) feishu: FeishuState,
    pub(super) spells: Vec<Spell>,
    pub(super) asks: Vec<Ask>,
    /// Which process of each gateway runs. None: none does.
    pub(super) processes: Vec<Option<u64>>,
    /// Since when a gateway stands still.
    pub(super) still_since: BTreeMap<usize, Moment>,
    pub(super) random: StdRng,
}

impl Scene {
    pub(super) fn new(history: &History, rules: Rules, time: &SimulatedTime) -> Self {
        let setup = history.setup;
        Self(Arc::new(Mutex::new(SceneState {
            time: time.clone(),
            agenda: Agenda::default(),
            ledger: Ledger::new(rules, setup),
            feishu: FeishuState::new(setup, rules),
            spells: Vec::new(),
            asks: Vec::new(),
            processes: vec![None; setup.gateways],
            still_since: BTreeMap::new(),
            random: StdRng::seed_from_u64(history.seed ^ 0x5EED),
        })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SceneState> {
        let mut state = self.0.lock().unwrap();
        state.ledger.now = state.time.now();
        state
    }
}

impl SceneState {
    pub(super) fn now(&self) -> Moment {
        self.time.now()
    }

    /// What is due now and comes first, if anything does.
    pub(super) fn take_due(&mut self) -> Option<Due> {
        self.agenda.take(self.now())
    }

    /// Feishu, or the way to it, changes.
    pub(super) fn feishu_changes(&mut self, what: &What) {
        self.ledger.note(format!("{what:?}"));
        let now = self.now();
        match what {
            What::Weather { weather, lasts, share } => {
                let (weather, share) = (*weather, *share);
                self.spells.push(Spell { weather, until: now + *lasts, share });
            }
            What::Others { to, messages } => {
                self.feishu.others_send(&format!("oc_{to}"), *messages, now);
            }
            _ => self.feishu.revoke_tokens(),
        }
    }

    /// The way of a gateway to Redis changes for a while.
    pub(super) fn redis_changes(&mut self, gateway: usize, what: &What, lasts: Duration) {
        self.ledger.has_trouble_with_redis(gateway, lasts);
        self.ledger.count("Redis: trouble");
        self.ledger.note(format!("{what:?}"));
        self.enter(lasts, Due::RedisRecovers(gateway));
    }

    /// What becomes of a request to Redis.
    pub(super) fn redis_fate(&mut self, line: Line) -> Fate {
        let mut time = || self.random.random_range(Duration::ZERO..=line.up_to);
        let (there, back) = (time(), time());
        let at = self.random.random_range(0..100);
        let Line { not_sent, answer_lost, silence, .. } = line;
        let doubled = not_sent + answer_lost + silence;
        let failure = match at {
            _ if at < not_sent => Some(Failure::NotSent),
            _ if at < not_sent + answer_lost => Some(Failure::AnswerLost),
            _ if at < doubled => Some(Failure::Silence),
            _ if at < doubled + line.doubled => Some(Failure::AnswerLostAndSentAgain),
            _ => None,
        };
        Fate { before: None, there, back, failure }
    }

    pub(super) fn enter(&mut self, after: Moment, due: Due) {
        let at = self.now() + after;
        self.agenda.enter(at, due);
    }
}
