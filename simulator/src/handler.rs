//! Handles one HTTP request: reads it, gets the answer, and applies a fault to the response.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderValue};
use hyper::{Request, Response};
use serde_json::Value;

use crate::answer::Answer;
use crate::call::Call;
use crate::clock::{wait, wall_clock};
use crate::connections::Connection;
use crate::control_api;
use crate::cut::Cut;
use crate::fault::{Fault, FaultKind};
use crate::refusal::Refusal;
use crate::state::{Received, Shared};
use crate::wire_body::WireBody;

/// Answers a request to Feishu's API or to the control API.
pub(crate) async fn handle(
    request: Request<Incoming>,
    connection: Connection,
    shared: Arc<Shared>,
) -> Result<Response<WireBody>, Cut> {
    let call = Call::read(request, connection).await?;
    if let Some(path) = control_api::path(&call) {
        let answer = control_api::answer(path, &call, &shared).await;
        shared.port.settled().await;
        return whole(&answer);
    }
    let Received { number, fault, answer, held } = shared.state().receive(&call);
    if let Some(held) = held {
        // Ends with an error as soon as the other half is dropped.
        let _ = held.await;
    }
    if let Some(fault) = fault {
        return answer_with_fault(fault, answer, &call, number, &shared).await;
    }
    let answer = answer.unwrap_or_else(|| shared.state().execute(&call, number));
    let mut state = shared.state();
    state.ledger.note_answer(number, &answer);
    let date = date(state.settings.date_offset_seconds);
    drop(state);
    let mut response = whole(&answer)?;
    if let Some(date) = date {
        response.headers_mut().insert(DATE, date);
    }
    Ok(response)
}

/// By how much a `Date` differs at most: HTTP has no date before 1970.
const MOST_AHEAD: Duration = Duration::from_hours(50 * 365 * 24);

/// The header `Date` of a clock that is ahead by this. `None` has hyper set the header.
fn date(ahead_seconds: i64) -> Option<HeaderValue> {
    if ahead_seconds == 0 {
        return None;
    }
    let ahead = Duration::from_secs(ahead_seconds.unsigned_abs()).min(MOST_AHEAD);
    let now = wall_clock();
    let shown = if ahead_seconds > 0 { now.checked_add(ahead) } else { now.checked_sub(ahead) };
    HeaderValue::try_from(httpdate::fmt_http_date(shown?)).ok()
}

/// Answers a request that a fault affects. `answer` is `None` if the request has not been executed.
async fn answer_with_fault(
    fault: Fault,
    answer: Option<Answer>,
    call: &Call,
    number: u64,
    shared: &Shared,
) -> Result<Response<WireBody>, Cut> {
    if let Some(cut) = fault.kind.cut() {
        return Err(cut);
    }
    match fault.kind {
        FaultKind::Silence => std::future::pending::<()>().await,
        FaultKind::Latency { ms } => wait(Duration::from_millis(ms)).await,
        _ => {}
    }
    let mut state = shared.state();
    let answer = match &fault.kind {
        FaultKind::Code { code, status, msg, reset } => {
            let refusal =
                Refusal { status: *status, msg: msg.clone(), reset: *reset, ..Refusal::new(*code) };
            state.refuse(&refusal)
        }
        FaultKind::Status { status, body, content_type } => {
            Answer { code: code_in(body), ..Answer::plain(*status, content_type, body.clone()) }
        }
        FaultKind::CutInBody | FaultKind::ResetInBody => {
            Answer { code: None, ..answer.unwrap_or_else(|| state.empty_success()) }
        }
        _ => answer.unwrap_or_else(|| state.execute(call, number)),
    };
    state.ledger.note_answer(number, &answer);
    drop(state);

    let bytes = Bytes::from(answer.body.clone());
    match fault.kind {
        FaultKind::CutInBody => response(&answer, WireBody::half(bytes, Cut::Closed)),
        FaultKind::ResetInBody => response(&answer, WireBody::half(bytes, Cut::Reset)),
        FaultKind::SlowDrip { ms_per_byte } => {
            response(&answer, WireBody::drip(bytes, Duration::from_millis(ms_per_byte)))
        }
        _ => whole(&answer),
    }
}

/// The `code` in the body of a fault, for the ledger.
fn code_in(body: &str) -> Option<i64> {
    serde_json::from_str::<Value>(body).ok()?.get("code")?.as_i64()
}

fn whole(answer: &Answer) -> Result<Response<WireBody>, Cut> {
    response(answer, WireBody::Whole(Bytes::from(answer.body.clone())))
}

/// A response with the headers of an answer and a body. A status that HTTP does not allow closes the connection.
fn response(answer: &Answer, body: WireBody) -> Result<Response<WireBody>, Cut> {
    let mut response = Response::builder()
        .status(answer.status)
        .header(CONTENT_TYPE, &answer.content_type)
        .header(CONTENT_LENGTH, answer.body.len());
    if let Some(log_id) = &answer.log_id {
        response = response.header("x-tt-logid", log_id);
    }
    if let Some(limit) = answer.limit {
        response = response.header("x-ogw-ratelimit-limit", limit);
    }
    if let Some(reset) = answer.reset {
        response = response.header("x-ogw-ratelimit-reset", reset);
    }
    response.body(body).map_err(|_| Cut::Closed)
}
