//! What is counted in windows: the limits of Feishu, and the budget of a caller.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::super::agenda::Moment;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Window {
    SentTo(String),
    ArrivedAt(String),
    /// What one process has sent.
    ArrivedFrom(usize, u64, String),
    SecondOf(String),
    MinuteOf(String),
    /// Of a caller, by one process.
    Budget(String, usize, u64),
}

/// What was counted lately.
#[derive(Default)]
pub(super) struct Windows(BTreeMap<Window, VecDeque<Moment>>);

impl Windows {
    /// One more is counted now, of which the span before may hold so many.
    pub(super) fn count(
        &mut self,
        window: &Window,
        most: u32,
        span: Duration,
        now: Moment,
    ) -> Result<(), String> {
        let counted = self.0.entry(window.clone()).or_default();
        while counted.front().is_some_and(|first| *first + span <= now) {
            counted.pop_front();
        }
        counted.push_back(now);
        let count = counted.len();
        if count > most as usize {
            return Err(format!("{count} calls within {span:?}, {most} allowed: {window:?}"));
        }
        Ok(())
    }
}
