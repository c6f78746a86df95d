//! A call with a longer list of receivers than fits into any other message. The list is cut out of it as text: `rmcp` would
//! make a tree of values of it, which takes many times its memory.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::http::body::too_large;
use crate::api::mcp::tools::tool_name::ToolName;
use crate::api::problems::problem::Problem;

/// What is read of a message that is too large for anything but a broadcast.
#[derive(Deserialize)]
struct LongCall<'a> {
    #[serde(borrow)]
    params: LongParams<'a>,
}

#[derive(Deserialize)]
struct LongParams<'a> {
    name: Cow<'a, str>,
    #[serde(borrow)]
    arguments: LongArguments<'a>,
}

#[derive(Deserialize)]
struct LongArguments<'a> {
    #[serde(borrow)]
    receivers: &'a RawValue,
}

/// A message of at most `longest` bytes, and the JSON of the receivers if they were cut out of it. Without them it must
/// not be longer.
pub(super) fn cut_out(body: &Bytes, longest: usize) -> Result<(Bytes, Option<String>), Problem> {
    if body.len() <= longest {
        return Ok((body.clone(), None));
    }
    let (message, receivers) = cut(body).ok_or_else(|| too_large(longest))?;
    if message.len() > longest {
        return Err(too_large(longest));
    }
    Ok((Bytes::from(message), Some(receivers)))
}

/// The message with an empty list of receivers, and its receivers. None if it is not a call for a broadcast.
fn cut(body: &[u8]) -> Option<(String, String)> {
    let text = str::from_utf8(body).ok()?;
    let LongCall { params } = serde_json::from_str(text).ok()?;
    if params.name != ToolName::BroadcastMessage.as_str() {
        return None;
    }
    let receivers = params.arguments.receivers.get();
    let start = receivers.as_ptr().addr() - text.as_ptr().addr();
    let (before, after) = (&text[..start], &text[start + receivers.len()..]);
    Some((format!("{before}[]{after}"), receivers.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: usize = 120;

    fn call(name: &str, receivers: &str, more: &str) -> Bytes {
        let arguments = format!(r#"{{"message_id":"om_1","receivers":{receivers}{more}}}"#);
        Bytes::from(format!(r#"{{"id":1,"params":{{"name":"{name}","arguments":{arguments}}}}}"#))
    }

    #[test]
    fn the_receivers_are_cut_out_of_a_long_call_and_nothing_else() {
        let list = format!("[\"{}\"]", "ü".repeat(LONGEST));
        let long = call("broadcast_message", &list, r#","expires_in":"2h"#);
        assert!(cut_out(&long, LONGEST).is_err(), "it is not JSON");
        let long = call("broadcast_message", &list, r#","expires_in":"2h""#);
        let (message, receivers) = cut_out(&long, LONGEST).expect("a broadcast");
        assert_eq!(message, call("broadcast_message", "[]", r#","expires_in":"2h""#));
        assert_eq!(receivers, Some(list));
    }

    #[test]
    fn every_other_message_is_as_long_as_it_may_be_at_most() {
        let short = call("forward_message", "[]", "");
        assert_eq!(cut_out(&short, LONGEST).expect("short"), (short.clone(), None));
        let (list, long) = (format!("[\"{}\"]", "x".repeat(LONGEST)), "y".repeat(LONGEST));
        for too_long in [
            call("forward_message", &list, ""),
            call("broadcast_message", "[]", &format!(r#","expires_in":"{long}""#)),
            call("broadcast_message", &list, r#","receivers":[]"#),
            call("broadcast_message", &list, "").slice(1..),
            Bytes::from("[".repeat(LONGEST + 1)),
            Bytes::from(vec![0xff; LONGEST + 1]),
        ] {
            let problem = cut_out(&too_long, LONGEST).expect_err("too long");
            assert!(problem.detail.en.contains("larger than 120 bytes"), "{problem:?}");
        }
    }
}
