//! Every metric, in a registry of its own: two gateways can live in one process.
//!
//! No label ever holds a receiver, a message, a key or anything else without a bound.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prometheus::core::Collector;
use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::model::problem_kind::ProblemKind;

/// All metrics of one gateway; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    http_requests: IntCounterVec,
    http_duration: HistogramVec,
    http_in_flight: IntGauge,
    upstream_requests: IntCounterVec,
    upstream_duration: HistogramVec,
    upstream_retries: IntCounterVec,
    limit_decisions: IntCounterVec,
    limit_wait: Histogram,
    limit_receivers: IntGauge,
    token_expiry: GaugeVec,
    problems: IntCounterVec,
}

/// From a refusal in half a millisecond to the default deadline of 15 seconds.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0,
    30.0,
];

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let histograms = |name: &str, help: &str, labels: &[&str]| {
            let opts = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            register(&registry, HistogramVec::new(opts, labels))
        };
        let gauge = |name: &str, help: &str| register(&registry, IntGauge::new(name, help));
        let limit_wait = HistogramOpts::new(
            "feishu_gateway_rate_limit_wait_seconds",
            "Time that a forward waited for its receiver's and its app's turn.",
        );
        let build_info =
            Opts::new("feishu_gateway_build_info", "Always 1; its labels say which build this is.");
        register(&registry, IntGaugeVec::new(build_info, &["version", "revision"]))
            .with_label_values(&[VERSION, REVISION])
            .set(1);
        let inner = Inner {
            http_requests: counters(
                "feishu_gateway_http_requests_total",
                "Requests answered, by route pattern, method, status and caller.",
                &["route", "method", "status", "caller"],
            ),
            http_duration: histograms(
                "feishu_gateway_http_request_duration_seconds",
                "Time from a request's head to its answer's, waiting included.",
                &["route", "method"],
            ),
            http_in_flight: gauge(
                "feishu_gateway_http_requests_in_flight",
                "Requests of the public listener that are being answered.",
            ),
            upstream_requests: counters(
                "feishu_gateway_upstream_requests_total",
                "Calls to Feishu, by Feishu's result code, or timeout, connect, unreadable.",
                &["app", "api", "code"],
            ),
            upstream_duration: histograms(
                "feishu_gateway_upstream_request_duration_seconds",
                "Time of one call to Feishu.",
                &["api"],
            ),
            upstream_retries: counters(
                "feishu_gateway_upstream_retries_total",
                "Calls to Feishu that were made again, by reason.",
                &["reason"],
            ),
            limit_decisions: counters(
                "feishu_gateway_rate_limit_decisions_total",
                "What the limits of receivers and apps decided.",
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
            token_expiry: register(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "feishu_gateway_tenant_token_expiry_timestamp_seconds",
                        "Unix time at which the app's tenant token runs out.",
                    ),
                    &["app"],
                ),
            ),
            problems: counters(
                "feishu_gateway_problems_total",
                "Problems answered, by problem code and by who can remove the cause.",
                &["code", "fix_by"],
            ),
            registry,
        };
        inner.begin_at_zero();
        register_process(&inner.registry);
        Self(Arc::new(inner))
    }

    /// Counts an answered request.
    pub fn http(&self, route: &str, method: &str, status: u16, caller: &str, took: Duration) {
        let status = status.to_string();
        self.0.http_requests.with_label_values(&[route, method, &status, caller]).inc();
        self.0.http_duration.with_label_values(&[route, method]).observe(took.as_secs_f64());
    }

    /// The gauge of requests that are being answered.
    #[must_use]
    pub fn in_flight(&self) -> &IntGauge {
        &self.0.http_in_flight
    }

    /// Counts a call to Feishu.
    pub fn upstream(&self, app: &str, api: &str, code: &str, took: Duration) {
        self.0.upstream_requests.with_label_values(&[app, api, code]).inc();
        self.0.upstream_duration.with_label_values(&[api]).observe(took.as_secs_f64());
    }

    /// Counts a call that is made again.
    pub fn retry(&self, reason: &str) {
        self.0.upstream_retries.with_label_values(&[reason]).inc();
    }

    /// Counts what a limit decided.
    pub fn limit_decision(&self, scope: &str, decision: &str) {
        self.0.limit_decisions.with_label_values(&[scope, decision]).inc();
    }

    /// Records how long a forward waited for its turn.
    pub fn limit_wait(&self, waited: Duration) {
        self.0.limit_wait.observe(waited.as_secs_f64());
    }

    /// Sets when an app's tenant token runs out.
    pub fn token_expires_at(&self, app: &str, expires_at: Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "Unix time in seconds is exact in an f64")]
        self.0.token_expiry.with_label_values(&[app]).set(expires_at.as_second() as f64);
    }

    /// Counts a problem that was answered.
    pub fn problem(&self, kind: ProblemKind) {
        let facts = kind.facts();
        self.0.problems.with_label_values(&[facts.name, facts.fix_by.name()]).inc();
    }

    /// All metrics in the Prometheus text format; `receivers` is how many the limits remember now.
    #[must_use]
    pub fn render(&self, receivers: usize) -> Vec<u8> {
        self.0.limit_receivers.set(i64::try_from(receivers).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.0.registry.gather(), &mut text)
            .expect("a registry of well-formed metrics can be written to memory");
        text
    }
}

impl Inner {
    /// Makes the series whose labels are known: one that appears with its first event hides that
    /// event from `rate()`.
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
        self.upstream_retries.with_label_values(&["token_rejected"]);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit that was built, when whoever built it said so.
pub const REVISION: &str = match option_env!("GATEWAY_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: prometheus::Result<C>,
) -> C {
    let metric = metric.expect("names and labels are written well");
    registry.register(Box::new(metric.clone())).expect("each metric is registered once");
    metric
}

#[cfg(target_os = "linux")]
fn register_process(registry: &Registry) {
    let process = prometheus::process_collector::ProcessCollector::for_self();
    registry.register(Box::new(process)).expect("the process is registered once");
}

#[cfg(not(target_os = "linux"))]
fn register_process(_registry: &Registry) {}
