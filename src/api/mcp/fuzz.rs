//! What holds of the arguments of every call, and of what a model is told of mistakes in them, as checks for `fuzz/` and the
//! tests.

use std::collections::HashSet;

use bytes::Bytes;
use rmcp::model::JsonObject;
use serde_json::json;

use crate::api::fuzz::caller;
use crate::api::mcp::failure;
use crate::api::mcp::long_list::cut_out;
use crate::api::mcp::receivers::check_type;
use crate::api::mcp::tools::{broadcast_message, forward_message, get_broadcast};
use crate::api::problems::problem::Problem;
use crate::broadcasts::BroadcastRequest;
use crate::model::problem_kind::ProblemKind;

const MOST_RECEIVERS: u32 = 5;
/// A word for what a log must not hold. No text of the gateway itself has it.
const HIDDEN: &str = "hush";

/// Checks what each tool reads from these arguments, as JSON.
pub(crate) fn arguments(data: &[u8]) {
    // As a message it is cut, or refused, and nothing else.
    let longest = data.len() / 2;
    if let Ok((message, receivers)) = cut_out(&Bytes::copy_from_slice(data), longest) {
        assert!(message.len() <= longest && (receivers.is_some() || message == data));
    }
    let Ok(arguments) = serde_json::from_slice::<JsonObject>(data) else { return };
    match forward_message::read(&caller(), arguments.clone()) {
        Ok(asked) => {
            assert!(check_type(&asked.receiver).is_ok());
            assert_eq!(forward_message::read(&caller(), arguments.clone()).ok(), Some(asked));
        }
        Err(problem) => refused(&problem),
    }
    match get_broadcast::read(arguments.clone()) {
        Ok((_, wait)) => assert!(wait.as_secs() <= 50),
        Err(problem) => assert!(problem.kind == ProblemKind::BroadcastNotFound || wrong(&problem)),
    }
    let read = broadcast_message::read(&caller(), arguments.clone(), None, MOST_RECEIVERS);
    if arguments.get("receivers").is_some_and(|it| !it.is_null()) {
        assert_eq!(told(&read), told(&from_a_long_call(arguments)));
    }
    match read {
        Ok(request) => accepted(&request),
        Err(problem) => refused(&problem),
    }
}

/// What is read where the list was cut out of the call.
fn from_a_long_call(arguments: JsonObject) -> Result<BroadcastRequest, Problem> {
    let params = json!({ "name": "broadcast_message", "arguments": arguments });
    let body = Bytes::from(json!({ "jsonrpc": "2.0", "id": 1, "params": params }).to_string());
    let list = arguments["receivers"].to_string();
    let longest = body.len() - list.len() + "[]".len();
    let (message, receivers) = cut_out(&body, longest).expect("a call for a broadcast");
    if message == body {
        assert!(list.len() <= "[]".len());
        return broadcast_message::read(&caller(), arguments, None, MOST_RECEIVERS);
    }
    assert_eq!(receivers.as_deref(), Some(&*list));
    let mut message: serde_json::Value = serde_json::from_slice(&message).expect("JSON");
    assert_eq!(message["params"]["arguments"]["receivers"], json!([]));
    let arguments = serde_json::from_value(message["params"]["arguments"].take());
    let arguments: JsonObject = arguments.expect("an object");
    broadcast_message::read(&caller(), arguments, receivers.as_deref(), MOST_RECEIVERS)
}

fn told(read: &Result<BroadcastRequest, Problem>) -> String {
    match read {
        Ok(request) => format!("{request:?}"),
        Err(problem) => failure::in_words(problem, "", ""),
    }
}

fn accepted(request: &BroadcastRequest) {
    assert!((1..=MOST_RECEIVERS as usize).contains(&request.receivers.len()));
    let different: HashSet<_> = request.receivers.iter().collect();
    assert_eq!(different.len(), request.receivers.len());
    assert!(request.receivers.iter().all(|it| check_type(it).is_ok()));
    assert!((60..=7 * 86_400).contains(&request.expires_in.as_secs()));
}

fn refused(problem: &Problem) {
    assert!(wrong(problem));
}

/// Whether the problem is that of mistakes, which a model is told in a bounded number of lines without anything hidden.
fn wrong(problem: &Problem) -> bool {
    assert!(problem.for_log().is_none_or(|line| !line.contains(HIDDEN)));
    let words = failure::in_words(problem, "Refused.", "1");
    let lines: Vec<&str> = words.lines().collect();
    assert!(lines.len() <= 150 && lines.iter().all(|line| line.chars().count() <= 800), "{words}");
    assert!(!words.chars().any(|it| it.is_control() && it != '\n'), "{words}");
    problem.kind == ProblemKind::InvalidRequest && !problem.errors.is_empty()
}
