//! Whether a forward that failed is attempted again, and when.

use std::num::NonZeroU32;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::error::ForwardError;
use crate::feishu::codes::{self, Retry};
use crate::feishu::error::{CallError, Refusal};
use crate::model::problem_kind::ProblemKind;

/// What a failed attempt asks for before another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// There is no point in one.
    Never,
    /// A fresh token, once.
    WithFreshToken,
    /// That the receiver may be sent to again: its gate is closed, and the next turn waits for it.
    AfterReceiver,
    /// The same for the app.
    AfterApp {
        /// How long Feishu wants no calls of it; a short while where it does not say.
        reset: Duration,
    },
    /// Nothing, once: it went over a connection that was dead, and the next one goes over a new one.
    AtOnce,
    /// A pause.
    AfterPause(Reason),
}

/// Why an attempt is repeated: the label of a metric.
pub(super) type Reason = &'static str;

impl Again {
    /// Why there is another attempt, if there is to be one.
    pub(super) fn reason(self) -> Option<Reason> {
        match self {
            Self::Never => None,
            Self::WithFreshToken => Some("token_rejected"),
            Self::AfterReceiver => Some("receiver_limited"),
            Self::AfterApp { .. } => Some("app_limited"),
            Self::AtOnce => Some("stale_connection"),
            Self::AfterPause(reason) => Some(reason),
        }
    }
}

/// Judges a failure.
pub(super) fn again(error: &ForwardError) -> Again {
    match error {
        ForwardError::Failed(error) => after_call(error),
        ForwardError::NoToken(token) => match after_call(&token.error) {
            Again::AtOnce | Again::AfterPause(_) => Again::AfterPause("no_token"),
            _ => Again::Never,
        },
        _ => Again::Never,
    }
}

/// Judges the failure of a call.
pub(super) fn after_call(error: &CallError) -> Again {
    match error {
        CallError::Connect(_) => Again::AfterPause("connect"),
        CallError::TimedOut { .. } => Again::AfterPause("timeout"),
        CallError::Broken { is_stale: true, .. } => Again::AtOnce,
        CallError::Unreadable { http_status, .. } if is_no(*http_status) => Again::Never,
        CallError::Broken { .. } | CallError::Unreadable { .. } => Again::AfterPause("unreadable"),
        CallError::Refused(refusal) => after_refusal(refusal),
    }
}

/// Whether an answer without a code will be the same again: a redirect, or a firewall that refuses the
/// message. The others of their kind ask for another attempt: 408, 425 and 429.
fn is_no(http_status: u16) -> bool {
    (300..500).contains(&http_status) && ![408, 425, 429].contains(&http_status)
}

fn after_refusal(refusal: &Refusal) -> Again {
    let Some(code) = codes::find(refusal.code) else {
        return Again::Never;
    };
    match (code.retry, code.problem) {
        (Retry::Never | Retry::ResendTicket, _) => Again::Never,
        (Retry::RefreshTokenOnce, _) => Again::WithFreshToken,
        (Retry::AfterReset, _) => Again::AfterApp { reset: refusal.reset.unwrap_or(SHORT_WHILE) },
        (Retry::Backoff, ProblemKind::ReceiverRateLimited) => Again::AfterReceiver,
        (Retry::Backoff, ProblemKind::MessageInProgress) => Again::AfterPause("in_progress"),
        (Retry::Backoff, _) => Again::AfterPause("feishu_internal"),
    }
}

const SHORT_WHILE: Duration = Duration::from_secs(1);

/// The pauses of one forward, and thereby how often it is attempted.
#[derive(Debug)]
pub(super) struct Pauses {
    max_times: usize,
    /// Made with the first failure; most forwards have none.
    backoff: Option<ExponentialBackoff>,
}

const FIRST: Duration = Duration::from_millis(200);
/// The longest pause between two attempts.
pub(super) const LONGEST: Duration = Duration::from_secs(2);

impl Pauses {
    /// For a forward that may be attempted so often.
    pub(super) fn new(max_attempts: NonZeroU32) -> Self {
        Self { max_times: max_attempts.get() as usize - 1, backoff: None }
    }

    /// The next pause, with full jitter: any time up to one that doubles. None when there were enough.
    pub(super) fn next(&mut self) -> Option<Duration> {
        let backoff = || {
            ExponentialBuilder::new()
                .with_min_delay(FIRST)
                .with_max_delay(LONGEST)
                .with_max_times(self.max_times)
                .build()
        };
        let longest = self.backoff.get_or_insert_with(backoff).next()?;
        Some(rand::random_range(Duration::ZERO..=longest))
    }
}
