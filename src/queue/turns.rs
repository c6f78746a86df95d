//! Turns between competitors in proportion to their weights.
//!
//! The algorithm is WF²Q+ (J. Bennett, H. Zhang: "Hierarchical packet fair queueing algorithms", 1997). Virtual
//! time passes while turns are taken: among weights of `W` in all, a competitor of weight `w` is due a turn once in
//! `W / w` turns. Of the competitors whose turn is due, the one goes first whose turn would be over first. A
//! competitor that comes after a pause is due a turn at once, and is not owed the past.
//!
//! A competitor waits for at most `ceil(W / w)` turns of others once its turn is due, and for at most twice as
//! many since its last turn. No algorithm can promise `ceil(W / w)` from turn to turn: weights of 3, 2 and 1
//! have no such order. Start-time fair queueing, which orders by the start of a turn alone, promises less: a
//! competitor of weight 100 gets a hundred turns in a row and then waits for a hundred competitors of weight 1.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::mem::replace;

use crate::model::share::Weight;

/// A moment in virtual time.
type Tag = u128;

/// How long one turn of a competitor of weight 1 takes in virtual time. Divisions by weights are exact enough
/// for more turns than a process lives to see.
const TURN: Tag = 1 << 64;

/// Those that wait for turns, and those that had some since anybody waited without a break.
#[derive(Debug)]
pub(super) struct Turns<K> {
    competitors: HashMap<K, Competitor>,
    /// Those whose turn is due, by the end of that turn.
    due: BTreeMap<Place, K>,
    /// The others that wait, by the moment at which their turn is due.
    early: BTreeMap<Place, K>,
    /// Those that have left and whose last turn is not over yet, by the moment at which it is.
    left: BTreeMap<Place, K>,
    time: Tag,
    /// The weights of all that wait or have a turn that is not over. Time would be ahead of the turns if a turn
    /// did not take its time because its competitor has left, and those that wait would fall ever further behind.
    weight: u32,
    next_number: u64,
}

/// A moment, and a number for those with the same moment: who came first goes first.
type Place = (Tag, u64);

#[derive(Debug)]
struct Competitor {
    weight: Weight,
    /// When its next turn is due.
    start: Tag,
    state: State,
}

/// Whether a competitor waits, and its place in the maps.
#[derive(Clone, Copy, Debug)]
enum State {
    Due(Place),
    Early(Place),
    Left(Place),
    Gone,
}

impl Competitor {
    /// How long its turn takes.
    fn turn(&self) -> Tag {
        TURN / Tag::from(self.weight.get())
    }
}

impl<K: Clone + Eq + Hash> Turns<K> {
    pub(super) fn new() -> Self {
        Self {
            competitors: HashMap::new(),
            due: BTreeMap::new(),
            early: BTreeMap::new(),
            left: BTreeMap::new(),
            time: 0,
            weight: 0,
            next_number: 0,
        }
    }

    /// Waits for turns from now on. It does not yet.
    pub(super) fn join(&mut self, key: &K, weight: Weight) {
        self.displace(key);
        let time = self.time;
        let new = || Competitor { weight, start: time, state: State::Gone };
        let competitor = self.competitors.entry(key.clone()).or_insert_with(new);
        competitor.weight = weight;
        competitor.start = competitor.start.max(time);
        self.place(key);
    }

    /// Waits no longer. It does until now.
    pub(super) fn leave(&mut self, key: &K) {
        self.displace(key);
        if self.due.is_empty() && self.early.is_empty() {
            // Nobody has waited for another one, so nobody owes anything.
            self.competitors.clear();
            self.left.clear();
            (self.time, self.weight) = (0, 0);
            return;
        }
        if let Some(competitor) = self.competitors.get_mut(key) {
            let place = (competitor.start, self.next_number);
            self.next_number += 1;
            competitor.state = State::Left(place);
            self.left.insert(place, key.clone());
            self.weight += competitor.weight.get();
        }
        self.settle();
    }

