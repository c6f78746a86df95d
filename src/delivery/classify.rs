//! What a failed attempt calls for.

use std::time::Duration;

use super::error::ForwardError;
use crate::feishu::codes::{self, Retry};
use crate::feishu::error::{CallError, Refusal};
use crate::model::problem_kind::ProblemKind;

/// Whether a failed attempt is repeated, and what comes before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryDecision {
    /// Another attempt is pointless.
    Never,
    /// Once, with a fresh token.
    WithFreshToken,
    /// With the receiver's next permit: the receiver cools down.
    AfterCooldown,
    /// With the app's next permit: the app is paused.
    AfterReset {
        /// How long Feishu wants no calls of the app. A second if it does not say.
        reset: Duration,
    },
    /// Once, at once: the connection was dead, and the next attempt uses a new one.
    AtOnce,
    /// After a pause.
    AfterPause(Reason),
}

/// Why an attempt is repeated, as a label of metrics.
pub(super) type Reason = &'static str;

impl RetryDecision {
    /// Why there is another attempt. None if there is none.
    pub(super) fn reason(self) -> Option<Reason> {
        match self {
            Self::Never => None,
            Self::WithFreshToken => Some("token_rejected"),
            Self::AfterCooldown => Some("receiver_limited"),
            Self::AfterReset { .. } => Some("app_limited"),
            Self::AtOnce => Some("stale_connection"),
            Self::AfterPause(reason) => Some(reason),
        }
    }
}

/// Classifies the failure of an attempt.
pub(super) fn classify(error: &ForwardError) -> RetryDecision {
    match error {
        ForwardError::Failed(error) => classify_call(error),
        ForwardError::NoToken(token) => match classify_call(&token.error) {
            RetryDecision::AtOnce | RetryDecision::AfterPause(_) => {
                RetryDecision::AfterPause("no_token")
            }
            _ => RetryDecision::Never,
        },
        _ => RetryDecision::Never,
    }
}

/// Classifies the failure of a call.
pub(super) fn classify_call(error: &CallError) -> RetryDecision {
    match error {
        CallError::Connect(_) => RetryDecision::AfterPause("connect"),
        CallError::TimedOut { .. } => RetryDecision::AfterPause("timeout"),
        CallError::NoTicket => RetryDecision::AfterPause("no_token"),
        CallError::Broken { is_stale: true, .. } => RetryDecision::AtOnce,
        CallError::Unreadable { http_status, .. } if is_definite(*http_status) => {
            RetryDecision::Never
        }
        CallError::Broken { .. } | CallError::Unreadable { .. } => {
            RetryDecision::AfterPause("unreadable")
        }
        CallError::Refused(refusal) => classify_refusal(refusal),
    }
}

/// Whether an answer without a code will be the same next time: a redirect, or a firewall that refuses the
/// message. 408, 425 and 429 ask for another attempt.
fn is_definite(http_status: u16) -> bool {
    (300..500).contains(&http_status) && ![408, 425, 429].contains(&http_status)
}

fn classify_refusal(refusal: &Refusal) -> RetryDecision {
    let Some(code) = codes::find(refusal.code) else {
        return RetryDecision::Never;
    };
    match (code.retry, code.problem) {
        (Retry::Never | Retry::ResendTicket, _) => RetryDecision::Never,
        (Retry::RefreshTokenOnce, _) => RetryDecision::WithFreshToken,
        (Retry::AfterReset, _) => {
            RetryDecision::AfterReset { reset: refusal.reset.unwrap_or(SHORT_WHILE) }
        }
        (Retry::Backoff, ProblemKind::ReceiverRateLimited) => RetryDecision::AfterCooldown,
        (Retry::Backoff, ProblemKind::MessageInProgress) => {
            RetryDecision::AfterPause("in_progress")
        }
        (Retry::Backoff, _) => RetryDecision::AfterPause("feishu_internal"),
    }
}

/// How long an app is paused when Feishu does not say how long.
const SHORT_WHILE: Duration = Duration::from_secs(1);
