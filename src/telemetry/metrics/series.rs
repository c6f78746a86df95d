//! The list of all metrics, with their names and labels.

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use super::broadcasts::BroadcastSeries;
use super::callers::CallerSeries;
use super::events::EventSeries;
use super::register::register;
use super::tenants::TenantSeries;
use crate::model::problem_kind::ProblemKind;
use crate::telemetry::logs::dropped_lines;

#[derive(Debug)]
pub(super) struct Series {
    pub(super) registry: Registry,
    pub(super) http_requests: IntCounterVec,
    pub(super) http_duration: HistogramVec,
    pub(super) http_in_flight: IntGauge,
    pub(super) http_in_flight_limit: IntGauge,
    pub(super) connections: IntGaugeVec,
    pub(super) connections_limit: IntGaugeVec,
    pub(super) connections_closed: IntCounterVec,
    pub(super) forward_duration: HistogramVec,
    pub(super) failed_in_a_row: IntGaugeVec,
    pub(super) upstream_requests: IntCounterVec,
    pub(super) upstream_duration: HistogramVec,
    pub(super) upstream_retries: IntCounterVec,
    pub(super) limit_decisions: IntCounterVec,
    pub(super) limit_wait: Histogram,
    pub(super) limit_receivers: IntGauge,
    pub(super) limit_waiting: IntGauge,
    pub(super) limit_waiting_limit: IntGauge,
    pub(super) limit_quota: IntGaugeVec,
    pub(super) callers: CallerSeries,
    pub(super) broadcasts: BroadcastSeries,
    pub(super) events: EventSeries,
    pub(super) tenants: TenantSeries,
    pub(super) open_circuits: IntGaugeVec,
    pub(super) retries_refused: IntCounterVec,
    pub(super) idempotent_requests: IntCounterVec,
    pub(super) broadcast_webhooks: IntCounterVec,
    pub(super) mcp_tool_calls: IntCounterVec,
    pub(super) token_expiry: GaugeVec,
    pub(super) app_ticket: GaugeVec,
    pub(super) problems: IntCounterVec,
    pub(super) unauthorized: IntCounterVec,
    pub(super) state_up: IntGaugeVec,
    pub(super) state_requests: IntCounterVec,
    pub(super) state_duration: HistogramVec,
    pub(super) keys_file_is_right: IntGaugeVec,
    pub(super) keys_file_read_at: IntGaugeVec,
    pub(super) secrets_are_right: IntGauge,
    pub(super) secrets_read_at: IntGauge,
}

/// Why calls to Feishu are repeated.
const RETRY_REASONS: &[&str] = &[
    "token_rejected",
    "receiver_limited",
    "app_limited",
    "in_progress",
    "feishu_internal",
    "connect",
    "timeout",
    "unreadable",
    "no_token",
];

/// Why the gateway closes connections.
pub(super) const CLOSE_REASONS: &[&str] = &[
    "tls",
    "not_tls",
    "handshake_too_slow",
    "handshake_failed",
    "client_certificate",
    "http2",
    "malformed",
    "head_too_large",
    "head_too_slow",
    "stalled",
    "room_needed",
];

/// Buckets of times, in seconds: from a refusal in half a millisecond to beyond the default deadline of 15 seconds.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0,
    30.0,
];

