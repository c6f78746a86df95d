//! The listener, its connections, and what a fault does to an answer on its way out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::body::{Cut, WireBody};
use crate::call::Call;
use crate::clock::wait;
use crate::control;
use crate::fault::{Fault, FaultKind};
use crate::refusal::Refusal;
use crate::state::{Received, Shared};

/// Accepts connections until it is dropped, and drops them with it.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
                // No file descriptors, most likely: others have to end first.
                Err(_) => wait(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // Without it a slow drip would arrive in clumps; not being able to set it harms nothing else.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| serve(request, Arc::clone(&shared)));
    // One official SDK finds the headers only if their names are in title case.
    let served = http1::Builder::new()
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    // It ends in an error whenever it is cut, by either side.
    let _ = served.await;
}

async fn serve(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<WireBody>, Cut> {
    let call = Call::read(request).await?;
    if let Some(path) = control::path(&call) {
        return whole(&control::answer(path, &call, &shared));
    }
    let Received { number, fault, answer } = shared.state().receive(&call);
    if let Some(fault) = fault {
        return struck(fault, answer, &call, number, &shared).await;
    }
    let answer = answer.unwrap_or_else(|| shared.state().process(&call, number));
    shared.state().book.note_answer(number, &answer);
    whole(&answer)
}

/// Sends what a fault leaves of the answer.
async fn struck(
    fault: Fault,
    answer: Option<Answer>,
    call: &Call,
    number: u64,
    shared: &Shared,
) -> Result<Response<WireBody>, Cut> {
    match fault.kind {
        FaultKind::Cut => return Err(Cut),
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
        FaultKind::CutInBody => {
            Answer { code: None, ..answer.unwrap_or_else(|| state.hollow_success()) }
        }
        _ => answer.unwrap_or_else(|| state.process(call, number)),
    };
    state.book.note_answer(number, &answer);
    drop(state);

    let bytes = Bytes::from(answer.body.clone());
    match fault.kind {
        FaultKind::CutInBody => response(&answer, WireBody::half(bytes)),
        FaultKind::SlowDrip { ms_per_byte } => {
            response(&answer, WireBody::drip(bytes, Duration::from_millis(ms_per_byte)))
        }
        _ => whole(&answer),
    }
}

/// The `code` of a made-up body, for the ledger.
fn code_in(body: &str) -> Option<i64> {
    serde_json::from_str::<Value>(body).ok()?.get("code")?.as_i64()
}

fn whole(answer: &Answer) -> Result<Response<WireBody>, Cut> {
    response(answer, WireBody::Whole(Bytes::from(answer.body.clone())))
}

/// The headers of an answer in front of a body; a status that HTTP does not have cuts the connection.
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
    response.body(body).map_err(|_| Cut)
}
