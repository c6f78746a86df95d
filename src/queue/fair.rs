//! A queue of several callers: turns go between classes of urgency, then between callers, then by number.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ordered::OrderedQueue;
use super::turns::Turns;
use crate::model::share::Weight;
use crate::model::urgency::Urgency;

/// What takes turns: the forwards of one caller that are equally urgent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    pub(super) urgency: Urgency,
    pub(super) caller: Arc<str>,
}

/// Turns that interactive flows have for each turn of a bulk flow while both wait, so bulk flows get a tenth.
const INTERACTIVE: usize = 9;

/// Flows of which an estimate looks at the items: enough to say that the wait is too long, and few enough to
/// cost nothing. Of more flows an estimate is too short, so nothing is refused that could go in time.
pub(super) const MOST_COUNTED: usize = 100;

/// Items of several flows.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    interactive: Callers<T>,
    bulk: Callers<T>,
    /// Turns that interactive flows had while the next bulk flow waited.
    bulk_was_passed: usize,
}

/// The items of all callers that are equally urgent.
#[derive(Debug)]
struct Callers<T> {
    turns: Turns<Arc<str>>,
    /// In one order, so that a simulated history replays. Boxed, because a node of the map has room for several.
    queues: BTreeMap<Arc<str>, Box<CallerQueue<T>>>,
    length: usize,
}

#[derive(Debug)]
struct CallerQueue<T> {
    weight: Weight,
    items: OrderedQueue<T>,
}

impl<T> FairQueue<T> {
    pub(super) fn new() -> Self {
        Self { interactive: Callers::new(), bulk: Callers::new(), bulk_was_passed: 0 }
    }

    /// Joins a flow behind all smaller numbers and before all larger ones. No item of the flow has this number.
    pub(super) fn join(&mut self, flow: &Flow, weight: Weight, number: u64, item: T) {
        let callers = self.class_mut(flow.urgency);
        callers.length += 1;
        callers.queue(&flow.caller, weight).join(number, item);
    }

    /// Joins a flow at its end. Returns the item's number.
    pub(super) fn join_last(&mut self, flow: &Flow, weight: Weight, item: T) -> u64 {
        let callers = self.class_mut(flow.urgency);
        callers.length += 1;
        callers.queue(&flow.caller, weight).join_last(item)
    }

    /// Leaves a flow, from anywhere.
    pub(super) fn leave(&mut self, flow: &Flow, number: u64) -> Option<T> {
        let item = self.class_mut(flow.urgency).leave(&flow.caller, number)?;
        if self.bulk.queues.is_empty() {
            self.bulk_was_passed = 0;
        }
        Some(item)
    }

    /// A flow has had a turn, whether or not it was the first. Does nothing if no item of the flow waits.
    pub(super) fn had_turn(&mut self, flow: &Flow) {
        if self.items(flow).is_some() {
            self.class_mut(flow.urgency).turns.had_turn(&flow.caller);
            self.bulk_was_passed = match flow.urgency {
                Urgency::Interactive if !self.bulk.queues.is_empty() => self.bulk_was_passed + 1,
                Urgency::Interactive | Urgency::Bulk => 0,
            };
        }
    }

    /// Whose turn it is: the flow, the number and the item.
    pub(super) fn first(&self) -> Option<(Flow, u64, &T)> {
        let is_bulk = self.interactive.queues.is_empty() || self.bulk_was_passed >= INTERACTIVE;
        let urgency = if is_bulk { Urgency::Bulk } else { Urgency::Interactive };
        let callers = self.class(urgency);
        let caller = callers.turns.first()?;
        let (number, item) = callers.queues.get(caller)?.items.first()?;
        Some((Flow { urgency, caller: Arc::clone(caller) }, number, item))
    }

    /// The items of a flow.
    pub(super) fn items(&self, flow: &Flow) -> Option<&OrderedQueue<T>> {
        self.class(flow.urgency).queues.get(&flow.caller).map(|own| &own.items)
    }

    /// The flows, each with its weight and its items.
    pub(super) fn flows(&self) -> impl Iterator<Item = (Flow, Weight, &OrderedQueue<T>)> {
        Urgency::ALL.into_iter().flat_map(|urgency| {
            self.class(urgency).queues.iter().map(move |(caller, own)| {
                let flow = Flow { urgency, caller: Arc::clone(caller) };
                (flow, own.weight, &own.items)
            })
        })
    }

    /// How many flows have items.
    pub(super) fn count_flows(&self) -> usize {
        self.interactive.queues.len() + self.bulk.queues.len()
    }

    /// How many items wait.
    pub(super) const fn length(&self) -> usize {
        self.interactive.length + self.bulk.length
    }

    /// How many items of this urgency wait.
    pub(super) const fn length_of(&self, urgency: Urgency) -> usize {
        self.class(urgency).length
    }

    /// How many turns others have, at best, before a flow's turn that has `own` of the flow's own before it.
    /// `most` says how many turns a flow can use.
    pub(super) fn turns_of_others(
        &self,
        flow: &Flow,
        weight: Weight,
        own: usize,
        most: impl Fn(&Flow) -> usize,
    ) -> usize {
        let (mut of_class, mut of_other_class) = (0, 0);
        for (other, its_weight, _) in self.flows().filter(|(it, ..)| it != flow).take(MOST_COUNTED)
        {
            if other.urgency == flow.urgency {
                of_class += most(&other).min(in_proportion(own + 1, its_weight, weight));
            } else {
                of_other_class += most(&other);
            }
        }
        let turns = own + of_class + 1;
        let classes_turns = match flow.urgency {
            Urgency::Interactive => turns / INTERACTIVE,
            Urgency::Bulk => turns * INTERACTIVE,
        };
        of_class + of_other_class.min(classes_turns)
    }

    const fn class(&self, urgency: Urgency) -> &Callers<T> {
        match urgency {
            Urgency::Interactive => &self.interactive,
            Urgency::Bulk => &self.bulk,
        }
    }

    fn class_mut(&mut self, urgency: Urgency) -> &mut Callers<T> {
        match urgency {
            Urgency::Interactive => &mut self.interactive,
            Urgency::Bulk => &mut self.bulk,
        }
    }
}

impl<T> Callers<T> {
    fn new() -> Self {
        Self { turns: Turns::new(), queues: BTreeMap::new(), length: 0 }
    }

    /// The queue of a caller, which begins to take turns if it does not yet.
    fn queue(&mut self, caller: &Arc<str>, weight: Weight) -> &mut OrderedQueue<T> {
        let Self { turns, queues, .. } = self;
        let own = queues.entry(Arc::clone(caller)).or_insert_with(|| {
            turns.join(caller, weight);
            Box::new(CallerQueue { weight, items: OrderedQueue::new() })
        });
        &mut own.items
    }

    fn leave(&mut self, caller: &Arc<str>, number: u64) -> Option<T> {
        let own = self.queues.get_mut(caller)?;
        let item = own.items.leave(number)?;
        self.length -= 1;
        if own.items.length() == 0 {
            self.queues.remove(caller);
            self.turns.leave(caller);
        }
        Some(item)
    }
}

/// The turns that a weight of `of` has in the time in which one of `to` has `turns`, rounded down.
fn in_proportion(turns: usize, of: Weight, to: Weight) -> usize {
    turns.saturating_mul(of.get() as usize) / to.get() as usize
}
