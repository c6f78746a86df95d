//! How a number of durations are spread.

use std::fmt;
use std::time::Duration;

/// Some durations in order.
pub(super) struct Spread(Vec<Duration>);

impl Spread {
    pub(super) fn of(durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut sorted: Vec<Duration> = durations.into_iter().collect();
        sorted.sort_unstable();
        Self(sorted)
    }

    pub(super) fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// What so many in a hundred do not exceed; zero if there are none.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let index = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(index).copied().unwrap_or_default()
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |percent| self.percentile(percent).as_secs_f64() * 1e3;
        write!(f, "{:>5} times, median {:.2} ms", self.0.len(), ms(50))?;
        write!(f, ", p95 {:.2} ms, p99 {:.2} ms", ms(95), ms(99))
    }
}
