//! Since when every key is known, also where the file has failed.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::super::remembered::REMEMBERED;
use super::records::length;
use crate::clock::Moment;
use crate::delivery::conclusion::Known;

/// How often it is logged at most that the file fails.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Since when every key is known. Times are those of the file.
#[derive(Debug, Default)]
pub(super) struct FileHorizon(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// As the file says. None until it was read.
    in_file: Option<i64>,
    /// Until when what was sent may be in no file, if the file does not know of that yet.
    failed_at: Option<i64>,
    logged_at: Option<Moment>,
    /// How often it failed since that was logged.
    failures: u64,
}

/// What a job was told by the file, and has told it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// Since when every key is known.
    pub(super) known_since: i64,
    /// Until when what was sent may be in no file, which it knows now.
    pub(super) failed_at: Option<i64>,
}

impl FileHorizon {
    /// How much is known of the attempts that were made under a key.
    pub(super) fn known(&self, now: i64) -> Known {
        let since = {
            let State { in_file, failed_at, .. } = *self.state();
            in_file.unwrap_or(now).max(failed_at.unwrap_or(i64::MIN)).min(now)
        };
        if now.saturating_sub(since) < length(REMEMBERED) {
            Known::Since(Timestamp::from_millisecond(since).unwrap_or(Timestamp::MAX))
        } else {
            Known::Wholly
        }
    }

    /// Whether the file was read, and when it failed if it does not know of that.
    pub(super) fn to_tell(&self) -> (bool, Option<i64>) {
        let state = self.state();
        (state.in_file.is_some(), state.failed_at)
    }

    /// A job is on the disk.
    pub(super) fn heard(&self, Told { known_since, failed_at }: Told) {
        let mut state = self.state();
        state.in_file = state.in_file.max(Some(known_since));
        if state.failed_at == failed_at {
            state.failed_at = None;
        }
    }

    /// What is sent until then may be in no file.
    pub(super) fn fails_until(&self, time: i64) {
        let mut state = self.state();
        state.failed_at = state.failed_at.max(Some(time));
    }

    /// The file failed at `at`, so that what was sent until then may be in none. It is `now` by the monotonic clock.
    pub(super) fn failed(&self, at: i64, now: Moment, why: impl fmt::Display) {
        self.fails_until(at);
        let mut state = self.state();
        state.failures += 1;
        if state.logged_at.is_some_and(|logged| now.saturating_sub(logged) < LOG_INTERVAL) {
            return;
        }
        let failures = std::mem::take(&mut state.failures);
        state.logged_at = Some(now);
        drop(state);
        tracing::warn!(
            failures,
            "cannot write idempotency keys to the file; a restart will lose them: {why}"
        );
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
