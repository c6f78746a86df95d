//! The calls that the gateway makes.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use rustls::pki_types::CertificateDer;
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use url::Url;

use super::connections::Connections;
use super::error::{CallError, Forwarded};
#[cfg(test)]
use super::fake::FakeFeishu;
use super::options::Options;
use super::wire::{Answer, CredentialsBody, TenantBody, TokenKind};
use crate::clock::{Clock, Moment};
use crate::model::dedup_key::DedupKey;
use crate::model::forward::Forward;
use crate::model::receiver::Receiver;
use crate::model::tenant_key::TenantKey;

/// A call that forwards something.
#[derive(Clone, Copy, Debug)]
pub struct ForwardCall<'a> {
    /// What is forwarded.
    pub forward: &'a Forward,
    /// Who gets it.
    pub receiver: &'a Receiver,
    /// By which Feishu recognises a repetition.
    pub uuid: &'a DedupKey,
}

/// A call as Feishu would get it.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Its URL.
    pub url: Url,
    /// Its body.
    pub body: serde_json::Value,
}

/// Calls Feishu. It makes each call once and leaves retries to its user. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Client {
    connections: Arc<Connections>,
    runtime: Handle,
    /// What the URL of each call begins with: `…/open-apis`.
    apis: Url,
    options: Arc<Options>,
    clock: Clock,
    /// Answers in place of Feishu, without a network.
    #[cfg(test)]
    fake: Option<FakeFeishu>,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

impl Client {
    /// A client whose connections live on `runtime`. Fails if the machine's TLS roots cannot be read.
    pub fn new(options: Options, runtime: Handle, clock: Clock) -> reqwest::Result<Self> {
        let mut apis = options.base_url.clone();
        if let Ok(mut path) = apis.path_segments_mut() {
            path.pop_if_empty().push("open-apis");
        }
        Ok(Self {
            connections: Arc::new(Connections::new(options.clone())?),
            runtime,
            apis,
            options: Arc::new(options),
            clock,
            #[cfg(test)]
            fake: None,
        })
    }

    /// Trusts these certificates besides the system's from the next connection on.
    pub fn trust(&self, authorities: Vec<CertificateDer<'static>>) {
        self.connections.trust(authorities);
    }

    /// A client that a fake answers in place of Feishu.
    #[cfg(test)]
    pub(crate) fn answered_by(self, fake: FakeFeishu) -> Self {
        Self { fake: Some(fake), ..self }
    }

    /// The same in another process, which has the same options.
    #[cfg(test)]
    pub(crate) fn in_process(&self, runtime: Handle, clock: Clock) -> Self {
        Self { runtime, clock, ..self.clone() }
    }

    /// The runtime on which calls have to be made: a connection ends with the runtime that opened it, and the
    /// threads that answer callers end in a drain.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The host and the port that calls go to.
    #[must_use]
    pub fn server(&self) -> (&str, u16) {
        let host = self.apis.host_str().unwrap_or_default();
        (host, self.apis.port_or_known_default().unwrap_or_default())
    }

    /// Forwards at the moment `now`. The call takes the attempt's time-out at most, and ends at `deadline` at the latest.
    pub async fn forward(
        &self,
        token: &HeaderValue,
        call: ForwardCall<'_>,
        now: Moment,
        deadline: Moment,
    ) -> Result<Forwarded, CallError> {
        let mut request = Request::new(Method::POST, self.forward_url(call));
        request.headers_mut().insert(AUTHORIZATION, token.clone());
        let until = deadline.min(self.times_out_at(now));
        let answer = self.send(request, &call.forward.body(call.receiver), until).await?;
        match call.forward {
            Forward::Message(_) | Forward::Thread(_) => answer.forwarded(),
            Forward::Merged(_) => answer.merged(),
        }
    }

