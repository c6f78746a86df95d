//! One request to forward a message, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use feishu_forward_gateway::clock::{Clock, Moment};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use crate::replicas::Replicas;

/// A request as a caller writes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) message: String,
    pub(crate) receiver: String,
    pub(crate) uuid: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    /// Seconds, for `Prefer: wait`.
    pub(crate) wait: Option<u64>,
    /// Whether it says that it may take longer.
    pub(crate) is_bulk: bool,
    /// In which tenant, by a caller who names one.
    pub(crate) tenant: Option<String>,
    /// When the caller has had enough.
    pub(crate) hangs_up_at: Option<Moment>,
}

/// Where requests go, and whose they are.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) http: reqwest::Client,
    pub(crate) clock: Clock,
    pub(crate) replicas: Arc<Replicas>,
    pub(crate) key: String,
}

/// One request that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) sent_at: Moment,
    pub(crate) ended_at: Moment,
    pub(crate) end: End,
}

impl Call {
    /// What was answered, if it was.
    pub(crate) fn answer(&self) -> Option<&Answer> {
        match &self.end {
            End::Answered(answer) => Some(answer),
            _ => None,
        }
    }
}

/// How a request ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Answered(Answer),
    HungUp,
    /// The connection was lost, as it may be where processes are killed.
    Lost,
    /// There was no answer, or none that is one.
    Broken(String),
}

/// What the gateway answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) said: Said,
    /// `delivered`, or the problem's code.
    pub(crate) code: String,
    pub(crate) uuid: Option<String>,
    pub(crate) is_retryable: bool,
    pub(crate) is_replayed: bool,
    /// From `Server-Timing`.
    pub(crate) timings: Timings,
}

/// What an answer claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// This is the new message.
    Delivered(String),
    NotDelivered,
    Unknown,
}

/// Where the time went, as the gateway saw it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timings {
    pub(crate) wait: Duration,
    pub(crate) feishu: Duration,
    pub(crate) total: Duration,
}

impl Caller {
    /// Sends a request and waits for its end.
    pub(crate) async fn call(&self, request: &Request) -> Call {
        let sent_at = self.clock.now();
        let hangs_up_at = request.hangs_up_at.unwrap_or(Moment::MAX).min(sent_at + LONGEST);
        // To drop the future is to close the connection.
        let end = match self.clock.timeout_at(hangs_up_at, self.exchange(request)).await {
            Ok(Ok(end)) => end,
            Ok(Err(_)) if self.replicas.may_end() => End::Lost,
            Ok(Err(error)) => End::Broken(format!("{error:?}")),
            Err(_elapsed) if request.hangs_up_at.is_some() => End::HungUp,
            Err(_elapsed) => End::Broken(format!("no answer within {LONGEST:?}")),
        };
        Call { sent_at, ended_at: self.clock.now(), end }
    }

    async fn exchange(&self, request: &Request) -> reqwest::Result<End> {
        let Request { message, receiver, uuid, idempotency_key, wait, is_bulk, tenant, .. } =
            request;
        let query = uuid.as_ref().map(|uuid| format!("?uuid={uuid}")).unwrap_or_default();
        let url = format!("{}/v1/messages/{message}/forward{query}", self.replicas.any().api);
        let body = serde_json::json!({ "receive_id": receiver }).to_string();
        let post = self.http.post(url).header("x-api-key", &self.key);
        let mut post = post.header(CONTENT_TYPE, "application/json").body(body);
        if let Some(key) = idempotency_key {
            post = post.header("idempotency-key", format!("\"{key}\""));
        }
        if let Some(wait) = wait {
            post = post.header("prefer", format!("wait={wait}"));
        }
        if let Some(tenant) = tenant {
            post = post.header("x-tenant-key", tenant);
        }
        if *is_bulk {
            post = post.header("priority", "u=7");
        }
        let answer = post.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await?;
        let json = serde_json::from_slice(&body).unwrap_or_default();
        let answer = read(status, &headers, &json).map(End::Answered);
        Ok(answer.unwrap_or_else(|| End::Broken(format!("it says nothing: {status} {body:?}"))))
    }
}

/// Longer than any forward may take.
const LONGEST: Duration = Duration::from_secs(30);

fn read(status: u16, headers: &HeaderMap, body: &Value) -> Option<Answer> {
    let text = |member: &str| body[member].as_str().map(str::to_owned);
    let (said, code) = if status == 200 {
        (Said::Delivered(text("message_id")?), "delivered".to_owned())
    } else {
        let said = match body["outcome"].as_str()? {
            "not_delivered" => Said::NotDelivered,
            "unknown" => Said::Unknown,
            _ => return None,
        };
        (said, text("code")?)
    };
    let timings = headers.get("server-timing").and_then(|value| value.to_str().ok());
    Some(Answer {
        said,
        code,
        uuid: text("uuid"),
        is_retryable: body["retryable"].as_bool().unwrap_or_default(),
        is_replayed: headers.contains_key("idempotency-replayed"),
        timings: timings.map(timings_of).unwrap_or_default(),
    })
}

fn timings_of(text: &str) -> Timings {
    let part = |name: &str| {
        let begin = format!("{name};dur=");
        let part = text.split(", ").find_map(|part| part.strip_prefix(&begin));
        let milliseconds: f64 = part.and_then(|part| part.parse().ok()).unwrap_or_default();
        Duration::from_secs_f64(milliseconds / 1e3)
    };
    Timings { wait: part("wait"), feishu: part("feishu"), total: part("total") }
}
