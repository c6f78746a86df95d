//! The count of log lines that were not written, by their target.

use std::sync::LazyLock;

use prometheus::{IntCounterVec, Opts};

/// Where a line comes from. A metric's label must have a bound, so all libraries are one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The audit log.
    Audit,
    /// All other lines of the gateway.
    Gateway,
    /// Libraries.
    Other,
}

impl Target {
    /// Each of them once.
    pub(super) const ALL: [Self; 3] = [Self::Audit, Self::Gateway, Self::Other];

    /// The kind of tracing's `target`.
    pub(super) fn of(target: &str) -> Self {
        match target {
            "audit" => Self::Audit,
            target if target.starts_with(env!("CARGO_CRATE_NAME")) => Self::Gateway,
            _ => Self::Other,
        }
    }

    /// The value of the metric's label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Gateway => env!("CARGO_CRATE_NAME"),
            Self::Other => "other",
        }
    }
}

/// One count for all gateways of the process, because they share its standard output.
static DROPPED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let opts = Opts::new(
        "feishu_gateway_log_lines_dropped_total",
        "Log lines that could not be written, or not soon enough, by log target.",
    );
    let dropped = IntCounterVec::new(opts, &["target"]).expect("the name and the label are right");
    for target in Target::ALL {
        dropped.with_label_values(&[target.label()]);
    }
    dropped
});

/// Counts lines that are not written.
pub(super) fn dropped(target: Target, lines: u64) {
    DROPPED.with_label_values(&[target.label()]).inc_by(lines);
}

/// The metric `feishu_gateway_log_lines_dropped_total`, to be registered with a gateway's metrics.
pub(in crate::telemetry) fn metric() -> IntCounterVec {
    DROPPED.clone()
}
