//! The metric of the events that Feishu pushes to store apps.

use prometheus::{IntCounterVec, Opts, Registry};

use super::register::register;

/// Each event with each of its results. A rejected request counts as `other`: what it would have been is not known.
const EVENTS: [(&str, &str); 7] = [
    ("app_ticket", "accepted"),
    ("app_ticket", "repeated"),
    ("app_ticket", "not_stored"),
    ("url_verification", "accepted"),
    ("other", "accepted"),
    ("other", "repeated"),
    ("other", "rejected"),
];

#[derive(Debug)]
pub(super) struct EventSeries(IntCounterVec);

impl EventSeries {
    pub(super) fn new(registry: &Registry) -> Self {
        let opts = Opts::new(
            "feishu_gateway_events_total",
            "Events that Feishu pushed to a store app, by event and result.",
        );
        Self(register(registry, IntCounterVec::new(opts, &["app", "event", "result"])))
    }

    pub(super) fn begin(&self, app: &str) {
        for (event, result) in EVENTS {
            self.0.with_label_values(&[app, event, result]);
        }
    }

    pub(super) fn count(&self, app: &str, event: &str, result: &str) {
        self.0.with_label_values(&[app, event, result]).inc();
    }
}
