//! The two calls that the gateway makes.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::error::{CallError, Forwarded};
#[cfg(test)]
use super::stand_in::StandIn;
use super::wire::{Answer, ForwardBody, TokenBody};
use crate::clock::{Clock, Moment};
use crate::model::dedup_key::DedupKey;
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;
use crate::tls;

/// How to call Feishu.
#[derive(Clone, Debug)]
pub struct Options {
    /// The origin, and a path before `/open-apis` if there is one.
    pub base_url: Url,
    /// Longest time for a connection, TLS included.
    pub connect_timeout: Duration,
    /// Longest time for one call.
    pub attempt_timeout: Duration,
}

/// What one forward tells Feishu.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The message to forward.
    pub message: &'a MessageId,
    /// Who gets it.
    pub receiver: &'a Receiver,
    /// By which Feishu knows a repetition.
    pub uuid: &'a DedupKey,
}

/// A call as Feishu would get it.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Where it would go.
    pub url: Url,
    /// What it would say.
    pub body: serde_json::Value,
}

/// Calls Feishu, each call once: whether to repeat one is not decided here.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    /// What the address of each forward begins with.
    messages: Url,
    options: Arc<Options>,
    clock: Clock,
    /// Answers instead of Feishu, without a network.
    #[cfg(test)]
    stand_in: Option<StandIn>,
}

/// Far more than any answer of Feishu's: a body that goes on for ever must not fill the memory.
const LARGEST_ANSWER: usize = 1 << 20;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

impl Client {
    /// Fails when the TLS roots of the machine cannot be read.
    pub fn new(options: Options, clock: Clock) -> reqwest::Result<Self> {
        Ok(Self {
            http: connections(&options)?,
            messages: url(&options, &["im", "v1", "messages"]),
            options: Arc::new(options),
            clock,
            #[cfg(test)]
            stand_in: None,
        })
    }

    /// The same, but for somebody who answers instead of Feishu.
    #[cfg(test)]
    pub(crate) fn answered_by(self, stand_in: StandIn) -> Self {
        Self { stand_in: Some(stand_in), ..self }
    }

    /// The same with connections of its own.
    pub fn with_own_connections(&self) -> reqwest::Result<Self> {
        Ok(Self { http: connections(&self.options)?, ..self.clone() })
    }

    /// Forwards a message, taking at most the attempt's time-out and not longer than `deadline`.
    pub async fn forward(
        &self,
        token: &HeaderValue,
        call: Call<'_>,
        deadline: Moment,
    ) -> Result<Forwarded, CallError> {
        let request = self.http.post(self.forward_url(call)).header(AUTHORIZATION, token.clone());
        self.send(request, &forward_body(call), deadline).await?.forwarded()
    }

    /// What a call would send.
    #[must_use]
    pub fn preview(&self, call: Call<'_>) -> Preview {
        let body = serde_json::to_value(forward_body(call));
        Preview {
            url: self.forward_url(call),
            body: body.expect("a struct of strings is always JSON"),
        }
    }

    fn forward_url(&self, call: Call<'_>) -> Url {
        let mut url = self.messages.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(call.message.as_str()).push("forward");
        }
        url.query_pairs_mut()
            .append_pair("receive_id_type", call.receiver.kind().as_str())
            .append_pair("uuid", call.uuid.as_str());
        url
    }

    /// Fetches a tenant token: itself and how long it still lives.
    pub async fn tenant_access_token(
        &self,
        app_id: &str,
        app_secret: &SecretString,
    ) -> Result<(SecretString, Duration), CallError> {
        let url = url(&self.options, &["auth", "v3", "tenant_access_token", "internal"]);
        let body = TokenBody { app_id, app_secret: app_secret.expose_secret() };
        let answer = self.send(self.http.post(url), &body, Moment::MAX).await?.token()?;
        Ok((answer.tenant_access_token.into(), Duration::from_secs(answer.expire)))
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        body: &impl serde::Serialize,
        deadline: Moment,
    ) -> Result<Answer, CallError> {
        let body = serde_json::to_vec(body).expect("a struct of strings is always JSON");
        let request = request.header(CONTENT_TYPE, JSON).body(body);
        let until = deadline.min(self.clock.now() + self.options.attempt_timeout);
        let answer = self.clock.timeout_at(until, self.exchange(request)).await;
        answer.unwrap_or(Err(CallError::TimedOut))
    }

    async fn exchange(&self, request: reqwest::RequestBuilder) -> Result<Answer, CallError> {
        #[cfg(test)]
        if let Some(stand_in) = &self.stand_in {
            return stand_in.answer(request).await;
        }
        let answer = async {
            let mut response = request.send().await?;
            let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
            Ok(Answer { status, headers, body: read(&mut response).await? })
        };
        answer.await.map_err(|error: reqwest::Error| call_error(&error))
    }
}

fn url(options: &Options, segments: &[&str]) -> Url {
    let mut url = options.base_url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("open-apis").extend(segments);
    }
    url
}

fn forward_body(call: Call<'_>) -> ForwardBody<'_> {
    ForwardBody { receive_id: call.receiver.id() }
}

fn connections(options: &Options) -> reqwest::Result<reqwest::Client> {
    tls::use_ring();
    let http = reqwest::Client::builder()
        .user_agent(concat!("feishu-forward-gateway/", env!("CARGO_PKG_VERSION")))
        // Shorter than the attempt, so that it is known that nothing was sent.
        .connect_timeout(options.connect_timeout.min(options.attempt_timeout * 9 / 10))
        // A redirect or a repetition would be a call that the limiter did not allow.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    if is_loopback(&options.base_url) {
        // A proxy that the environment names is for the way out, not for a simulator here.
        return http.no_proxy().build();
    }
    http.build()
}

async fn read(response: &mut reqwest::Response) -> reqwest::Result<Bytes> {
    let first = response.chunk().await?.unwrap_or_default();
    let Some(second) = response.chunk().await? else {
        return Ok(first);
    };
    let mut body = BytesMut::from(first);
    body.extend_from_slice(&second);
    while let Some(more) = response.chunk().await? {
        if body.len() + more.len() > LARGEST_ANSWER {
            // Cut off, it does not parse and so is unreadable, which is what it is.
            break;
        }
        body.extend_from_slice(&more);
    }
    Ok(body.freeze())
}

fn call_error(error: &reqwest::Error) -> CallError {
    let cause = root_cause(error);
    if error.is_connect() || error.is_builder() {
        CallError::Connect(cause)
    } else {
        CallError::Broken(cause)
    }
}

/// The innermost cause: the outer ones repeat the URL, which holds the receiver's type and uuid.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
