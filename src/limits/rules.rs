//! The limits that Feishu sets, as an operator configures them.

use std::num::NonZeroU32;
use std::time::Duration;

use super::pace::AppPace;

/// How many messages each receiver may get, and how many calls each app may make.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Messages to one receiver in any span of one second.
    pub receiver_per_second: NonZeroU32,
    /// Calls of one API by one app in any span of one second.
    pub app_per_second: NonZeroU32,
    /// Calls of one API by one app in any span of one minute.
    pub app_per_minute: NonZeroU32,
    /// Added to every span: calls that leave a second apart may arrive at Feishu closer together.
    pub guard: Duration,
}

impl Rules {
    /// The span in which a receiver may get `receiver_per_second` messages.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs(1) + self.guard
    }

    /// The bucket that keeps an app within both of its limits.
    #[must_use]
    pub fn pace(&self) -> AppPace {
        AppPace::derive(self.app_per_second, self.app_per_minute, self.guard)
    }
}
