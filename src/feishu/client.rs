//! The two calls that the gateway makes.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use url::Url;

use super::connections::Connections;
use super::error::{CallError, Forwarded};
#[cfg(test)]
use super::stand_in::StandIn;
use super::wire::{Answer, ForwardBody, TokenBody};
use crate::clock::{Clock, Moment};
use crate::model::dedup_key::DedupKey;
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;

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

/// Calls Feishu, each call once: whether to repeat one is not decided here. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Client {
    connections: Arc<Connections>,
    runtime: Handle,
    /// What the address of each forward begins with.
    messages: Url,
    options: Arc<Options>,
    clock: Clock,
    /// Answers instead of Feishu, without a network.
    #[cfg(test)]
    stand_in: Option<StandIn>,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

impl Client {
    /// Its connections are to live on `runtime`. Fails when the TLS roots of the machine cannot be read.
    pub fn new(options: Options, runtime: Handle, clock: Clock) -> reqwest::Result<Self> {
        Ok(Self {
            connections: Arc::new(Connections::new(options.clone())?),
            runtime,
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

    /// Where calls have to be made: a connection ends with the runtime that opened it, and the threads of
    /// callers come and go.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Forwards a message, taking at most the attempt's time-out and not longer than `deadline`.
    pub async fn forward(
        &self,
        token: &HeaderValue,
        call: Call<'_>,
        deadline: Moment,
    ) -> Result<Forwarded, CallError> {
        let mut request = Request::new(Method::POST, self.forward_url(call));
        request.headers_mut().insert(AUTHORIZATION, token.clone());
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
        let request = Request::new(Method::POST, url);
        let answer = self.send(request, &body, Moment::MAX).await?.token()?;
        Ok((answer.tenant_access_token.into(), Duration::from_secs(answer.expire)))
    }

    async fn send(
        &self,
        mut request: Request,
        body: &impl serde::Serialize,
        deadline: Moment,
    ) -> Result<Answer, CallError> {
        let body = serde_json::to_vec(body).expect("a struct of strings is always JSON");
        *request.body_mut() = Some(body.into());
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        let until = deadline.min(self.clock.now() + self.options.attempt_timeout);
        #[cfg(test)]
        if let Some(stand_in) = &self.stand_in {
            let answer = self.clock.timeout_at(until, stand_in.answer(request)).await;
            return answer.unwrap_or(Err(CallError::TimedOut { is_stale: false }));
        }
        self.connections.exchange(request, &self.clock, until).await
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
