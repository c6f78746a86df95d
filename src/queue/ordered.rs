//! A queue that is ordered by number: the smaller number goes first, whenever it joined.

use std::collections::BTreeMap;

/// Items by their numbers.
#[derive(Debug)]
pub(super) struct OrderedQueue<T>(BTreeMap<u64, T>);

impl<T> OrderedQueue<T> {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Joins behind all smaller numbers and before all larger ones. No item has this number yet.
    pub(super) fn join(&mut self, number: u64, item: T) {
        self.0.insert(number, item);
    }

    /// Joins at the end. Returns the item's number.
    pub(super) fn join_last(&mut self, item: T) -> u64 {
        let number = self.0.last_key_value().map_or(0, |(last, _)| last + 1);
        self.join(number, item);
        number
    }

    /// Leaves from anywhere. Returns the item, if there is one with this number.
    pub(super) fn leave(&mut self, number: u64) -> Option<T> {
        self.0.remove(&number)
    }

    /// The first item and its number.
    pub(super) fn first(&self) -> Option<(u64, &T)> {
        self.0.first_key_value().map(|(number, item)| (*number, item))
    }

    /// The items and their numbers, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.0.iter().map(|(number, item)| (*number, item))
    }

    /// How many items have smaller numbers.
    pub(super) fn ahead_of(&self, number: u64) -> usize {
        let ends = self.0.first_key_value().zip(self.0.last_key_value());
        // Most numbers that are asked about are near one end, so the count begins at the nearer one.
        match ends {
            Some(((first, _), (last, _))) if number.abs_diff(*first) > number.abs_diff(*last) => {
                self.0.len() - self.0.range(number..).count()
            }
            _ => self.0.range(..number).count(),
        }
    }

    pub(super) fn length(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Move {
        Join(u64),
        JoinLast,
        /// Whoever is at this place, counted round and round.
        Leave(usize),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            3 => (0..100_u64).prop_map(Move::Join),
            1 => Just(Move::JoinLast),
            3 => any::<usize>().prop_map(Move::Leave),
        ];
        prop::collection::vec(one, 0..200)
    }

    proptest! {
        #[test]
        fn a_queue_is_ordered_by_number_whoever_joins_and_leaves_when(moves in moves()) {
            let (mut queue, mut sorted) = (OrderedQueue::new(), Vec::<u64>::new());
            for one in moves {
                match one {
                    Move::Join(number) => {
                        let Err(place) = sorted.binary_search(&number) else { continue };
                        sorted.insert(place, number);
                        queue.join(number, number);
                    }
                    Move::JoinLast => {
                        let number = queue.join_last(u64::MAX);
                        prop_assert!(sorted.last().is_none_or(|last| *last < number));
                        queue.leave(number);
                        queue.join(number, number);
                        sorted.push(number);
                    }
                    Move::Leave(place) if sorted.is_empty() => {
                        prop_assert_eq!(queue.leave(place as u64), None);
                    }
                    Move::Leave(place) => {
                        let number = sorted.remove(place % sorted.len());
                        prop_assert_eq!(queue.leave(number), Some(number));
                    }
                }
                prop_assert_eq!(queue.length(), sorted.len());
                prop_assert!(queue.iter().map(|(number, _)| number).eq(sorted.iter().copied()));
                prop_assert_eq!(queue.first().map(|(number, _)| number), sorted.first().copied());
                for (place, number) in sorted.iter().enumerate() {
                    prop_assert_eq!(queue.ahead_of(*number), place);
                    prop_assert_eq!(queue.ahead_of(number + 1), place + 1);
                }
            }
        }
    }
}
