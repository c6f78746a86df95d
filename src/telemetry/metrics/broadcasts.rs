//! The metrics of broadcasts. Only a gateway that has broadcasts has their series.

use std::time::Duration;

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::register::register;

#[derive(Debug)]
pub(super) struct BroadcastSeries {
    active: IntGaugeVec,
    open_receivers: IntGaugeVec,
    oldest_pending: GaugeVec,
    receivers: IntCounterVec,
    store_failures: IntCounterVec,
}

/// The active broadcasts of one app.
#[derive(Clone, Copy, Debug, Default)]
pub struct ActiveBroadcasts {
    /// How many run.
    pub running: usize,
    /// How many are paused.
    pub paused: usize,
    /// How many of their receivers are pending.
    pub pending: u64,
    /// How many of their receivers are in doubt.
    pub in_doubt: u64,
    /// How long the oldest one has had a pending receiver. Zero if none has.
    pub oldest_pending: Duration,
}

impl BroadcastSeries {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntGaugeVec::new(Opts::new(name, help), labels))
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        Self {
            active: gauges(
                "feishu_gateway_broadcasts",
                "Broadcasts that run or are paused.",
                &["app", "state"],
            ),
            open_receivers: gauges(
                "feishu_gateway_broadcast_open_receivers",
                "Receivers of running and paused broadcasts that have no final outcome.",
                &["app", "state"],
            ),
            oldest_pending: register(
                registry,
                GaugeVec::new(
                    Opts::new(
                        "feishu_gateway_broadcast_oldest_pending_seconds",
                        "Age of the oldest broadcast that has a pending receiver; 0 if none has.",
                    ),
                    &["app"],
                ),
            ),
            receivers: counters(
                "feishu_gateway_broadcast_receivers_total",
                "Receivers of broadcasts for which this process reached an outcome.",
                &["app", "outcome"],
            ),
            store_failures: counters(
                "feishu_gateway_broadcast_store_failures_total",
                "Failed requests to the broadcast store.",
                &[],
            ),
        }
    }

    /// Creates the series of an app at zero. `outcomes` are the final ones that a forward can have.
    pub(super) fn begin(&self, app: &str, outcomes: &[&str]) {
        self.set_active(app, &ActiveBroadcasts::default());
        self.store_failures.with_label_values::<&str>(&[]);
        for outcome in outcomes {
            self.receivers.with_label_values(&[app, *outcome]);
        }
    }

    pub(super) fn set_active(&self, app: &str, now: &ActiveBroadcasts) {
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (state, count) in [("running", now.running), ("paused", now.paused)] {
            self.active.with_label_values(&[app, state]).set(whole(count as u64));
        }
        for (state, count) in [("pending", now.pending), ("in_doubt", now.in_doubt)] {
            self.open_receivers.with_label_values(&[app, state]).set(whole(count));
        }
        self.oldest_pending.with_label_values(&[app]).set(now.oldest_pending.as_secs_f64());
    }

    pub(super) fn settled(&self, app: &str, outcome: &str) {
        self.receivers.with_label_values(&[app, outcome]).inc();
    }

    pub(super) fn store_failed(&self) {
        self.store_failures.with_label_values::<&str>(&[]).inc();
    }
}
