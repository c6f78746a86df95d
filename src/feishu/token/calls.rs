//! The calls for one app's tokens, each of which metrics and traces tell of.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use secrecy::SecretString;
use tracing::Instrument;

use super::access_token::bearer;
use super::credentials::Credentials;
use crate::clock::{Clock, Moment};
use crate::feishu::client::Client;
use crate::feishu::error::{CallError, label_of, status_of};
use crate::model::feishu_api::FeishuApi;
use crate::model::tenant_key::TenantKey;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::spans;

/// A token lives at most this long (Feishu's documentation).
pub(super) const LONGEST_LIFE: Duration = Duration::from_hours(2);
/// The shortest life of a token that is used: a shorter one might run out during a forward.
pub(super) const SHORTEST_LIFE: Duration = Duration::from_secs(10);

/// Makes the calls for one app's tokens.
#[derive(Debug)]
pub(super) struct TokenCalls {
    /// The operator's name for the app.
    pub(super) app: Arc<str>,
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
}

/// A token that Feishu, or another replica, has handed out.
#[derive(Debug)]
pub(super) struct Issued {
    /// The token itself.
    pub(super) secret: SecretString,
    pub(super) authorization: HeaderValue,
    pub(super) expires_at: Moment,
}

impl TokenCalls {
    /// Fetches the tenant token of a self-built app.
    pub(super) async fn tenant_token(&self, app: &Credentials) -> Result<Issued, CallError> {
        let call = self.client.tenant_access_token(&app.app_id, &app.app_secret);
        self.fetch(FeishuApi::TenantAccessToken, call).await
    }

    /// Fetches the app token of a store app.
    pub(super) async fn app_token(
        &self,
        app: &Credentials,
        ticket: &SecretString,
    ) -> Result<Issued, CallError> {
        let call = self.client.app_access_token(&app.app_id, &app.app_secret, ticket);
        self.fetch(FeishuApi::AppAccessToken, call).await
    }

    /// Fetches the token of a store app in a tenant.
    pub(super) async fn store_tenant_token(
        &self,
        app_token: &SecretString,
        tenant: &TenantKey,
    ) -> Result<Issued, CallError> {
        let call = self.client.store_tenant_access_token(app_token, tenant);
        self.fetch(FeishuApi::StoreTenantAccessToken, call).await
    }

    /// Asks Feishu to push a store app's ticket.
    pub(super) async fn resend_ticket(&self, app: &Credentials) -> Result<(), CallError> {
        let call = self.client.resend_app_ticket(&app.app_id, &app.app_secret);
        self.make(FeishuApi::AppTicketResend, call).await
    }

    async fn fetch(
        &self,
        api: FeishuApi,
        call: impl Future<Output = Result<(SecretString, Duration), CallError>>,
    ) -> Result<Issued, CallError> {
        let started = self.clock.now();
        let (secret, lives) = self.make(api, call).await?;
        let authorization = bearer(&secret).ok_or_else(|| unusable("a token that is not valid"))?;
        if lives < SHORTEST_LIFE {
            return Err(unusable("a token that is about to expire"));
        }
        // Counted from before the call, so that the token is never believed to live longer than it does.
        Ok(Issued { secret, authorization, expires_at: started + lives.min(LONGEST_LIFE) })
    }

    async fn make<T>(
        &self,
        api: FeishuApi,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let started = self.clock.now();
        let span = spans::call(api, self.client.server(), 0);
        let answer = call.instrument(span.clone()).await;
        let (code, took) = (label_of(&answer), self.clock.since(started));
        let failure = answer.as_ref().err();
        let log_id = failure.and_then(CallError::log_id);
        spans::called(&span, status_of(&answer), log_id, failure.map(|_| &*code));
        self.metrics.upstream(&self.app, api.as_str(), &code, took);
        answer
    }
}

fn unusable(detail: &'static str) -> CallError {
    CallError::Unreadable { http_status: 200, detail, log_id: None }
}
