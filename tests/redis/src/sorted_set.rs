//! A sorted set: members with a score each, in the order of their scores.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// A score, which is never NaN.
#[derive(Clone, Copy, Debug)]
struct Score(f64);

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        // Not `total_cmp`: 0 and -0 are one score.
        self.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal)
    }
}

/// Members with scores.
#[derive(Clone, Debug, Default)]
pub(crate) struct SortedSet {
    scores: BTreeMap<Vec<u8>, f64>,
    order: BTreeSet<(Score, Vec<u8>)>,
}

impl SortedSet {
    pub(crate) fn len(&self) -> usize {
        self.scores.len()
    }

    pub(crate) fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).copied()
    }

    /// Returns whether it is new.
    pub(crate) fn insert(&mut self, member: &[u8], score: f64) -> bool {
        // Redis keeps -0 as 0 in a small set.
        let score = if score == 0.0 { 0.0 } else { score };
        let before = self.scores.insert(member.to_vec(), score);
        if let Some(before) = before {
            self.order.remove(&(Score(before), member.to_vec()));
        }
        self.order.insert((Score(score), member.to_vec()));
        before.is_none()
    }

    /// Returns whether it was there.
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        let before = self.scores.remove(member);
        if let Some(score) = before {
            self.order.remove(&(Score(score), member.to_vec()));
        }
        before.is_some()
    }

    /// All members, in their order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&Vec<u8>, f64)> {
        self.order.iter().map(|(score, member)| (member, score.0))
    }

    /// The members whose scores are within the bounds, in their order.
    pub(crate) fn by_score(
        &self,
        min: Bound<f64>,
        max: Bound<f64>,
    ) -> impl Iterator<Item = (&Vec<u8>, f64)> {
        let is_after = move |score: f64| match min {
            Bound::Included(min) => min <= score,
            Bound::Excluded(min) => min < score,
            Bound::Unbounded => true,
        };
        let is_before = move |score: f64| match max {
            Bound::Included(max) => score <= max,
            Bound::Excluded(max) => score < max,
            Bound::Unbounded => true,
        };
        // Where the first one can be.
        let first = match min {
            Bound::Included(score) => score,
            Bound::Excluded(score) => score.next_up(),
            Bound::Unbounded => f64::NEG_INFINITY,
        };
        let from = (Bound::Included((Score(first), Vec::new())), Bound::Unbounded);
        let after = self.order.range(from).skip_while(move |(score, _)| !is_after(score.0));
        after.take_while(move |(score, _)| is_before(score.0)).map(|(score, it)| (it, score.0))
    }
}
