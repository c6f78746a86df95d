//! What Feishu pushes.

use std::fmt;

use jiff::Timestamp;

use crate::feishu::token::AppTicket;

/// What Feishu pushes to an app's address.
#[derive(Debug)]
pub enum Event {
    /// Feishu asks whether the address is the app's. The answer repeats the challenge.
    AddressCheck {
        /// What the answer repeats.
        challenge: String,
    },
    /// A new ticket of the app.
    AppTicket {
        /// The event's id.
        id: EventId,
        /// The ticket.
        ticket: AppTicket,
    },
    /// An event that the gateway does not use.
    Other {
        /// The event's id.
        id: EventId,
        /// Its type as one short line, such as `im.message.receive_v1`.
        event_type: String,
    },
}

/// The id of an event, which its repetitions have as well: `uuid` in version 1, `event_id` in version 2.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EventId(Box<str>);

/// Longest id in bytes. Those that Feishu's documentation shows have 32.
const LONGEST_ID: usize = 128;

impl EventId {
    /// An id of 1 to 128 visible ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = (1..=LONGEST_ID).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_id.then(|| Self(text.into()))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The time in a version 1 event's `ts`: seconds since 1970 with a fraction, such as `1502199207.7171419`.
pub(super) fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    // More digits than these are no time that Feishu sends, and fewer need no check for overflow.
    if whole.len() > 11 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9.9}").parse().ok()?;
    Timestamp::new(digits(whole)?, nanoseconds).ok()
}

/// The time in a version 2 event's `create_time`: milliseconds since 1970.
pub(super) fn milliseconds(text: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(digits(text)?).ok()
}

fn digits(text: &str) -> Option<i64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_versions_times_are_read() {
        let time = |text: &str| Some(text.parse::<Timestamp>().expect("a time"));
        assert_eq!(seconds("1502199207.7171419"), time("2017-08-08T13:33:27.7171419Z"));
        assert_eq!(seconds("1502199207"), time("2017-08-08T13:33:27Z"));
        assert_eq!(seconds("1502199207.12345678999"), time("2017-08-08T13:33:27.123456789Z"));
        assert_eq!(milliseconds("1608725989000"), time("2020-12-23T12:19:49Z"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", ".", "-1", "+1", "1e9", "1.2.3", "1.-2", " 1", "１", "999999999999", "x"]
        {
            assert_eq!(seconds(text), None, "{text:?}");
        }
        let too_late = "9".repeat(40);
        for text in ["", "-1", "+1", "1.5", "9223372036854775807", &too_late, "１"] {
            assert_eq!(milliseconds(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_time_overflow(text in "[0-9.+-]{0,40}|\\PC{0,12}") {
            let _ = (seconds(&text), milliseconds(&text), EventId::parse(&text));
        }
    }
}