impl Series {
    /// All at zero.
    #[expect(clippy::too_many_lines, reason = "the list of all metrics, one after the other")]
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let histograms = |name: &str, help: &str, labels: &[&str]| {
            let opts = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            register(&registry, HistogramVec::new(opts, labels))
        };
        let gauge = |name: &str, help: &str| register(&registry, IntGauge::new(name, help));
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntGaugeVec::new(Opts::new(name, help), labels))
        };
        let limit_wait = HistogramOpts::new(
            "feishu_gateway_rate_limit_wait_seconds",
            "Time that a forward waited for its receiver's and its app's turn.",
        );
        let build_info = gauges(
            "feishu_gateway_build_info",
            "Always 1; its labels say which build this is.",
            &["version", "revision"],
        );
        build_info.with_label_values(&[VERSION, REVISION]).set(1);
        // The log belongs to the process, so all its gateways show the same count.
        register(&registry, Ok(dropped_lines()));
        let series = Self {
            http_requests: counters(
                "feishu_gateway_http_requests_total",
                "Requests answered, by route pattern, method, status and caller.",
                &["route", "method", "status", "caller"],
            ),
            http_duration: histograms(
                "feishu_gateway_http_request_duration_seconds",
                "Time from a request's head to its answer's head, waiting included.",
                &["route", "method"],
            ),
            http_in_flight: gauge(
                "feishu_gateway_http_requests_in_flight",
                "Requests in flight at the public listener.",
            ),
            http_in_flight_limit: gauge(
                "feishu_gateway_http_requests_in_flight_limit",
                "How many requests may be in flight at the same time.",
            ),
            connections: gauges(
                "feishu_gateway_connections",
                "Connections to a listener, including those that wait for a place.",
                &["listener"],
            ),
            connections_limit: gauges(
                "feishu_gateway_connections_limit",
                "How many connections a listener may have at the same time.",
                &["listener"],
            ),
            connections_closed: counters(
                "feishu_gateway_connections_closed_total",
                "Connections that were closed because of what came over them, or to make room.",
                &["listener", "reason"],
            ),
            forward_duration: histograms(
                "feishu_gateway_forward_duration_seconds",
                "Time of an accepted forward without its waiting for turns, by result.",
                &["app", "result"],
            ),
            failed_in_a_row: gauges(
                "feishu_gateway_forwards_failed_in_a_row",
                "Accepted forwards that failed since the last one that did not fail.",
                &["app"],
            ),
            upstream_requests: counters(
                "feishu_gateway_upstream_requests_total",
                "Calls to Feishu, by Feishu's result code (other: an unknown code), or timeout, connect, unreadable.",
                &["app", "api", "code"],
            ),
            upstream_duration: histograms(
                "feishu_gateway_upstream_request_duration_seconds",
                "Time of one call to Feishu.",
                &["api"],
            ),
            upstream_retries: counters(
                "feishu_gateway_upstream_retries_total",
                "Retried calls to Feishu, by reason.",
                &["reason"],
            ),
            retries_refused: counters(
                "feishu_gateway_upstream_retries_refused_total",
                "Calls that were not retried because the app's retry budget was used up.",
                &["app"],
            ),
            idempotent_requests: counters(
                "feishu_gateway_idempotent_requests_total",
                "Requests with an Idempotency-Key, by result.",
                &["result"],
            ),
            broadcast_webhooks: counters(
                "feishu_gateway_broadcast_webhooks_total",
                "Webhook calls that announce the ends of broadcasts, by result.",
                &["result"],
            ),
            mcp_tool_calls: counters(
                "feishu_gateway_mcp_tool_calls_total",
                "Calls of the tools of the Model Context Protocol, by tool (other: an unknown tool) and result.",
                &["tool", "result"],
            ),
            limit_decisions: counters(
                "feishu_gateway_rate_limit_decisions_total",
                "Decisions of the limits of receivers and apps.",
                &["scope", "decision"],
            ),
            limit_wait: register(
                &registry,
                Histogram::with_opts(limit_wait.buckets(SECONDS.to_vec())),
            ),
            limit_receivers: gauge(
                "feishu_gateway_rate_limit_receivers",
                "Receivers that the limits remember.",
            ),
            limit_waiting: gauge(
                "feishu_gateway_rate_limit_waiting",
                "Forwards that wait for their turn.",
            ),
            limit_waiting_limit: gauge(
                "feishu_gateway_rate_limit_waiting_limit",
                "How many forwards may wait at the same time.",
            ),
            limit_quota: gauges(
                "feishu_gateway_rate_limit_quota",
                "How many forwards one receiver or one app may have in any window of this length.",
                &["scope", "window_seconds"],
            ),
            callers: CallerSeries::new(&registry),
            broadcasts: BroadcastSeries::new(&registry),
            events: EventSeries::new(&registry),
            tenants: TenantSeries::new(&registry),
            open_circuits: gauges(
                "feishu_gateway_open_circuits",
                "Open circuits: the gateway makes no calls because of Feishu's answers, or because Feishu does not answer.",
                &["circuit", "app"],
            ),
            token_expiry: register(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "feishu_gateway_tenant_token_expiry_timestamp_seconds",
                        "Unix time at which the app's token expires: a self-built app's tenant token, a store app's app token.",
                    ),
                    &["app"],
                ),
            ),
            app_ticket: register(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "feishu_gateway_app_ticket_received_timestamp_seconds",
                        "Unix time at which Feishu sent the newest app ticket that the gateway has.",
                    ),
                    &["app"],
                ),
            ),
            problems: counters(
                "feishu_gateway_problems_total",
                "Problems answered, by problem code and by who can fix the cause.",
                &["code", "fix_by"],
            ),
            unauthorized: counters(
                "feishu_gateway_unauthorized_total",
                "Requests without a valid key, by reason, and by caller if the key is known but not valid.",
                &["reason", "caller"],
            ),
            state_up: gauges(
                "feishu_gateway_state_up",
                "Whether the shared Redis answers; 0: this replica keeps to its share of the limits.",
                &[],
            ),
            state_requests: counters(
                "feishu_gateway_state_requests_total",
                "Requests to the shared Redis.",
                &["operation", "result"],
            ),
            state_duration: histograms(
                "feishu_gateway_state_request_duration_seconds",
                "Time of one request to the shared Redis.",
                &["operation"],
            ),
            keys_file_is_right: gauges(
                "feishu_gateway_keys_file_last_reload_successful",
                "Whether the keys file was right when it was last read; 0: the previous keys stay in use.",
                &[],
            ),
            keys_file_read_at: gauges(
                "feishu_gateway_keys_file_last_reload_success_timestamp_seconds",
                "Unix time of the last read at which the keys file was right.",
                &[],
            ),
            secrets_are_right: gauge(
                "feishu_gateway_secrets_last_reload_successful",
                "Whether all secrets were right when they were last read; 0: the previous ones stay in use.",
            ),
            secrets_read_at: gauge(
                "feishu_gateway_secrets_last_reload_success_timestamp_seconds",
                "Unix time of the last read at which all secrets were right.",
            ),
            registry,
        };
        series.begin_at_zero();
        register_process(&series.registry);
        series
    }

    /// Creates the series whose labels are known. A series that appears with its first event hides that event
    /// from `rate()`.
    fn begin_at_zero(&self) {
        for kind in ProblemKind::ALL {
            let facts = kind.facts();
            self.problems.with_label_values(&[facts.name, facts.fix_by.name()]);
        }
        for scope in ["receiver", "app"] {
            for decision in ["allowed", "delayed", "rejected"] {
                self.limit_decisions.with_label_values(&[scope, decision]);
            }
        }
        for reason in RETRY_REASONS {
            self.upstream_retries.with_label_values(&[reason]);
        }
        for result in ["new", "joined", "replayed", "reused"] {
            self.idempotent_requests.with_label_values(&[result]);
        }
        for result in ["delivered", "failed", "gave_up"] {
            self.broadcast_webhooks.with_label_values(&[result]);
        }
    }
}

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit of the build, from the variable `GATEWAY_REVISION` at build time.
pub const REVISION: &str = match option_env!("GATEWAY_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

#[cfg(target_os = "linux")]
fn register_process(registry: &Registry) {
    let process = prometheus::process_collector::ProcessCollector::for_self();
    registry.register(Box::new(process)).expect("the process is registered once");
}

#[cfg(not(target_os = "linux"))]
fn register_process(_registry: &Registry) {}
