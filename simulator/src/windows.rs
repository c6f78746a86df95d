//! The forwards that one limit counts, in each of the shapes that Feishu's time spans could have.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::nanos;
use crate::settings::WindowShape;

/// How many forwards a limit allows in which time.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    shape: WindowShape,
    pub(crate) limit: usize,
    /// In nanoseconds.
    span: u64,
}

impl Rule {
    pub(crate) fn new(shape: WindowShape, limit: usize, span: Duration) -> Self {
        Self { shape, limit, span: nanos(span) }
    }
}

/// The times of the forwards that one limit counts, oldest first, and what is taken from a bucket.
#[derive(Default)]
pub(crate) struct Window {
    times: VecDeque<u64>,
    /// The time at which the bucket is full again. A limit of `n` takes a span's `n`th part for each forward.
    full_at: u64,
}

impl Window {
    /// The time in nanoseconds until the limit allows another forward. `None` if it allows one now.
    ///
    /// A span is half-open: a forward exactly one span ago does not count.
    pub(crate) fn wait(&self, now: u64, rule: Rule) -> Option<u64> {
        let Rule { shape, limit, span } = rule;
        let Some(from_the_end) = limit.checked_sub(1) else {
            return Some(span);
        };
        let free_at = match shape {
            WindowShape::Bucket => (self.full_at + span / limit as u64).saturating_sub(span),
            WindowShape::Sliding | WindowShape::Calendar => {
                let deciding = self.times.len().checked_sub(1)?.checked_sub(from_the_end)?;
                let at = self.times[deciding];
                let begin = if shape == WindowShape::Calendar { at - at % span } else { at };
                begin + span
            }
        };
        free_at.checked_sub(now).filter(|wait| *wait > 0)
    }

    /// Counts a forward.
    pub(crate) fn count(&mut self, now: u64, rule: Rule) {
        let Rule { limit, span, .. } = rule;
        self.times.push_back(now);
        // Only the newest `limit` times affect later decisions.
        let surplus = self.times.len().saturating_sub(limit);
        self.times.drain(..surplus);
        // What a refused attempt takes leaves the bucket empty, and never more than that.
        let part = span / limit.max(1) as u64;
        self.full_at = (self.full_at.max(now) + part).min(now + span);
    }

    /// Whether a forward was counted within this span.
    pub(crate) fn is_used_within(&self, now: u64, span: Duration) -> bool {
        self.times.back().is_some_and(|at| at + nanos(span) > now)
    }
}
