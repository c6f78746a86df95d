//! The service: forwards with all apps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use secrecy::SecretString;
use tokio::task::JoinSet;

use super::audit::AuditEntry;
use super::context::Context;
use super::dry_run::{DryRunReport, dry_run};
use super::forwarding::Forwarding;
use super::health::AppHealth;
use super::identity::Identity;
use super::replication::keep_redis_informed;
use super::report::ForwardReport;
use super::request::ForwardRequest;
use super::tickets::TicketNotStored;
use crate::clock::Stamp;
use crate::feishu::token::{AppTicket, TokenKey, TokenSource};
use crate::limits::LimitKey;
use crate::model::api_key::{Caller, KeyEntry};
use crate::model::idempotency_key::UuidMaker;
use crate::model::problem_kind::ProblemKind;
use crate::queue::Supervisor;
use crate::telemetry::metrics::{CallerBudget, OpenCircuits};

/// Forwards with all apps. Clones share everything.
#[derive(Clone, Debug)]
pub struct Delivery(Arc<Context>);

/// How often the limiter evicts receivers.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

impl Delivery {
    /// Forwards with what the context holds.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self(Arc::new(context))
    }

    /// Forwards with the caller's app, once for each key that the caller gives.
    pub async fn forward(&self, request: &Arc<ForwardRequest>) -> ForwardReport {
        let context = &self.0;
        let app = context.app_of(&request.caller);
        let audit = &AuditEntry::of(request, &app.audit_ids);
        let started = context.clock.now();
        let report = Forwarding { context, app, request, audit, started }.report().await;
        audit.note_report(&report);
        report
    }

    /// An attempt of an earlier process or of another replica may have delivered the message. The first one was made
    /// then.
    pub fn recall(&self, request: &ForwardRequest, first_attempt: Stamp) {
        self.0.register.may_be_delivered(&Identity::of(request), first_attempt);
    }

    /// Does everything that a forward does before its call to Feishu, and takes no permit.
    pub async fn dry_run(&self, request: &Arc<ForwardRequest>) -> DryRunReport {
        dry_run(&self.0, request).await
    }

    /// Makes the `uuid`s of the caller's idempotency keys.
    #[must_use]
    pub fn uuids(&self, caller: &Caller) -> &UuidMaker {
        &self.0.app_of(caller).uuids
    }

    /// Spawns what goes on beside the forwards: token renewals, the supervision of Redis, and sweeping.
    pub fn spawn_background_tasks(&self, tasks: &mut JoinSet<()>) {
        for token in self.0.tokens.values() {
            let token = token.clone();
            tasks.spawn(async move { token.keep_fresh().await });
        }
        let delivery = self.clone();
        tasks.spawn(async move { delivery.supervise_redis().await });
        let delivery = self.clone();
        tasks.spawn(async move { delivery.sweep().await });
        if let Some(kept) = self.0.idempotency.kept.clone() {
            tasks.spawn(async move { kept.sweep().await });
        }
    }

    /// Returns once every call that has begun has ended, whether or not its caller is gone.
    pub async fn calls_have_ended(&self) {
        self.0.calls.close();
        self.0.calls.wait().await;
    }

    /// Uses another secret of an app from the next token on.
    pub fn replace_secret(&self, app: &Arc<str>, secret: SecretString) {
        if let Some(token) = self.0.tokens.get(&TokenKey { app: Arc::clone(app) }) {
            token.replace_secret(secret);
        }
    }

    /// Keeps a ticket that Feishu pushed to the store app, unless it has a newer one.
    #[expect(clippy::unused_async, reason = "the tickets of store apps are wired later")]
    pub async fn app_ticket(&self, app: &str, ticket: AppTicket) -> Result<(), TicketNotStored> {
        tracing::debug!(app, sent_at = %ticket.sent_at, "an app ticket");
        Ok(())
    }

    /// Trusts these certificates besides the system's in calls to Feishu, from the next connection on.
    pub fn trust(&self, authorities: Vec<CertificateDer<'static>>) {
        self.0.client.trust(authorities);
    }

    /// Calls Feishu again for everything that it has refused, because an operator has removed the cause.
    pub fn forget_refusals(&self) {
        self.0.apps.values().for_each(|app| app.forget_refusals());
        self.0.tokens.values().for_each(TokenSource::ask_again);
    }

    /// How the apps are.
    #[must_use]
    pub fn health(&self) -> Vec<AppHealth> {
        let now = self.0.clock.now();
        let health = self.0.apps.values().map(|app| {
            let token = self.0.token_of(app);
            let usable = token.usable();
            AppHealth {
                name: Arc::clone(&app.name),
                age: now.saturating_sub(app.since),
                has_had_token: token.has_had_one(),
                token_expires_in: usable.map(|it| it.expires_at().saturating_sub(now)),
                token_error: token.trouble().map(|trouble| trouble.error),
                refused_with: app.refused_with(),
            }
        });
        health.collect()
    }

    /// The API keys have these budgets from now on.
    pub fn heed_budgets(&self, keys: &BTreeMap<String, KeyEntry>) {
        self.0.budgets.configure(keys);
    }

    /// The budgets of the API keys, and how much of each is used.
    #[must_use]
    pub fn caller_budgets(&self) -> Vec<CallerBudget> {
        self.0.budgets.used()
    }

    /// How many receivers the limiter remembers.
    #[must_use]
    pub fn receivers(&self) -> usize {
        self.0.scheduler.receivers()
    }

    /// How many forwards wait for a permit.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.scheduler.waiting()
    }

    /// How many forwards of each caller wait for a permit. Only the callers that have some.
    #[must_use]
    pub fn waiting_by_caller(&self) -> BTreeMap<Arc<str>, usize> {
        self.0.scheduler.waiting_by_caller()
    }

    /// The circuits that can open, and how many of them are open now.
    #[must_use]
    pub fn open_circuits(&self) -> Vec<OpenCircuits<'_>> {
        let scheduler = &self.0.scheduler;
        let receivers =
            OpenCircuits { app: "", circuit: "receiver", count: scheduler.cooling_down() };
        let mut all = vec![receivers];
        for app in self.0.apps.values() {
            let refused: Vec<_> =
                app.refused_with().into_iter().map(|(code, _)| code.problem).collect();
            let quotas = [ProblemKind::MonthlyQuotaExhausted, ProblemKind::DailyQuotaExhausted];
            let [monthly, daily] = quotas.map(|kind| refused.contains(&kind));
            let is_paused = app.limit_keys.iter().any(|key| scheduler.is_app_paused(key));
            let circuits = [
                ("upstream", app.is_circuit_open()),
                ("token", self.0.token_of(app).blocked().is_some()),
                ("quota", monthly),
                ("daily_quota", daily),
                ("refused", refused.iter().any(|kind| !quotas.contains(kind))),
                ("app", is_paused),
            ];
            all.extend(circuits.map(|(circuit, is_open)| OpenCircuits {
                app: &app.name,
                circuit,
                count: usize::from(is_open),
            }));
        }
        all
    }

    /// Supervises the Redis that replicas share, for ever. Returns at once if nothing is shared.
    async fn supervise_redis(&self) {
        let Context { apps, scheduler, metrics, .. } = &*self.0;
        let keys: Vec<LimitKey> = apps.values().map(|app| app.quota_key().clone()).collect();
        let on_quota = |key: &LimitKey, time| apps[key.app()].quota_is_used_up_for(time);
        let Some(supervisor) = Supervisor::new(scheduler, keys, on_quota) else { return };
        metrics.begin_state();
        let checkpoint = supervisor.checkpoint();
        tokio::join!(supervisor.run(metrics), keep_redis_informed(&self.0, checkpoint));
    }

    /// Evicts from the limiter what no longer counts, for ever.
    async fn sweep(&self) {
        let Context { clock, scheduler, .. } = &*self.0;
        loop {
            clock.sleep_until(clock.now() + SWEEP_INTERVAL).await;
            let evicted = scheduler.sweep();
            if !evicted.is_empty() {
                // On a thread that then ends, because that is when the allocator returns free memory.
                drop(thread::spawn(move || drop(evicted)));
            }
        }
    }
}
