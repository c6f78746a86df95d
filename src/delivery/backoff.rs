//! The pauses between attempts.

use std::num::NonZeroU32;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use rand::RngExt;

use crate::random::generator;

/// The pauses of one forward, which also bound the number of its attempts.
#[derive(Debug)]
pub(super) struct Backoff {
    max_times: usize,
    /// Created at the first failure, because most forwards have none.
    backoff: Option<ExponentialBackoff>,
}

const FIRST: Duration = Duration::from_millis(200);
/// The longest pause between two attempts.
pub(super) const LONGEST: Duration = Duration::from_secs(2);

impl Backoff {
    /// For a forward of at most `max_attempts` attempts.
    pub(super) fn new(max_attempts: NonZeroU32) -> Self {
        Self { max_times: max_attempts.get() as usize - 1, backoff: None }
    }

    /// The next pause, with full jitter: a random time up to a bound that doubles. None after the last attempt.
    pub(super) fn next(&mut self) -> Option<Duration> {
        let backoff = || {
            ExponentialBuilder::new()
                .with_min_delay(FIRST)
                .with_max_delay(LONGEST)
                .with_max_times(self.max_times)
                .build()
        };
        let longest = self.backoff.get_or_insert_with(backoff).next()?;
        // `backon` has no full jitter.
        Some(generator().random_range(Duration::ZERO..=longest))
    }
}
