//! The metrics of each caller: its waiting for turns, what the gateway's own limits refused it, and its budgets.
//!
//! A caller has series of its waits and its turns from its first forward on, because a keys file may have many keys that
//! nobody uses.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prometheus::core::Collector;
use prometheus::proto::{Metric, MetricFamily};
use prometheus::{CounterVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::register::register;

/// The problems by which the gateway's own limits refuse single callers' forwards.
const REFUSALS: &[&str] = &["receiver_rate_limited", "app_rate_limited"];

#[derive(Debug)]
pub(super) struct CallerSeries {
    waiting: IntGaugeVec,
    wait_seconds: CounterVec,
    permits: IntCounterVec,
    refused: IntCounterVec,
}

impl CallerSeries {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            waiting: register(
                registry,
                IntGaugeVec::new(
                    Opts::new(
                        "feishu_gateway_caller_waiting",
                        "Forwards of the caller that wait for their turn.",
                    ),
                    &["caller"],
                ),
            ),
            wait_seconds: register(
                registry,
                CounterVec::new(
                    Opts::new(
                        "feishu_gateway_caller_wait_seconds_total",
                        "Time that the caller's forwards waited for their turns, whether or not they got them.",
                    ),
                    &["app", "caller"],
                ),
            ),
            permits: register(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "feishu_gateway_caller_permits_total",
                        "Turns that the caller's forwards got, one for each call to Feishu.",
                    ),
                    &["app", "caller"],
                ),
            ),
            refused: register(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "feishu_gateway_caller_refused_total",
                        "Forwards of the caller that the gateway's own limits refused, by problem code.",
                    ),
                    &["app", "caller", "code"],
                ),
            ),
        }
    }

    /// Counts a wait for a turn. One that was in vain still creates the series of the turns, so that a caller that
    /// gets none shows 0 and not nothing. It creates the series of refusals too: one that appears with its first refusal
    /// hides it from `rate()`.
    pub(super) fn waited(&self, app: &str, caller: &str, waited: Duration, has_permit: bool) {
        let permits = self.permits.with_label_values(&[app, caller]);
        if permits.get() == 0 {
            for code in REFUSALS {
                self.refused.with_label_values(&[app, caller, code]);
            }
        }
        permits.inc_by(u64::from(has_permit));
        self.wait_seconds.with_label_values(&[app, caller]).inc_by(waited.as_secs_f64());
    }

    pub(super) fn refused(&self, app: &str, caller: &str, code: &str) {
        self.refused.with_label_values(&[app, caller, code]).inc();
    }

    /// Sets how many forwards of each caller wait. Who waited before and is not among them shows 0.
    pub(super) fn set_waiting(&self, now: &BTreeMap<Arc<str>, usize>) {
        for family in self.waiting.collect() {
            for label in family.get_metric().iter().flat_map(Metric::get_label) {
                if !now.contains_key(label.value()) {
                    self.waiting.with_label_values(&[label.value()]).set(0);
                }
            }
        }
        for (caller, count) in now {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            self.waiting.with_label_values(&[&**caller]).set(count);
        }
    }
}

/// One budget of a caller.
#[derive(Clone, Debug)]
pub struct CallerBudget {
    /// The name of the caller's API key.
    pub caller: Arc<str>,
    /// `per_minute` or `per_month`.
    pub budget: &'static str,
    /// The calls that count now.
    pub used: u64,
    /// The calls that may be made.
    pub limit: NonZeroU32,
}

/// The metrics of callers' budgets, made anew each time, so that a key without a budget has no series.
pub(super) fn budgets(all: &[CallerBudget]) -> Vec<MetricFamily> {
    let registry = Registry::new();
    let gauges = |name: &str, help: &str| {
        register(&registry, IntGaugeVec::new(Opts::new(name, help), &["caller", "budget"]))
    };
    let used_by_caller = gauges(
        "feishu_gateway_caller_budget_used",
        "Calls to Feishu for the caller: of this process in the last minute, or in this month.",
    );
    let limits = gauges(
        "feishu_gateway_caller_budget_limit",
        "Calls to Feishu that may be made for the caller in a minute, or in a month.",
    );
    for CallerBudget { caller, budget, used, limit } in all {
        let used = i64::try_from(*used).unwrap_or(i64::MAX);
        used_by_caller.with_label_values(&[&**caller, budget]).set(used);
        limits.with_label_values(&[&**caller, budget]).set(limit.get().into());
    }
    registry.gather()
}

/// When an API key ends.
#[derive(Clone, Debug)]
pub struct KeyExpiry {
    /// The name of the API key.
    pub caller: Arc<str>,
    /// Its `expires_at`.
    pub expires_at: Timestamp,
}

/// The metrics of keys that end, made anew each time, so that a key that was taken away has no series.
pub(super) fn expiries(all: &[KeyExpiry]) -> Vec<MetricFamily> {
    let registry = Registry::new();
    let ends = register(
        &registry,
        IntGaugeVec::new(
            Opts::new(
                "feishu_gateway_key_expiry_timestamp_seconds",
                "Unix time at which the API key expires; only for keys that expire and are not disabled.",
            ),
            &["caller"],
        ),
    );
    for KeyExpiry { caller, expires_at } in all {
        ends.with_label_values(&[&**caller]).set(expires_at.as_second());
    }
    registry.gather()
}
