//! The control API under `/_simulator/`. It offers the methods of [`crate::Simulator`] over HTTP.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::control_body::{done, mistake, parse};
use crate::fault::{Fault, FaultKind, Phase};
use crate::messages::{KnownMessage, MAX_TOLD};
use crate::port::Outage;
use crate::settings::Settings;
use crate::state::{Shared, State};
use crate::store_control;

const ROOT: &str = "/_simulator";

/// The routes: path, method, and description.
const ROUTES: [(&str, &str, &str); 23] = [
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
    ("apps", "GET", "the store apps, with their tenants, push URLs and valid tickets"),
    ("install", "POST", "installs a store app in a tenant: {\"app_id\", \"tenant_key\"}"),
    ("uninstall", "POST", "uninstalls it there"),
    (
        "push_url",
        "POST",
        "sets the URL to which a store app's events are pushed: {\"app_id\", \"url\"}",
    ),
    (
        "push",
        "POST",
        "pushes something to a store app and waits for the answer: {\"app_id\", \"push\"}, where push is app_ticket, address_check or {\"event\"}",
    ),
    ("push_due", "POST", "pushes the repetitions and late pushes that are due by the clock"),
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
pub(crate) async fn answer(path: &str, call: &Call, shared: &Shared) -> Answer {
    let pushed = match (path, call.method.as_str()) {
        ("push", "POST") => store_control::push(shared, &call.body).await,
        ("push_due", "POST") => Ok(store_control::push_due(shared).await),
        _ => return answer_at_once(path, call, shared),
    };
    of_result(pushed)
}

/// Answers a request that pushes nothing.
fn answer_at_once(path: &str, call: &Call, shared: &Shared) -> Answer {
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
        ("apps", "GET") => Ok(store_control::apps(&state)),
        ("install", "POST") => store_control::install(&mut state, &call.body),
        ("uninstall", "POST") => store_control::uninstall(&mut state, &call.body),
        ("push_url", "POST") => store_control::set_push_url(&mut state, &call.body),
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
    of_result(result)
}

fn of_result(result: Result<Value, Value>) -> Answer {
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
