//! What a step found.

use serde::Serialize;

use super::advice::Advice;
use super::check::Check;
use crate::model::wording::Wording;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    /// All is well.
    Ok,
    /// It may be well, or could not be found out.
    Warning,
    /// It has to be put right.
    Failed,
    /// It cannot be judged, because an earlier step failed, or it was not asked for.
    Skipped,
}

impl Ending {
    pub(super) fn label(self) -> Wording {
        let (en, zh) = match self {
            Self::Ok => ("ok", "正常"),
            Self::Warning => ("warning", "注意"),
            Self::Failed => ("FAILED", "失败"),
            Self::Skipped => ("skipped", "跳过"),
        };
        Wording::new(en, zh)
    }
}

/// What a step found.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) ending: Ending,
    pub(super) detail: Wording,
    /// Who does what where. None if nobody has to.
    pub(super) advice: Option<Advice>,
}

impl Finding {
    pub(super) fn ok(detail: Wording) -> Self {
        Self { ending: Ending::Ok, detail, advice: None }
    }

    pub(super) fn warning(detail: Wording) -> Self {
        Self { ending: Ending::Warning, detail, advice: None }
    }

    pub(super) fn failed(detail: Wording, advice: Advice) -> Self {
        Self { ending: Ending::Failed, detail, advice: Some(advice) }
    }

    /// A step that was not asked for.
    pub(super) fn left_out(detail: Wording) -> Self {
        Self { ending: Ending::Skipped, detail, advice: None }
    }

    /// A warning about what somebody may have to do.
    pub(super) fn advising(self, advice: Advice) -> Self {
        Self { advice: Some(advice), ..self }
    }

    /// A step that cannot be judged because of another one.
    pub(super) fn skipped(because: Check) -> Self {
        let label = because.label();
        let detail = Wording::new(
            format!("not checked: see `{}`", label.en),
            format!("未检查：请看“{}”", label.zh),
        );
        Self { ending: Ending::Skipped, detail, advice: None }
    }
}
