//! Nobody who waits is passed over more often than its share allows.
//!
//! From outside it is known who has asked, and of which callers something waits. So a caller counts while all that it
//! has asked a gateway for goes to one receiver, and is equally urgent.

use std::collections::{BTreeMap, BTreeSet};

use super::super::feishu::app_of;
use super::super::generate::WEIGHTS;
use super::calls::{Call, Flow};

/// A caller of whom something waits for a receiver, at a process of a gateway.
#[derive(Clone, Debug)]
pub(in crate::simulation) struct Waiter {
    pub(in crate::simulation) caller: usize,
    pub(in crate::simulation) receiver: String,
    pub(in crate::simulation) is_bulk: bool,
    /// What it has asked for and not heard of.
    pub(in crate::simulation) asks: BTreeSet<usize>,
}

/// All that wait, by gateway, process and caller.
#[derive(Default)]
pub(super) struct Fairness(BTreeMap<(usize, u64, usize), Wait>);

/// A wait until now.
struct Wait {
    waiter: Waiter,
    has_called: bool,
    /// The callers that waited meanwhile, or made calls.
    competitors: BTreeSet<usize>,
    at_receiver: Passed,
    /// While nobody sends to the receiver, so that only the app's limits can be in the way.
    at_app: Option<Passed>,
}

/// The calls of others, for which they waited too.
#[derive(Clone, Copy, Default)]
struct Passed {
    /// By other callers, and as urgent.
    equal: u32,
    /// More urgent, or less.
    other: u32,
}

/// Turns of interactive forwards for each turn of a bulk one.
const INTERACTIVE: u32 = 9;

impl Fairness {
    /// A gateway makes a call.
    pub(super) fn called(&mut self, call: &Call) {
        let (gateway, process) = (call.gateway, call.process);
        let waits = self.0.range_mut((gateway, process, 0)..=(gateway, process, usize::MAX));
        for (_, wait) in waits.filter(|(key, _)| app_of_caller(key.2) == call.app) {
            let Waiter { caller, receiver, is_bulk, .. } = &wait.waiter;
            let is_here = *receiver == call.receiver;
            if is_here {
                wait.at_app = None;
            }
            let Some(Flow { caller: by, is_bulk: bulk, has_waited }) = call.flow else {
                // It may be its own.
                wait.has_called = true;
                continue;
            };
            if by == *caller && bulk == *is_bulk {
                wait.has_called = true;
            } else if has_waited {
                wait.competitors.insert(by);
                let is_equal = bulk == *is_bulk;
                let at_receiver = is_here.then_some(&mut wait.at_receiver);
                for passed in at_receiver.into_iter().chain(&mut wait.at_app) {
                    passed.equal += u32::from(is_equal);
                    passed.other += u32::from(!is_equal);
                }
            }
        }
    }

    /// These wait now at a process, each perhaps at the app's limits. Who has waited since the last time, and made no
    /// call, must not have been passed over too often.
    pub(super) fn wait(
        &mut self,
        (gateway, process): (usize, u64),
        waiters: Vec<(Waiter, bool)>,
        waiting: &[usize],
    ) -> Result<(), String> {
        let mut still = BTreeMap::new();
        for (waiter, is_at_app) in waiters {
            let key = (gateway, process, waiter.caller);
            let before = self.0.remove(&key).filter(|it| it.goes_on_as(&waiter));
            let mut wait = match before {
                Some(wait) => Wait { waiter, ..wait },
                None => Wait {
                    waiter,
                    has_called: false,
                    competitors: BTreeSet::new(),
                    at_receiver: Passed::default(),
                    at_app: is_at_app.then(Passed::default),
                },
            };
            wait.competitors.extend(waiting);
            wait.is_fair()?;
            still.insert(key, wait);
        }
        self.0.retain(|(of, _, _), _| *of != gateway);
        self.0.extend(still);
        Ok(())
    }
}

impl Wait {
    fn goes_on_as(&self, waiter: &Waiter) -> bool {
        let before = &self.waiter;
        !self.has_called
            && before.receiver == waiter.receiver
            && before.is_bulk == waiter.is_bulk
            && before.asks.is_subset(&waiter.asks)
    }

    fn is_fair(&self) -> Result<(), String> {
        let Waiter { caller, receiver, is_bulk, .. } = &self.waiter;
        let app = app_of_caller(*caller);
        let weights = self.competitors.iter().filter(|it| app_of_caller(**it) == app);
        let share = weights.map(|it| WEIGHTS[*it]).sum::<u32>().div_ceil(WEIGHTS[*caller]);
        // Without interactive forwards that wait, a bulk one leaves room for some that do not.
        let at_app = self.at_app.filter(|_| !is_bulk);
        for (passed, at) in [(Some(self.at_receiver), receiver.as_str()), (at_app, app)] {
            let Passed { equal, other } = passed.unwrap_or_default();
            let most_other =
                if *is_bulk { INTERACTIVE * (equal + 1) } else { 1 + equal / INTERACTIVE };
            if equal > 2 * share || other > most_other {
                return Err(format!(
                    "caller {caller} waits for {receiver}, bulk: {is_bulk}, and {equal} calls as urgent and {other} others went before it at {at}"
                ));
            }
        }
        Ok(())
    }
}

fn app_of_caller(caller: usize) -> &'static str {
    app_of(&format!("om_{caller}_"))
}
