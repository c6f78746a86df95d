//! What a caller may have of what all callers share: turns of an app, and calls to Feishu.

use std::num::NonZeroU32;

/// A caller's weight. When callers compete for an app's calls, each gets calls in proportion to its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(NonZeroU32);

impl Weight {
    /// The weight of a caller whose configuration names none.
    pub const ONE: Self = Self(NonZeroU32::MIN);
    /// The largest weight.
    pub const MOST: u32 = 100;

    /// A weight; a number above [`Weight::MOST`] counts as that.
    #[must_use]
    pub fn new(weight: NonZeroU32) -> Self {
        Self(weight.min(const { NonZeroU32::new(Self::MOST).unwrap() }))
    }

    /// The weight as a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

/// The most calls to Feishu that may be made for a caller. `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// In any span of one minute.
    pub per_minute: Option<NonZeroU32>,
    /// In a calendar month of UTC+8, which is the month of Feishu's quota (Feishu's documentation).
    pub per_month: Option<NonZeroU32>,
}

impl Budget {
    /// The largest `per_minute`: each call of the last minute is remembered.
    pub const MOST_PER_MINUTE: u32 = 100_000;

    /// Whether there is no limit at all.
    #[must_use]
    pub const fn is_unlimited(self) -> bool {
        self.per_minute.is_none() && self.per_month.is_none()
    }
}
