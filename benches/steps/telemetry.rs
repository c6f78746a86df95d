//! What operators see of a forward.

use std::hint::black_box;
use std::time::Duration;

use feishu_forward_gateway::telemetry::audit::{AuditIds, IdForm};
use feishu_forward_gateway::telemetry::metrics::Metrics;
use secrecy::SecretString;

use crate::REPEATS;
use crate::limits::APP;

pub(crate) struct Ids(AuditIds);

pub(crate) fn hashed_ids() -> Ids {
    Ids(AuditIds::new(IdForm::Hashed, &SecretString::from("a secret of an app, 32 letters")))
}

impl Ids {
    pub(crate) fn show(&self) {
        for _ in 0..REPEATS {
            black_box(self.0.show(black_box("oc_5ad11d72b830411d72b836c20")));
        }
    }
}

pub(crate) struct Counted(Metrics);

pub(crate) fn metrics() -> Counted {
    let metrics = Metrics::new();
    metrics.begin_app(APP);
    Counted(metrics)
}

impl Counted {
    /// All that one forward is counted by.
    pub(crate) fn count(&self) {
        let Self(metrics) = self;
        let (route, took) = ("/v1/messages/{message_id}/forward", Duration::from_millis(80));
        for _ in 0..REPEATS {
            metrics.limit_decision("receiver", "allowed");
            metrics.limit_decision("app", "allowed");
            metrics.limit_wait(Duration::ZERO);
            metrics.upstream(black_box(APP), "forward", "0", took);
            metrics.forward(black_box(APP), "delivered", took);
            metrics.http(black_box(route), "POST", "200", "caller", took);
        }
    }
}
