//! Random histories, with which a store is compared with the model of the rules.

use std::collections::HashMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::TestStore;
use super::model::{Entry, Model};
use super::subject::{delivered, problem};
use crate::broadcasts::{Acceptance, Broadcast, NewBroadcast, Settled, Settlement};
use crate::model::broadcast_id::BroadcastId;
use crate::model::fingerprint::fingerprint;
use crate::model::problem_kind::ProblemKind::{AppRateLimited, BotNotInChat, FeishuTimeout};

/// Something that happens to a store.
#[derive(Clone, Debug)]
pub(in crate::broadcasts) enum Step {
    /// By this caller, under this key, with this content, to so many receivers.
    Accept(u8, u8, bool, u32),
    Claim(Index, u32),
    Settle(Index, Vec<Ended>),
    Cancel(Index),
    Pause(Index, bool),
    /// Doubts and finished broadcasts are kept for so many milliseconds.
    Tidy(u64, u64),
    Advance(u64),
    SetClockBack(u64),
    Die,
}

/// A receiver's place, how many claims ago the claim was, what became of it, and a pause in milliseconds.
#[derive(Clone, Debug)]
pub(in crate::broadcasts) struct Ended(u32, u32, u8, u64);

const CALLERS: [&str; 2] = ["alice", "bob"];
const APPS: [&str; 2] = ["main", "other"];

pub(in crate::broadcasts) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = any::<Index>;
    let ended = (0..6_u32, prop_oneof![3 => Just(0), 1 => 1..3_u32], 0..5_u8, 0..3000_u64)
        .prop_map(|(place, ago, result, pause)| Ended(place, ago, result, pause));
    let step = prop_oneof![
        4 => (0..2_u8, 0..9_u8, prop::bool::weighted(0.9), 1..6_u32)
            .prop_map(|(caller, key, content, receivers)| Step::Accept(caller, key, content, receivers)),
        8 => (which(), 0..4_u32).prop_map(|(which, most)| Step::Claim(which, most)),
        8 => (which(), vec(ended, 1..5)).prop_map(|(which, ended)| Step::Settle(which, ended)),
        1 => which().prop_map(Step::Cancel),
        2 => (which(), any::<bool>()).prop_map(|(which, on)| Step::Pause(which, on)),
        3 => (0..8000_u64, 0..20_000_u64).prop_map(|(doubts, keep)| Step::Tidy(doubts, keep)),
        6 => (0..4000_u64).prop_map(Step::Advance),
        1 => (0..9000_u64).prop_map(Step::SetClockBack),
        1 => Just(Step::Die),
    ];
    vec(step, 1..80)
}

/// The store does in this history what the model does.
pub(in crate::broadcasts) fn agrees(
    test: TestStore,
    steps: Vec<Step>,
) -> Result<(), TestCaseError> {
    let mut history =
        History { test, model: Model::default(), seen: HashMap::new(), ids: Vec::new() };
    for step in steps {
        history.take(step)?;
        history.compare()?;
    }
    Ok(())
}

struct History {
    test: TestStore,
    model: Model,
    /// Each broadcast as it was seen last.
    seen: HashMap<BroadcastId, Broadcast>,
    /// All that were ever accepted.
    ids: Vec<BroadcastId>,
}

