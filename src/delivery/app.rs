//! One Feishu app in one tenant, and whether it may call Feishu now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::app_common::AppCommon;
use super::circuit::CircuitPermit;
use super::error::ForwardError;
use super::refusals::{AppRefusals, RefusalChange};
use super::request::ForwardRequest;
use crate::clock::Moment;
use crate::feishu::codes::{Code, MONTHLY_QUOTA};
use crate::feishu::error::{CallError, Forwarded};
use crate::feishu::token::TokenSource;
use crate::limits::LimitKey;
use crate::model::forward::Forward;
use crate::model::installation::Installation;
use crate::model::problem_kind::ProblemKind;
use crate::model::tenant_key::TenantKey;

/// One Feishu app in one tenant. It has its own limits, token and refusals there, and everything else of the app.
#[derive(Debug)]
pub(super) struct App {
    /// What it has in all tenants.
    pub(super) common: Arc<AppCommon>,
    /// Its tenant token.
    pub(super) token: TokenSource,
    /// The limits of its forwards, one for each API.
    pub(super) limit_keys: [LimitKey; 3],
    refusals: Mutex<AppRefusals>,
}

impl App {
    /// An app that has refused nothing yet in this tenant. None: a self-built app, which is in one tenant only.
    #[must_use]
    pub(super) fn new(
        common: Arc<AppCommon>,
        tenant: Option<TenantKey>,
        token: TokenSource,
    ) -> Self {
        let installation = Installation { app: Arc::clone(&common.name), tenant };
        Self {
            token,
            limit_keys: LimitKey::forwards_of(&installation),
            refusals: Mutex::new(AppRefusals::new(common.quota_interval)),
            common,
        }
    }

    /// The limit of the API that forwards this.
    pub(super) fn limit_key(&self, forward: &Forward) -> &LimitKey {
        let mut keys = self.limit_keys.iter();
        let own = keys.find(|key| key.api() == forward.api());
        own.expect("every API that forwards something has a limit")
    }

    /// The limit by which replicas tell each other of the app's monthly quota. The quota is one for all APIs.
    pub(super) fn quota_key(&self) -> &LimitKey {
        let [first, ..] = &self.limit_keys;
        first
    }

    /// Whether a forward is worth beginning now.
    pub(super) fn check(&self, request: &ForwardRequest, now: Moment) -> Result<(), ForwardError> {
        self.refusals().check(request, now)?;
        self.common.check(request, now)
    }

    /// Permission to make a call now.
    pub(super) fn enter(
        &self,
        request: &ForwardRequest,
        now: Moment,
    ) -> Result<CircuitPermit, ForwardError> {
        let mut refusals = self.refusals();
        refusals.check(request, now)?;
        let permit = self.common.enter(request, now)?;
        refusals.enter(now);
        Ok(permit)
    }

    /// Learns from an answer that came at `now` whether Feishu refuses the app itself. If the monthly quota is used up, returns
    /// for how long no call is made, which other replicas want to know.
    pub(super) fn learn(
        &self,
        request: &ForwardRequest,
        answer: &Result<Forwarded, CallError>,
        now: Moment,
    ) -> Option<Duration> {
        let mut refusals = self.refusals();
        let change = refusals.answered(request, answer, now);
        let quota = answer.as_ref().err().and_then(CallError::problem)
            == Some(ProblemKind::MonthlyQuotaExhausted);
        let interval = quota.then(|| refusals.interval(MONTHLY_QUOTA));
        drop(refusals);
        match change {
            Some(RefusalChange::Blocked(code, pause)) => {
                tracing::error!(app = %self.common.name, tenant_key = self.tenant_key(), code, ?pause, "Feishu refuses the app; the gateway makes no calls for it for a while");
            }
            Some(RefusalChange::Unblocked) => {
                tracing::info!(app = %self.common.name, tenant_key = self.tenant_key(), "Feishu accepts the app's forwards again");
            }
            None => {}
        }
        interval
    }

    /// Another replica reports that the monthly quota is used up for `time`.
    pub(super) fn quota_is_used_up_for(&self, time: Duration) {
        self.refusals().heard_of_quota(time, self.common.clock.now());
    }

    /// Forgets what Feishu has refused, because an operator has removed the cause.
    pub(super) fn forget_refusals(&self) {
        self.refusals().forget();
    }

    /// The codes with which Feishu refuses the app itself, and the time for which each of them blocks it.
    pub(super) fn refused_with(&self) -> Vec<(&'static Code, Duration)> {
        let now = self.common.clock.now();
        let blocked = self.refusals().blocked(now);
        blocked.into_iter().map(|(code, until)| (code, until.saturating_sub(now))).collect()
    }

    fn tenant_key(&self) -> Option<&str> {
        self.quota_key().installation().tenant.as_ref().map(TenantKey::as_str)
    }

    fn refusals(&self) -> MutexGuard<'_, AppRefusals> {
        // No code that can panic runs under this lock.
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
