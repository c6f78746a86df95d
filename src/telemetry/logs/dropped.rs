//! The lines that nobody will read, by where they come from.

use std::sync::LazyLock;

use prometheus::{IntCounterVec, Opts};

/// Where a line comes from, in so many words as a label may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Audit,
    Gateway,
    /// A library.
    Other,
}

impl Target {
    /// The kind of a target of tracing's.
    pub(super) fn of(target: &str) -> Self {
        match target {
            "audit" => Self::Audit,
            target if target.starts_with(env!("CARGO_CRATE_NAME")) => Self::Gateway,
            _ => Self::Other,
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Gateway => env!("CARGO_CRATE_NAME"),
            Self::Other => "other",
        }
    }
}

/// Lines that were not written: the log is of the process, and so is their count.
static DROPPED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let opts = Opts::new(
        "feishu_gateway_log_lines_dropped_total",
        "Log lines that could not be written, or not soon enough, by where they come from.",
    );
    let dropped = IntCounterVec::new(opts, &["target"]).expect("the name and the label are right");
    for target in [Target::Audit, Target::Gateway, Target::Other] {
        dropped.with_label_values(&[target.label()]);
    }
    dropped
});

/// Counts a line that is not written.
pub(super) fn dropped(target: Target) {
    DROPPED.with_label_values(&[target.label()]).inc();
}

/// The metric, for each registry that shows it.
pub(in crate::telemetry) fn metric() -> IntCounterVec {
    DROPPED.clone()
}