    /// A competitor that waits has had a turn, whether or not it was the first. It still waits.
    pub(super) fn had_turn(&mut self, key: &K) {
        let Some(competitor) = self.competitors.get_mut(key) else { return };
        competitor.start += competitor.turn();
        self.time += TURN / Tag::from(self.weight);
        self.displace(key);
        self.place(key);
    }

    /// Whose turn it is.
    pub(super) fn first(&self) -> Option<&K> {
        self.due.first_key_value().map(|(_, key)| key)
    }

    fn place(&mut self, key: &K) {
        let Some(competitor) = self.competitors.get_mut(key) else { return };
        let number = self.next_number;
        self.next_number += 1;
        self.weight += competitor.weight.get();
        if competitor.start <= self.time {
            // Not through `early`: a map keeps its memory, and each receiver that is waited for has such maps.
            let place = (competitor.start + competitor.turn(), number);
            competitor.state = State::Due(place);
            self.due.insert(place, key.clone());
        } else {
            let place = (competitor.start, number);
            competitor.state = State::Early(place);
            self.early.insert(place, key.clone());
        }
        self.settle();
    }

    /// Takes a competitor out of the maps.
    fn displace(&mut self, key: &K) {
        let Some(competitor) = self.competitors.get_mut(key) else { return };
        match replace(&mut competitor.state, State::Gone) {
            State::Due(place) => self.due.remove(&place),
            State::Early(place) => self.early.remove(&place),
            State::Left(place) => self.left.remove(&place),
            State::Gone => return,
        };
        self.weight -= competitor.weight.get();
    }