    /// What a call would send.
    #[must_use]
    pub fn preview(&self, call: ForwardCall<'_>) -> Preview {
        let body = serde_json::to_value(call.forward.body(call.receiver));
        Preview {
            url: self.forward_url(call),
            body: body.expect("a struct of strings is always JSON"),
        }
    }

    fn forward_url(&self, call: ForwardCall<'_>) -> Url {
        let mut url = self.url(call.forward.path());
        url.query_pairs_mut()
            .append_pair("receive_id_type", call.receiver.kind().as_str())
            .append_pair("uuid", call.uuid.as_str());
        url
    }

    /// Fetches the tenant token of a self-built app. Returns the token and how long it lives.
    pub async fn tenant_access_token(
        &self,
        app_id: &str,
        app_secret: &SecretString,
    ) -> Result<(SecretString, Duration), CallError> {
        let body =
            CredentialsBody { app_id, app_secret: app_secret.expose_secret(), app_ticket: None };
        self.token(&["tenant_access_token", "internal"], &body, TokenKind::Tenant).await
    }

    /// Fetches the app token of a store app. Returns the token and how long it lives.
    pub async fn app_access_token(
        &self,
        app_id: &str,
        app_secret: &SecretString,
        app_ticket: &SecretString,
    ) -> Result<(SecretString, Duration), CallError> {
        let app_ticket = Some(app_ticket.expose_secret());
        let body = CredentialsBody { app_id, app_secret: app_secret.expose_secret(), app_ticket };
        self.token(&["app_access_token"], &body, TokenKind::App).await
    }

    /// Fetches the token of a store app in a tenant. Returns the token and how long it lives.
    pub async fn store_tenant_access_token(
        &self,
        app_access_token: &SecretString,
        tenant: &TenantKey,
    ) -> Result<(SecretString, Duration), CallError> {
        let app_access_token = app_access_token.expose_secret();
        let body = TenantBody { app_access_token, tenant_key: tenant.as_str() };
        self.token(&["tenant_access_token"], &body, TokenKind::Tenant).await
    }

    /// Asks Feishu to push a store app's ticket. A success says only that Feishu will push one.
    pub async fn resend_app_ticket(
        &self,
        app_id: &str,
        app_secret: &SecretString,
    ) -> Result<(), CallError> {
        let body =
            CredentialsBody { app_id, app_secret: app_secret.expose_secret(), app_ticket: None };
        self.authenticate(&["app_ticket", "resend"], &body).await?.done()
    }

    async fn token(
        &self,
        path: &[&str],
        body: &impl serde::Serialize,
        kind: TokenKind,
    ) -> Result<(SecretString, Duration), CallError> {
        let answer = self.authenticate(path, body).await?.token(kind)?;
        Ok((answer.token.into(), Duration::from_secs(answer.expire)))
    }

    /// Makes a call of the API for tokens.
    async fn authenticate(
        &self,
        path: &[&str],
        body: &impl serde::Serialize,
    ) -> Result<Answer, CallError> {
        let url = self.url(["auth", "v3"].iter().chain(path).copied());
        let until = self.times_out_at(self.clock.now());
        self.send(Request::new(Method::POST, url), body, until).await
    }

    async fn send(
        &self,
        mut request: Request,
        body: &impl serde::Serialize,
        until: Moment,
    ) -> Result<Answer, CallError> {
        let body = serde_json::to_vec(body).expect("a struct of strings is always JSON");
        *request.body_mut() = Some(body.into());
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        #[cfg(test)]
        if let Some(fake) = &self.fake {
            let answer = self.clock.timeout_at(until, fake.answer(request)).await;
            return answer.unwrap_or(Err(CallError::TimedOut { is_stale: false }));
        }
        self.connections.exchange(request, &self.clock, until).await
    }

    /// When a call that begins at `now` is given up.
    fn times_out_at(&self, now: Moment) -> Moment {
        now + self.options.attempt_timeout
    }

    fn url<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.apis.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        url
    }
}
