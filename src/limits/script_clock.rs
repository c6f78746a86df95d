//! The time by which a script in Redis decides.

use std::time::Duration;

#[cfg(test)]
use crate::clock::Moment;

/// The server's own time, or in tests a time that they set.
#[derive(Debug, Default)]
pub(crate) struct ScriptClock {
    #[cfg(test)]
    pub(crate) now: std::sync::Mutex<Option<Moment>>,
}

impl ScriptClock {
    /// The argument of a script: empty for the server's time.
    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests have a time of their own")]
    pub(super) fn argument(&self) -> &'static str {
        ""
    }

    /// The argument of a script: empty for the server's time.
    #[cfg(test)]
    pub(super) fn argument(&self) -> String {
        let now = *self.now.lock().unwrap();
        now.map_or_else(String::new, |now| micros(now).to_string())
    }
}

/// Whole microseconds, rounded up.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
}