impl History {
    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        let which = |index: Index| (!self.ids.is_empty()).then(|| index.get(&self.ids).clone());
        match step {
            Step::Accept(caller, key, content, receivers) => {
                let mut new = self.test.new_broadcast(&format!("key {key}"), receivers);
                new.caller = CALLERS[usize::from(caller)].into();
                new.app = APPS[usize::from(key % 2)].into();
                new.content = fingerprint([if content { "content" } else { "other" }]);
                new.expires_in = Duration::from_secs(8);
                new.most_active = 3;
                self.accept(new)?;
            }
            Step::Claim(index, most) => {
                let Some(id) = which(index) else { return Ok(()) };
                let expected = self.model.claim(&id, most as usize, self.test.now);
                prop_assert_eq!(self.test.claim(&id, most), expected);
            }
            Step::Settle(index, ended) => {
                let Some(id) = which(index) else { return Ok(()) };
                let settled = self.settled(&id, ended);
                self.model.settle(&id, settled.clone(), self.test.now);
                self.test.wait(self.test.store().settle(&id, settled, self.test.now));
            }
            Step::Cancel(index) => {
                let Some(id) = which(index) else { return Ok(()) };
                let expected = self.model.cancel(&id, self.test.now);
                let canceled = self.test.wait(self.test.store().cancel(&id, self.test.now));
                prop_assert_eq!(canceled.map(without_revision), expected);
            }
            Step::Pause(index, on) => {
                let Some(id) = which(index) else { return Ok(()) };
                let by = on.then_some(AppRateLimited);
                self.model.pause(&id, by);
                self.test.wait(self.test.store().pause(&id, by));
            }
            Step::Tidy(doubts, keep) => {
                let before = |millis| self.test.now - Duration::from_millis(millis);
                self.model.tidy(self.test.now, before(doubts), before(keep));
                self.test.tidy(doubts, keep);
            }
            Step::Advance(millis) => self.test.advance(millis),
            Step::SetClockBack(millis) => {
                // A store need not heed the time of a call that changed nothing, so this one changes something.
                let mut new = self.test.new_broadcast(&format!("clock {}", self.ids.len()), 1);
                new.caller = "clock".into();
                self.accept(new)?;
                self.test.now -= Duration::from_millis(millis);
            }
            Step::Die => {
                // By the time that the store goes by.
                self.test.now = self.test.now.max(self.model.latest());
                self.model.die();
                self.test.die();
            }
        }
        Ok(())
    }

    fn accept(&mut self, new: NewBroadcast) -> Result<(), TestCaseError> {
        let id = new.id.clone();
        let expected = self.model.accept(new.clone());
        let acceptance = match self.test.accept(new) {
            Acceptance::Accepted(it) => Acceptance::Accepted(without_revision(it)),
            Acceptance::Known(it) => Acceptance::Known(without_revision(it)),
            other => other,
        };
        prop_assert_eq!(&acceptance, &expected);
        if matches!(acceptance, Acceptance::Accepted(_)) {
            self.ids.push(id);
        }
        Ok(())
    }

    fn settled(&self, id: &BroadcastId, ended: Vec<Ended>) -> Vec<Settled> {
        let entry = self.model.broadcasts.iter().find(|it| it.broadcast().id == *id);
        let records = entry.map(Entry::records).unwrap_or_default();
        let settled = ended.into_iter().map(|Ended(place, ago, result, pause)| {
            let pause = Duration::from_millis(pause);
            let claims = records.get(place as usize).map_or(0, |it| it.attempts);
            let result = match result {
                0 => delivered(),
                1 => Settlement::NotDelivered(problem(BotNotInChat)),
                2 => Settlement::Unknown(problem(FeishuTimeout)),
                3 => Settlement::NotSent(problem(AppRateLimited), pause),
                _ => Settlement::InDoubt(problem(FeishuTimeout), pause),
            };
            Settled { place, claim: claims.saturating_sub(ago), result }
        });
        settled.collect()
    }

    fn compare(&mut self) -> Result<(), TestCaseError> {
        let mut all: Vec<Broadcast> = self.model.broadcasts.iter().map(Entry::broadcast).collect();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        for id in &self.ids {
            let found = self.test.wait(self.test.store().find(id));
            if let Some(found) = &found {
                let before = self.seen.insert(id.clone(), found.clone());
                let has_grown =
                    before.is_none_or(|it| it == *found || it.revision < found.revision);
                prop_assert!(has_grown, "{:?} has changed with the same revision", found);
            }
            let expected = all.iter().find(|it| it.id == *id);
            prop_assert_eq!(found.map(without_revision), expected.cloned());
        }
        for entry in &self.model.broadcasts {
            prop_assert_eq!(self.test.receivers(&entry.broadcast().id), entry.records());
        }
        for caller in CALLERS {
            let list = self.test.wait(self.test.store().list(caller, None, 100));
            let expected = all.iter().rev().filter(|it| &*it.caller == caller).cloned();
            prop_assert_eq!(without_revisions(list), expected.collect::<Vec<_>>());
        }
        let has_active = |app| all.iter().any(|it| &*it.app == app && it.state.is_active());
        let with_active: Vec<_> = APPS.into_iter().filter(|app| has_active(*app)).collect();
        let found = self.test.wait(self.test.store().active_apps(""));
        prop_assert_eq!(found.iter().map(|app| &**app).collect::<Vec<_>>(), with_active);
        for app in APPS {
            let active: Vec<_> =
                all.iter().filter(|it| &*it.app == app && it.state.is_active()).cloned().collect();
            let found = self.test.wait(self.test.store().active(app));
            prop_assert_eq!(without_revisions(found), active);
        }
        Ok(())
    }
}

fn without_revision(broadcast: Broadcast) -> Broadcast {
    Broadcast { revision: 0, ..broadcast }
}

fn without_revisions(broadcasts: Vec<Broadcast>) -> Vec<Broadcast> {
    broadcasts.into_iter().map(without_revision).collect()
}
