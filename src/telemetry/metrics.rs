//! The metrics of a gateway, in a registry of its own, because several gateways can live in one process.
//!
//! No label holds a receiver, a message, a key or anything else whose number of values has no bound.

mod broadcasts;
mod callers;
mod events;
mod register;
mod series;
mod tenants;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prometheus::{Encoder, IntGauge, TextEncoder};

use crate::model::feishu_api::FeishuApi;
use crate::model::problem_kind::ProblemKind;
use crate::model::tenant_key::TenantKey;
use series::{CLOSE_REASONS, Series};

pub use broadcasts::ActiveBroadcasts;
pub use callers::{CallerBudget, KeyExpiry};
pub use series::{REVISION, VERSION};

/// All metrics of one gateway; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Series>);

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Series::new()))
    }

    /// Counts an answered request. `took` is the time from its head to the answer's.
    pub fn http(&self, route: &str, method: &str, status: &str, caller: &str, took: Duration) {
        self.0.http_requests.with_label_values(&[route, method, status, caller]).inc();
        self.0.http_duration.with_label_values(&[route, method]).observe(took.as_secs_f64());
    }

    /// The gauge of requests of the public listener that are being answered.
    #[must_use]
    pub fn in_flight(&self) -> &IntGauge {
        &self.0.http_in_flight
    }

    /// Sets how many connections a listener may have, and creates its other series at zero.
    pub fn begin_connections(&self, listener: &str, most: usize) {
        self.0.connections_limit.with_label_values(&[listener]).set(whole(most));
        self.0.connections.with_label_values(&[listener]);
        for reason in CLOSE_REASONS {
            self.0.connections_closed.with_label_values(&[listener, reason]);
        }
    }

    /// Adds `more` to the number of a listener's connections; less than zero where connections end.
    pub fn connections(&self, listener: &str, more: i64) {
        self.0.connections.with_label_values(&[listener]).add(more);
    }

    /// Counts a connection that the gateway closed.
    pub fn connection_closed(&self, listener: &str, reason: &str) {
        self.0.connections_closed.with_label_values(&[listener, reason]).inc();
    }

    /// Counts a call to Feishu. `code` is Feishu's, or names the failure of a call without one.
    pub fn upstream(&self, app: &str, api: &str, code: &str, took: Duration) {
        self.0.upstream_requests.with_label_values(&[app, api, code]).inc();
        self.0.upstream_duration.with_label_values(&[api]).observe(took.as_secs_f64());
    }

    /// Counts a repeated call to Feishu.
    pub fn retry(&self, reason: &str) {
        self.0.upstream_retries.with_label_values(&[reason]).inc();
    }

    /// Counts a decision of the limits of a receiver or an app.
    pub fn limit_decision(&self, scope: &str, decision: &str) {
        self.0.limit_decisions.with_label_values(&[scope, decision]).inc();
    }

    /// Records how long a forward waited for its turn.
    pub fn limit_wait(&self, waited: Duration) {
        self.0.limit_wait.observe(waited.as_secs_f64());
    }

    /// Counts a caller's wait for a turn, and the turn if it got one.
    pub fn caller_waited(&self, app: &str, caller: &str, waited: Duration, has_permit: bool) {
        self.0.callers.waited(app, caller, waited, has_permit);
    }

    /// Counts a forward that the gateway's own limits refused. `code` is that of the problem.
    pub fn caller_refused(&self, app: &str, caller: &str, code: &str) {
        self.0.callers.refused(app, caller, code);
    }

    /// Sets when an app's token expires: a self-built app's tenant token, a store app's app token.
    pub fn token_expires_at(&self, app: &str, expires_at: Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "Unix time in seconds is exact in an f64")]
        self.0.token_expiry.with_label_values(&[app]).set(expires_at.as_second() as f64);
    }

    /// Sets when Feishu sent the newest app ticket that the gateway has.
    pub fn app_ticket_sent_at(&self, app: &str, sent_at: Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "Unix time in seconds is exact in an f64")]
        self.0.app_ticket.with_label_values(&[app]).set(sent_at.as_second() as f64);
    }

    /// Counts a problem that a caller was answered.
    pub fn problem(&self, kind: ProblemKind) {
        let facts = kind.facts();
        self.0.problems.with_label_values(&[facts.name, facts.fix_by.name()]).inc();
    }

    /// Counts a request without a valid key. `caller` is empty unless the key is configured, and expired or disabled.
    pub fn unauthorized(&self, reason: &str, caller: &str) {
        self.0.unauthorized.with_label_values(&[reason, caller]).inc();
    }

    /// Creates the series of requests without a key that is configured at zero.
    pub fn begin_unauthorized(&self, reasons: &[&str]) {
        for reason in reasons {
            self.0.unauthorized.with_label_values(&[*reason, ""]);
        }
    }

    /// Creates the series of an app and of its forwards at zero.
    pub fn begin_app(&self, app: &str) {
        for api in FeishuApi::FORWARDS {
            self.begin_calls(app, api);
        }
        self.0.failed_in_a_row.with_label_values(&[app]);
        self.0.retries_refused.with_label_values(&[app]);
        for result in ["delivered", "refused", "failed"] {
            self.0.forward_duration.with_label_values(&[app, result]);
        }
    }

    /// Creates the series of an app's calls to an API at zero: those without a code of Feishu's, and its success.
    pub fn begin_calls(&self, app: &str, api: FeishuApi) {
        for code in ["0", "connect", "timeout", "unreadable"] {
            self.0.upstream_requests.with_label_values(&[app, api.as_str(), code]);
        }
    }

    /// Counts an accepted forward by its result. `took` leaves out the time in which it waited for its turns.
    pub fn forward(&self, app: &str, result: &str, took: Duration) {
        self.0.forward_duration.with_label_values(&[app, result]).observe(took.as_secs_f64());
        let failed_in_a_row = self.0.failed_in_a_row.with_label_values(&[app]);
        if result == "failed" { failed_in_a_row.inc() } else { failed_in_a_row.set(0) }
    }

    /// Counts a call that was not repeated because the app's retry budget was used up.
    pub fn retry_refused(&self, app: &str) {
        self.0.retries_refused.with_label_values(&[app]).inc();
    }

    /// Counts a request with an `Idempotency-Key` by its result.
    pub fn idempotency(&self, result: &str) {
        self.0.idempotent_requests.with_label_values(&[result]).inc();
    }

    /// Counts an attempt to announce the end of a broadcast by its result.
    pub fn broadcast_webhook(&self, result: &str) {
        self.0.broadcast_webhooks.with_label_values(&[result]).inc();
    }

    /// Counts an accepted forward in a tenant of a store app by its result.
    pub fn tenant_forward(&self, app: &str, tenant: &TenantKey, result: &str) {
        self.0.tenants.forward(app, tenant, result);
    }

    /// Creates the series of a store app's events at zero.
    pub fn begin_events(&self, app: &str) {
        self.0.events.begin(app);
    }

    /// Counts a request that Feishu, or somebody else, pushed to a store app's address.
    pub fn event(&self, app: &str, event: &str, result: &str) {
        self.0.events.count(app, event, result);
    }

    /// Creates the series of these tools of the Model Context Protocol at zero.
    pub fn begin_mcp_tools(&self, tools: &[&str], results: &[&str]) {
        for tool in tools {
            for result in results {
                self.0.mcp_tool_calls.with_label_values(&[*tool, *result]);
            }
        }
    }

    /// Counts a call of a tool of the Model Context Protocol by its result.
    pub fn mcp_tool_call(&self, tool: &str, result: &str) {
        self.0.mcp_tool_calls.with_label_values(&[tool, result]).inc();
    }

    /// Sets how many requests may be answered and how many forwards may wait at the same time.
    pub fn bounds(&self, in_flight: usize, waiting: usize) {
        self.0.http_in_flight_limit.set(whole(in_flight));
        self.0.limit_waiting_limit.set(whole(waiting));
    }

    /// Sets how many forwards a receiver or an app may have in any window of `window_seconds`.
    pub fn quota(&self, scope: &str, window_seconds: u32, forwards: u32) {
        let window_seconds = window_seconds.to_string();
        let quota = self.0.limit_quota.with_label_values(&[scope, &window_seconds]);
        quota.set(forwards.into());
    }

    /// Creates the series of an app's broadcasts at zero. `outcomes` are the final ones that a forward can have.
    pub fn begin_broadcasts(&self, app: &str, outcomes: &[&str]) {
        self.0.broadcasts.begin(app, outcomes);
    }

    /// Sets what is known of an app's active broadcasts.
    pub fn active_broadcasts(&self, app: &str, now: &ActiveBroadcasts) {
        self.0.broadcasts.set_active(app, now);
    }

    /// Counts a receiver of a broadcast that has its final outcome.
    pub fn broadcast_settled(&self, app: &str, outcome: &str) {
        self.0.broadcasts.settled(app, outcome);
    }

    /// Counts a request to the store of broadcasts that failed.
    pub fn broadcast_store_failed(&self) {
        self.0.broadcasts.store_failed();
    }

    /// Creates the series of the Redis that replicas share. It counts as down until it answers.
    pub fn begin_state(&self) {
        self.state_is_up(false);
        for operation in
            ["connect", "take", "note", "beat", "token", "key", "uuid", "mark", "budget"]
        {
            self.0.state_duration.with_label_values(&[operation]);
            for result in ["ok", "failed"] {
                self.0.state_requests.with_label_values(&[operation, result]);
            }
        }
    }

    /// Sets whether the Redis that replicas share answers.
    pub fn state_is_up(&self, up: bool) {
        self.0.state_up.with_label_values::<&str>(&[]).set(i64::from(up));
    }

    /// Counts a request to the Redis that replicas share.
    pub fn state_request(&self, operation: &str, is_ok: bool, took: Duration) {
        let result = if is_ok { "ok" } else { "failed" };
        self.0.state_requests.with_label_values(&[operation, result]).inc();
        self.0.state_duration.with_label_values(&[operation]).observe(took.as_secs_f64());
    }

    /// Notes that the keys file was read and its keys are in force.
    pub fn keys_file_read_at(&self, now: Timestamp) {
        self.0.keys_file_is_right.with_label_values::<&str>(&[]).set(1);
        self.0.keys_file_read_at.with_label_values::<&str>(&[]).set(now.as_second());
    }

    /// Notes that the keys file has a mistake and the keys before it stay in force.
    pub fn keys_file_is_wrong(&self) {
        self.0.keys_file_is_right.with_label_values::<&str>(&[]).set(0);
    }

    /// Notes that all secrets were read and are in force.
    pub fn secrets_read_at(&self, now: Timestamp) {
        self.0.secrets_are_right.set(1);
        self.0.secrets_read_at.set(now.as_second());
    }

    /// Notes that a secret has a mistake and the secrets before it stay in force.
    pub fn secrets_are_wrong(&self) {
        self.0.secrets_are_right.set(0);
    }

    /// All metrics in the Prometheus text format. `now` has those that are counted only for this.
    #[must_use]
    pub fn render(&self, now: &Gauges) -> Vec<u8> {
        self.0.limit_receivers.set(whole(now.receivers));
        self.0.limit_waiting.set(whole(now.waiting));
        self.0.callers.set_waiting(&now.waiting_by_caller);
        for OpenCircuits { app, circuit, count } in &now.open_circuits {
            self.0.open_circuits.with_label_values(&[*circuit, *app]).set(whole(*count));
        }
        for (app, tenants) in &now.tenants {
            self.0.tenants.set_known(app, *tenants);
        }
        let mut families = self.0.registry.gather();
        families.extend(callers::budgets(&now.caller_budgets));
        families.extend(callers::expiries(&now.key_expiries));
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&families, &mut text)
            .expect("a registry of well-formed metrics can be written to memory");
        text
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Numbers that are counted when the metrics are read.
#[derive(Debug, Default)]
pub struct Gauges<'a> {
    /// Receivers that the limits remember.
    pub receivers: usize,
    /// Forwards that wait for their turn.
    pub waiting: usize,
    /// How many of them are each caller's. Only the callers that have some.
    pub waiting_by_caller: BTreeMap<Arc<str>, usize>,
    /// The store apps, and how many tenants of each are in memory.
    pub tenants: Vec<(&'a str, usize)>,
    /// The circuits that can open.
    pub open_circuits: Vec<OpenCircuits<'a>>,
    /// The callers' budgets.
    pub caller_budgets: Vec<CallerBudget>,
    /// The ends of the API keys that have one.
    pub key_expiries: Vec<KeyExpiry>,
}

/// Calls that are not made while a circuit is open.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenCircuits<'a> {
    /// The app. Empty for receivers, which all apps share.
    pub app: &'a str,
    /// What opens the circuit.
    pub circuit: &'static str,
    /// How many of these circuits are open.
    pub count: usize,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
