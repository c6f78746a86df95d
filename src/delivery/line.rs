//! A line in which the smaller number stands in front, whenever it joined.

use std::collections::BTreeMap;

/// Those who stand in line, by their numbers.
#[derive(Debug)]
pub(super) struct Line<T>(BTreeMap<u64, T>);

impl<T> Line<T> {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Joins behind all smaller numbers and before all larger ones. Nobody has this number yet.
    pub(super) fn join(&mut self, number: u64, who: T) {
        self.0.insert(number, who);
    }

    /// Joins at the end; the number is good until it leaves.
    pub(super) fn join_last(&mut self, who: T) -> u64 {
        let number = self.0.last_key_value().map_or(0, |(last, _)| last + 1);
        self.join(number, who);
        number
    }

    /// Leaves from anywhere, and tells whether it was the first.
    pub(super) fn leave(&mut self, number: u64) -> bool {
        let was_first = self.is_first(number);
        self.0.remove(&number);
        was_first
    }

    pub(super) fn first(&self) -> Option<&T> {
        self.0.first_key_value().map(|(_, who)| who)
    }

    pub(super) fn is_first(&self, number: u64) -> bool {
        self.0.first_key_value().is_some_and(|(first, _)| *first == number)
    }

    /// How many have smaller numbers.
    pub(super) fn ahead_of(&self, number: u64) -> usize {
        let ends = self.0.first_key_value().zip(self.0.last_key_value());
        // Who asks is mostly at one end, and a long line is not to be counted from the other.
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
        fn a_line_is_ordered_by_number_whoever_joins_and_leaves_when(moves in moves()) {
            let (mut line, mut sorted) = (Line::new(), Vec::<u64>::new());
            for one in moves {
                match one {
                    Move::Join(number) => {
                        let Err(place) = sorted.binary_search(&number) else { continue };
                        sorted.insert(place, number);
                        line.join(number, number);
                    }
                    Move::JoinLast => {
                        let number = line.join_last(u64::MAX);
                        prop_assert!(sorted.last().is_none_or(|last| *last < number));
                        line.leave(number);
                        line.join(number, number);
                        sorted.push(number);
                    }
                    Move::Leave(place) if sorted.is_empty() => prop_assert!(!line.leave(place as u64)),
                    Move::Leave(place) => {
                        let place = place % sorted.len();
                        let was_first = line.leave(sorted.remove(place));
                        prop_assert_eq!(was_first, place == 0);
                    }
                }
                prop_assert_eq!(line.length(), sorted.len());
                prop_assert_eq!(line.first(), sorted.first());
                for (place, number) in sorted.iter().enumerate() {
                    prop_assert_eq!(line.is_first(*number), place == 0);
                    prop_assert_eq!(line.ahead_of(*number), place);
                    prop_assert_eq!(line.ahead_of(number + 1), place + 1);
                }
            }
        }
    }
}