    /// Has those compete whose turn is due. Time does not stand still for those whose turn is not.
    fn settle(&mut self) {
        if let Some(((start, _), _)) = self.early.first_key_value()
            && self.due.is_empty()
        {
            self.time = self.time.max(*start);
        }
        while let Some(first) = self.early.first_entry() {
            let (start, number) = *first.key();
            if start > self.time {
                break;
            }
            let key = first.remove();
            if let Some(competitor) = self.competitors.get_mut(&key) {
                let place = (start + competitor.turn(), number);
                competitor.state = State::Due(place);
                self.due.insert(place, key);
            }
        }
        while let Some(first) = self.left.first_entry()
            && first.key().0 <= self.time
        {
            let key = first.remove();
            if let Some(competitor) = self.competitors.get_mut(&key) {
                competitor.state = State::Gone;
                self.weight -= competitor.weight.get();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn weight(number: u32) -> Weight {
        Weight::new(NonZeroU32::new(number).expect("not zero"))
    }

    #[derive(Clone, Debug)]
    enum Move {
        Join(usize),
        Leave(usize),
        Turn,
    }

    fn moves(count: usize) -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            2 => (0..count).prop_map(Move::Join),
            1 => (0..count).prop_map(Move::Leave),
            12 => Just(Move::Turn),
        ];
        prop::collection::vec(one, 0..600)
    }

    /// What others had since one that waits is the first of its own.
    #[derive(Clone, Copy, Debug, Default)]
    struct Wait {
        /// Their turns.
        turns: u32,
        /// Their turns since its own was due.
        turns_since_due: u32,
        /// The largest sum of all weights.
        weights: u32,
    }

    proptest! {
        #[test]
        fn nobody_waits_for_more_turns_than_its_share_allows(
            weights in prop::collection::vec(prop_oneof![1..=4_u32, 1..=100_u32], 2..30),
            moves in moves(30),
        ) {
            let mut turns = Turns::new();
            let mut waits: Vec<Option<Wait>> = vec![None; weights.len()];
            for one in moves {
                match one {
                    Move::Join(who) if waits.get(who).is_some_and(Option::is_none) => {
                        turns.join(&who, weight(weights[who]));
                        waits[who] = Some(Wait::default());
                    }
                    Move::Leave(who) if waits.get(who).is_some_and(Option::is_some) => {
                        turns.leave(&who);
                        waits[who] = None;
                    }
                    Move::Join(_) | Move::Leave(_) => {}
                    Move::Turn => {
                        let first = turns.first().copied();
                        prop_assert_eq!(first.is_none(), waits.iter().all(Option::is_none));
                        let Some(first) = first else { continue };
                        let due: Vec<usize> = turns.due.values().copied().collect();
                        turns.had_turn(&first);
                        for (who, wait) in waits.iter_mut().enumerate() {
                            let Some(wait) = wait else { continue };
                            wait.turns += 1;
                            wait.turns_since_due += u32::from(due.contains(&who));
                        }
                        let waited = waits[first].replace(Wait::default()).expect("it waits");
                        let share = waited.weights.div_ceil(weights[first]);
                        prop_assert!(waited.turns_since_due - 1 <= share, "{waited:?} of {share}");
                        prop_assert!(waited.turns - 1 <= 2 * share, "{waited:?} of {share}");
                    }
                }
                let sum: u32 = (0..weights.len())
                    .filter(|who| waits[*who].is_some())
                    .map(|who| weights[who])
                    .sum();
                for wait in waits.iter_mut().flatten() {
                    wait.weights = sum.max(wait.weights);
                }
            }
        }

        #[test]
        fn turns_are_in_proportion_to_the_weights(
            weights in prop::collection::vec(1..=100_u32, 1..20),
        ) {
            let mut turns = Turns::new();
            for (who, one) in weights.iter().enumerate() {
                turns.join(&who, weight(*one));
            }
            let mut had = vec![0; weights.len()];
            // One round is as many turns as there are weights.
            for _round in 0..3 {
                for _ in 0..weights.iter().sum() {
                    let first = *turns.first().expect("all wait");
                    turns.had_turn(&first);
                    had[first] += 1;
                }
            }
            prop_assert_eq!(had, weights.iter().map(|one| one * 3).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_pause_earns_nothing() {
        let mut turns = Turns::new();
        turns.join(&"busy", Weight::ONE);
        turns.join(&"pausing", Weight::ONE);
        turns.had_turn(&"pausing");
        turns.leave(&"pausing");
        for _ in 0..100 {
            turns.had_turn(&"busy");
        }
        turns.join(&"pausing", Weight::ONE);
        let mut order = Vec::new();
        for _ in 0..6 {
            let first = *turns.first().expect("both wait");
            turns.had_turn(&first);
            order.push(first);
        }
        assert_eq!(order.iter().filter(|who| **who == "pausing").count(), 3, "{order:?}");
    }

    #[test]
    fn visits_that_end_with_a_turn_do_not_put_a_newcomer_behind_the_others() {
        let mut turns = Turns::new();
        (0..20).for_each(|busy| turns.join(&busy, Weight::ONE));
        let (visitor, newcomer) = (20, 21);
        // The turns until it is the turn of this one, which it has as well.
        let wait = |turns: &mut Turns<i32>, who| {
            let mut others = 0;
            while turns.first() != Some(&who) {
                let first = *turns.first().expect("twenty wait");
                turns.had_turn(&first);
                others += 1;
            }
            turns.had_turn(&who);
            others
        };
        for _visit in 0..200 {
            turns.join(&visitor, weight(2));
            wait(&mut turns, visitor);
            turns.leave(&visitor);
            for _ in 0..11 {
                let first = *turns.first().expect("twenty wait");
                turns.had_turn(&first);
            }
        }
        turns.join(&newcomer, weight(20));
        let others = wait(&mut turns, newcomer);
        assert!(others <= 42_u32.div_ceil(20), "it waited for {others} turns");
    }

    #[test]
    fn nothing_is_remembered_once_nobody_waits() {
        let mut turns = Turns::new();
        for who in 0..1000 {
            turns.join(&who, Weight::ONE);
            turns.had_turn(&who);
            turns.leave(&who);
        }
        assert!(turns.competitors.is_empty());
    }
}
