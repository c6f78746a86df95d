//! The control API under `/_simulator/`. It offers the methods of [`crate::Simulator`] over HTTP.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::fault::{Fault, FaultKind, Phase};
use crate::messages::{KnownMessage, MAX_TOLD};
use crate::port::Outage;
use crate::settings::Settings;
use crate::state::{Shared, State};

const ROOT: &str = "/_simulator";

/// The routes: path, method, and description.
const ROUTES: [(&str, &str, &str); 17] = [
    ("", "GET", "lists all routes"),
    ("ledger", "GET", "every request and every delivery so far, oldest first"),
    ("ledger", "DELETE", "deletes them"),
    ("faults", "GET", "the pending faults"),
    (
        "faults",
        "POST",
        "adds a fault: {\"api\", \"receive_id\", \"reused\", \"times\", \"kind\", \"phase\"}",
    ),
    ("faults", "DELETE", "deletes the faults"),
    ("messages", "GET", "the messages that were added here"),
    (
        "messages",
        "POST",
        "adds a message: {\"message_id\", \"chat_id\", \"thread_id\", \"upper_message_id\", \"msg_type\", \"state\"}",
    ),
    ("messages", "DELETE", "deletes these messages"),
    ("settings", "GET", "the settings"),
    ("settings", "PATCH", "changes the settings that the body names"),
    ("revoke", "POST", "makes every token invalid"),
    ("clock", "GET", "the simulator's clock in milliseconds"),
    ("clock", "POST", "moves the clock forward: {\"advance_ms\"}"),
    ("refuse", "POST", "closes all other connections and refuses new ones for a while: {\"ms\"}"),
    ("strand", "POST", "reads nothing more from all other connections; new ones work"),
    (
        "reset",
        "POST",
        "restores the state after the start: empty ledger, no faults, first settings, no messages, no tokens, no uuids",
    ),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refuse {
    ms: u64,
}

/// The path below `/_simulator`. `None` if the request is not one to the control API.
pub(crate) fn path(call: &Call) -> Option<&str> {
    let rest = call.path.strip_prefix(ROOT)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    Some(rest.trim_matches('/'))
}

/// Answers a request to the control API.
pub(crate) fn answer(path: &str, call: &Call, shared: &Shared) -> Answer {
    let mut state = shared.state();
    let result = match (path, call.method.as_str()) {
        ("", "GET") => Ok(index()),
        ("ledger", "GET") => {
            let ledger = state.ledger.snapshot();
            drop(state); // Serializing a long ledger must not block other requests.
            Ok(json!(ledger))
        }
        ("ledger", "DELETE") => {
            state.ledger.clear();
            Ok(done())
        }
        ("faults", "GET") => Ok(json!(state.faults)),
        ("faults", "POST") => add_fault(&mut state, &call.body),
        ("faults", "DELETE") => {
            state.clear_faults();
            Ok(done())
        }
        ("messages", "GET") => Ok(json!(state.messages.told())),
        ("messages", "POST") => add_message(&mut state, &call.body),
        ("messages", "DELETE") => {
            state.messages.clear_told();
            Ok(done())
        }
        ("settings", "GET") => Ok(json!(state.settings)),
        ("settings", "PATCH") => change_settings(&mut state, &call.body),
        ("revoke", "POST") => {
            state.revoke_tokens();
            Ok(done())
        }
        ("clock", "GET") => Ok(clock(&state)),
        ("clock", "POST") => advance(&mut state, &call.body),
        ("refuse", "POST") => refuse(shared, &call.body),
        ("strand", "POST") => {
            shared.connections.strand(Some(call.connection.number));
            Ok(done())
        }
        ("reset", "POST") => {
            state.reset();
            Ok(done())
        }
        _ => return no_such_route(path, &call.method),
    };
    match result {
        Ok(body) => Answer::control(200, &body),
        Err(body) => Answer::control(400, &body),
    }
}

fn index() -> Value {
    let routes: Vec<Value> = ROUTES
        .iter()
        .map(|(path, method, does)| json!({"method": method, "path": format!("{ROOT}/{path}"), "does": does}))
        .collect();
    json!({"about": "Control API of the Feishu simulator.", "routes": routes})
}

fn no_such_route(path: &str, method: &str) -> Answer {
    let allowed: Vec<&str> =
        ROUTES.iter().filter(|(known, ..)| *known == path).map(|(_, method, _)| *method).collect();
    if allowed.is_empty() {
        let error = format!("{ROOT}/{path} does not exist; GET {ROOT}/ lists all routes");
        return Answer::control(404, &json!({"error": error}));
    }
    let error = format!("{ROOT}/{path} accepts {}, not {method}", allowed.join(", "));
    Answer::control(405, &json!({"error": error}))
}

fn add_fault(state: &mut State, body: &str) -> Result<Value, Value> {
    let fault: Fault = parse(body)?;
    if fault.times == Some(0) {
        return Err(mistake("times", "must be 1 or more, or null for all requests"));
    }
    let status = match fault.kind {
        FaultKind::Status { status, .. } => Some(status),
        FaultKind::Code { status, .. } => status,
        _ => None,
    };
    if status.is_some_and(|status| !(200..=599).contains(&status)) {
        return Err(mistake("kind.status", "must be an HTTP status from 200 to 599"));
    }
    if fault.phase == Phase::BeforeRequest {
        check_connection_fault(&fault)?;
    }
    state.faults.push(fault);
    Ok(json!({"ok": true, "waiting": state.faults.len()}))
}

/// Refuses members that have no meaning in a fault with the phase `before_request`.
fn check_connection_fault(fault: &Fault) -> Result<(), Value> {
    let never = "cannot be used with before_request: a connection has none";
    if fault.api.is_some() {
        return Err(mistake("api", never));
    }
    if fault.receive_id.is_some() {
        return Err(mistake("receive_id", never));
    }
    if fault.reused {
        return Err(mistake(
            "reused",
            "cannot be used with before_request: the connection is always new",
        ));
    }
    if !fault.kind.can_affect_connections() {
        return Err(mistake("kind", "must be cut, reset, garbage or silence with before_request"));
    }
    if fault.times.is_none() {
        let alone = "must be a number with before_request: null would also affect this control API";
        return Err(mistake("times", alone));
    }
    Ok(())
}

fn add_message(state: &mut State, body: &str) -> Result<Value, Value> {
    let message: KnownMessage = parse(body)?;
    if !state.messages.add(message) {
        return Err(mistake(
            ".",
            &format!("{MAX_TOLD} messages were added, which is the most; DELETE deletes them"),
        ));
    }
    Ok(json!({"ok": true, "known": state.messages.told().len()}))
}

/// Starts an outage, in which only the connection of this request stays open.
fn refuse(shared: &Shared, body: &str) -> Result<Value, Value> {
    let Refuse { ms } = parse(body)?;
    let duration = Some(Duration::from_millis(ms));
    shared.port.start_outage(Outage { duration, kept: tokio::task::try_id() });
    Ok(done())
}

/// Replaces those settings that the body contains.
fn change_settings(state: &mut State, body: &str) -> Result<Value, Value> {
    let changes: serde_json::Map<String, Value> = parse(body)?;
    let mut merged = json!(state.settings);
    for (name, value) in changes {
        merged[name] = value;
    }
    let settings: Settings = parse(&merged.to_string())?;
    for (name, status) in [
        ("app_limit_status", settings.app_limit_status),
        ("rejected_token_status", settings.rejected_token_status),
    ] {
        if !(200..=599).contains(&status) {
            return Err(mistake(name, "must be an HTTP status from 200 to 599"));
        }
    }
    state.settings = settings;
    Ok(json!(state.settings))
}

fn advance(state: &mut State, body: &str) -> Result<Value, Value> {
    let Advance { advance_ms } = parse(body)?;
    state.clock.advance(Duration::from_millis(advance_ms));
    Ok(clock(state))
}

fn clock(state: &State) -> Value {
    json!({"now_ms": state.clock.now() / 1_000_000})
}

/// Parses JSON. The error names the invalid field.
fn parse<T: DeserializeOwned>(body: &str) -> Result<T, Value> {
    let mut reader = serde_json::Deserializer::from_str(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let whole = error.inner().is_syntax() || error.inner().is_eof();
        mistake(if whole { "." } else { &path }, &error.inner().to_string())
    })?;
    reader.end().map_err(|error| mistake(".", &error.to_string()))?;
    Ok(value)
}

/// The body of an answer about an invalid field. The field `.` means the whole body.
fn mistake(field: &str, detail: &str) -> Value {
    json!({"error": format!("{field}: {detail}"), "field": field})
}

fn done() -> Value {
    json!({"ok": true})
}
