//! The trace that a request belongs to: its own, or that of its caller.

use std::fmt;
use std::str;

use uuid::Uuid;

/// The `trace-id` of W3C Trace Context (<https://www.w3.org/TR/trace-context>): 32 lower-case hexadecimal digits, not all of
/// them zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 32]);

impl TraceId {
    /// The trace that a `traceparent` names. None if it is not one, as then a new trace begins.
    #[must_use]
    pub fn of_traceparent(traceparent: &str) -> Option<Self> {
        let (version, rest) = field::<2>(traceparent.as_bytes())?;
        let (trace_id, rest) = field::<32>(rest.strip_prefix(b"-")?)?;
        let (parent_id, rest) = field::<16>(rest.strip_prefix(b"-")?)?;
        let (_flags, rest) = field::<2>(rest.strip_prefix(b"-")?)?;
        let may_go_on = match &version {
            b"00" => false,
            b"ff" => return None,
            // A version to come adds fields behind these.
            _ => rest.starts_with(b"-"),
        };
        let is_whole = rest.is_empty() || may_go_on;
        let is_zero = trace_id == [b'0'; 32] || parent_id == [b'0'; 16];
        (is_whole && !is_zero).then_some(Self(trace_id))
    }

    /// A trace of which this id, of version 4 or 7, is the beginning. (Its last 7 bytes are random, as the specification
    /// wants it.)
    #[must_use]
    pub fn new(id: Uuid) -> Self {
        let mut text = [b'0'; 32];
        id.simple().encode_lower(&mut text);
        Self(text)
    }

    /// The 32 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The `N` lower-case hexadecimal digits that the text begins with, and what is behind them.
fn field<const N: usize>(text: &[u8]) -> Option<([u8; N], &[u8])> {
    let (digits, rest) = text.split_first_chunk::<N>()?;
    let are_digits = digits.iter().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    are_digits.then_some((*digits, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "b7ad6b7169203331";

    #[test]
    fn a_traceparent_names_its_trace() {
        for flags in ["00", "01", "03", "ff"] {
            let given = TraceId::of_traceparent(&format!("00-{TRACE}-{PARENT}-{flags}"));
            assert_eq!(given.expect("a trace").as_str(), TRACE);
        }
        for later in ["", "-", "-what-is-to-come"] {
            let given = TraceId::of_traceparent(&format!("cc-{TRACE}-{PARENT}-01{later}"));
            assert_eq!(given.expect("a trace").as_str(), TRACE, "{later}");
        }
    }

    #[test]
    fn what_is_not_exactly_a_traceparent_is_none() {
        let (no_trace, no_parent) = ("0".repeat(32), "0".repeat(16));
        for wrong in [
            String::new(),
            "00".to_owned(),
            TRACE.to_owned(),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("0-{TRACE}-{PARENT}-01"),
            format!("0x-{TRACE}-{PARENT}-01"),
            format!("00-{no_trace}-{PARENT}-01"),
            format!("00-{TRACE}-{no_parent}-01"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", PARENT.to_uppercase()),
            format!("00-{TRACE}-{PARENT}-0A"),
            format!("00-{TRACE}-{PARENT}-0"),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("cc-{TRACE}-{PARENT}-01.more"),
            format!("00-{TRACE}{PARENT}--01"),
            format!("00_{TRACE}_{PARENT}_01"),
            format!(" 00-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-01 "),
        ] {
            assert_eq!(TraceId::of_traceparent(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_new_trace_is_one_that_others_take() {
        for id in [random::uuid_of(jiff::Timestamp::UNIX_EPOCH), random::uuid()] {
            let new = TraceId::new(id);
            let traceparent = format!("00-{}-{PARENT}-01", new.as_str());
            assert_eq!(TraceId::of_traceparent(&traceparent), Some(new));
        }
    }

    proptest! {
        #[test]
        fn no_text_gives_anything_but_32_digits(text in "([0-9a-fA-F]{2}-?){1,40}.{0,5}") {
            if let Some(id) = TraceId::of_traceparent(&text) {
                prop_assert!(text.contains(id.as_str()) && id.as_str().len() == 32);
            }
        }
    }
}
