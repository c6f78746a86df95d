//! What the gateways, Feishu and the callers of one history share.

use std::sync::{Arc, Mutex, MutexGuard};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::agenda::{Agenda, Due, Moment};
use super::asks::Ask;
use super::feishu::FeishuState;
use super::history::History;
use super::ledger::Ledger;
use super::weather::Spell;
use crate::clock::SimulatedTime;
use crate::limits::Rules;

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
    pub(super) random: StdRng,
}

impl Scene {
    pub(super) fn new(history: &History, rules: Rules, time: &SimulatedTime) -> Self {
        let setup = history.setup;
        Self(Arc::new(Mutex::new(SceneState {
            time: time.clone(),
            agenda: Agenda::default(),
            ledger: Ledger::new(rules.clone(), setup.repeated),
            feishu: FeishuState::new(setup, rules),
            spells: Vec::new(),
            asks: Vec::new(),
            processes: vec![None; setup.gateways],
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

    pub(super) fn enter(&mut self, after: Moment, due: Due) {
        let at = self.now() + after;
        self.agenda.enter(at, due);
    }
}
