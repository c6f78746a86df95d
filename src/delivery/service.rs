//! The service: forwards with all apps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use secrecy::SecretString;
use tokio::task::JoinSet;

use super::app::App;
use super::apps::KnownApp;
use super::audit::AuditEntry;
use super::context::Context;
use super::dry_run::{DryRunReport, dry_run};
use super::forwarding::Forwarding;
use super::health::AppHealth;
use super::identity::Identity;
use super::replication::keep_redis_informed;
use super::report::ForwardReport;
use super::request::ForwardRequest;
use crate::clock::Stamp;
use crate::feishu::token::{AppTicket, TicketNotKept};
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

/// The circuits that an app has in each tenant.
const TENANT_CIRCUITS: [&str; 5] = ["token", "quota", "daily_quota", "refused", "app"];

impl Delivery {
    /// Forwards with what the context holds.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self(Arc::new(context))
    }

    /// Forwards with the caller's app, once for each key that the caller gives.
    pub async fn forward(&self, request: &Arc<ForwardRequest>) -> ForwardReport {
        let context = &self.0;
        let started = context.clock.now();
        let app = &context.apps.of(&request.caller, started);
        let audit = &AuditEntry::of(request, &app.common.audit_ids);
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
    ///
    /// # Panics
    /// If there is no such app. The configuration lets no key name one.
    #[must_use]
    pub fn uuids(&self, caller: &Caller) -> &UuidMaker {
        let app = self.0.apps.get(&caller.app);
        let app = app.expect("the configuration lets no key name an app that does not exist");
        &app.common().uuids
    }

    /// Feishu has pushed an app ticket to a store app. Fails if it could not be stored; then Feishu has to push it
    /// again.
    pub async fn app_ticket(&self, app: &str, ticket: AppTicket) -> Result<(), TicketNotKept> {
        match self.0.apps.get(app) {
            Some(KnownApp::Store(app)) => app.tickets.heard(ticket).await,
            _ => Ok(()),
        }
    }

    /// Spawns what goes on beside the forwards: token renewals, the supervision of Redis, and sweeping.
    pub fn spawn_background_tasks(&self, tasks: &mut JoinSet<()>) {
        for app in self.0.apps.all() {
            let token = app.token().clone();
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
        if let Some(app) = self.0.apps.get(app) {
            app.token().replace_secret(secret);
        }
    }

    /// Trusts these certificates besides the system's in calls to Feishu, from the next connection on.
    pub fn trust(&self, authorities: Vec<CertificateDer<'static>>) {
        self.0.client.trust(authorities);
    }

    /// Calls Feishu again for everything that it has refused, because an operator has removed the cause.
    pub fn forget_refusals(&self) {
        for app in self.0.apps.all() {
            app.token().ask_again();
            for app in app.in_tenants() {
                app.forget_refusals();
                app.token.ask_again();
            }
        }
    }

    /// How the apps are.
    #[must_use]
    pub fn health(&self) -> Vec<AppHealth> {
        let now = self.0.clock.now();
        self.0.apps.all().map(|app| AppHealth::of(app, now)).collect()
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

    /// The store apps, and how many tenants of each are in memory.
    #[must_use]
    pub fn tenants(&self) -> Vec<(&str, usize)> {
        let store = |app: &KnownApp| matches!(app, KnownApp::Store(_));
        let stores = self.0.apps.all().filter(|app| store(app));
        stores.map(|app| (&*app.common().name, app.in_tenants().len())).collect()
    }

    /// The circuits that can open, and how many of them are open now.
    #[must_use]
    pub fn open_circuits(&self) -> Vec<OpenCircuits<'_>> {
        let scheduler = &self.0.scheduler;
        let receivers =
            OpenCircuits { app: "", circuit: "receiver", count: scheduler.cooling_down() };
        let mut all = vec![receivers];
        for app in self.0.apps.all() {
            let upstream = ("upstream", usize::from(app.common().is_circuit_open()));
            let in_tenants: Vec<_> =
                app.in_tenants().iter().map(|app| self.pauses_in_tenant(app)).collect();
            let in_tenants = TENANT_CIRCUITS.iter().enumerate().map(|(at, circuit)| {
                (*circuit, in_tenants.iter().filter(|pauses| pauses[at]).count())
            });
            let name = &app.common().name;
            all.extend(
                [upstream].into_iter().chain(in_tenants).map(|(circuit, count)| OpenCircuits {
                    app: name,
                    circuit,
                    count,
                }),
            );
        }
        all
    }

    /// Which of [`TENANT_CIRCUITS`] are open for an app in a tenant.
    fn pauses_in_tenant(&self, app: &App) -> [bool; TENANT_CIRCUITS.len()] {
        let refused_with = app.refused_with();
        let refused =
            |is: fn(ProblemKind) -> bool| refused_with.iter().any(|(code, _)| is(code.problem));
        [
            app.token.blocked().is_some(),
            refused(|it| it == ProblemKind::MonthlyQuotaExhausted),
            refused(|it| it == ProblemKind::DailyQuotaExhausted),
            refused(|it| {
                !matches!(it, ProblemKind::MonthlyQuotaExhausted | ProblemKind::DailyQuotaExhausted)
            }),
            app.limit_keys.iter().any(|key| self.0.scheduler.is_app_paused(key)),
        ]
    }

    /// Supervises the Redis that replicas share, for ever. Returns at once if nothing is shared.
    async fn supervise_redis(&self) {
        let Context { apps, scheduler, metrics, .. } = &*self.0;
        // Store apps may have too many tenants to ask about all of them, and each of them learns of its quota by one call.
        let keys = apps.self_built().map(|app| app.quota_key().clone()).collect();
        let on_quota = |key: &LimitKey, time| {
            if let Some(KnownApp::SelfBuilt(app)) = apps.get(&key.installation().app) {
                app.quota_is_used_up_for(time);
            }
        };
        let Some(supervisor) = Supervisor::new(scheduler, keys, on_quota) else { return };
        metrics.begin_state();
        let checkpoint = supervisor.checkpoint();
        tokio::join!(supervisor.run(metrics), keep_redis_informed(&self.0, checkpoint));
    }

    /// Evicts what no longer counts from the limiter, and tenants that are not used, for ever.
    async fn sweep(&self) {
        let Context { apps, clock, scheduler, .. } = &*self.0;
        loop {
            clock.sleep_until(clock.now() + SWEEP_INTERVAL).await;
            apps.sweep(clock.now());
            let evicted = scheduler.sweep();
            if !evicted.is_empty() {
                // On a thread that then ends, because that is when the allocator returns free memory.
                drop(thread::spawn(move || drop(evicted)));
            }
        }
    }
}
