//! Calendar months as Feishu counts its quota: those of UTC+8 (Feishu's documentation).

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, offset};

/// The offset of the calendar.
const UTC8: Offset = offset(8);

/// A calendar month of UTC+8. Shown as `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The month that a clock with this time shows.
    #[must_use]
    pub fn of(wall: Timestamp) -> Self {
        let date = UTC8.to_datetime(wall);
        Self { year: date.year(), month: date.month() }
    }

    /// The time from `wall` until the month is over; zero if it is over by then.
    #[must_use]
    pub fn ends_in(self, wall: Timestamp) -> Duration {
        let (year, month) = if self.month == 12 {
            (self.year.saturating_add(1), 1)
        } else {
            (self.year, self.month + 1)
        };
        let next = Date::new(year, month, 1).and_then(|first| UTC8.to_timestamp(first.into()));
        // The calendar ends with the year 9999.
        let end = next.unwrap_or(Timestamp::MAX);
        end.duration_since(wall).try_into().unwrap_or(Duration::ZERO)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_begins_at_midnight_of_utc_8_and_ends_where_the_next_one_begins() {
        for (last, first, before, after) in [
            ("2026-01-31T15:59:59.999Z", "2026-01-31T16:00:00Z", "2026-01", "2026-02"),
            ("2028-02-29T15:59:59.999Z", "2028-02-29T16:00:00Z", "2028-02", "2028-03"),
            ("2026-12-31T15:59:59.999Z", "2026-12-31T16:00:00Z", "2026-12", "2027-01"),
        ] {
            let (last, first) = (at(last), at(first));
            let (old, new) = (Month::of(last), Month::of(first));
            assert_eq!((&*old.to_string(), &*new.to_string()), (before, after));
            assert_eq!(old.ends_in(last), Duration::from_millis(1));
            assert_eq!(old.ends_in(first), Duration::ZERO);
        }
        let february = Month::of(at("2026-01-31T16:00:00Z"));
        assert_eq!(february.ends_in(at("2026-01-31T16:00:00Z")), Duration::from_hours(28 * 24));
    }

    proptest! {
        #[test]
        fn a_month_lasts_as_long_as_it_says(second in -377_705_023_201..253_402_200_000_i64) {
            let wall = Timestamp::from_second(second).unwrap();
            let month = Month::of(wall);
            let left = month.ends_in(wall);
            prop_assert!(left <= Duration::from_hours(31 * 24));
            let just_before = left.saturating_sub(Duration::from_nanos(1));
            if let Ok(before) = wall.saturating_add(just_before) {
                prop_assert_eq!(Month::of(before), month);
            }
            if let Ok(end) = wall.checked_add(left) {
                prop_assert!(end == Timestamp::MAX || Month::of(end) != month);
            }
        }
    }
}
