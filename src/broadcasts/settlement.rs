//! What a forward's report means for its receiver, and for the receivers that are still to come.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::broadcast::ReceiverProblem;
use super::store::Settlement;
use crate::clock::{Clock, Moment};
use crate::delivery::{ForwardError, ForwardReport};
use crate::feishu::codes::{self, Reach};
use crate::feishu::error::CallError;
use crate::limits::OverBudget;
use crate::model::problem_kind::ProblemKind;
use crate::queue::QueueError;

/// What the report of a forward means.
#[derive(Debug)]
pub(super) struct Verdict {
    /// What became of the receiver.
    pub(super) settlement: Settlement,
    /// What it shows of the way of other receivers.
    pub(super) finding: Finding,
    /// How long it waited for its turn, and whether it got one.
    pub(super) pace: Pace,
}

/// What is in the way of more receivers than one, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    /// Whether it concerns all callers of the app in the tenant, or the broadcasts of one caller.
    pub(super) of_app: bool,
    pub(super) problem: ProblemKind,
    /// When the next forward may show that it has gone.
    pub(super) until: Moment,
}

/// What a forward shows of the way of more receivers than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// This is in the way.
    Blocked(Obstacle),
    /// Nothing is: Feishu was called, and it spoke of this message only.
    Clear,
    /// No conclusion: there was no call, or no answer.
    Nothing,
}

/// What a forward shows of how many may wait for their turns at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// It got its turn soon: more could wait.
    Brisk,
    /// It got its turn late: so many are enough.
    Slow,
    /// It got none in the time that it had: too many wait.
    TooMany,
}

/// How long a forward may wait for its turn before fewer are begun.
const LATE: Duration = Duration::from_secs(2);
/// The first pause after a failure that may pass. Each one is three times as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// The longest pause of a receiver that is in doubt, which has less than an hour to be repeated. Claims of processes that
/// were killed count as failures too.
const LONGEST_DOUBT: Duration = Duration::from_mins(1);
/// The shortest time until something is looked at again.
const SOON: Duration = Duration::from_secs(1);
/// The longest time until an obstacle is tried again, because an operator may remove it.
const LONGEST_OBSTACLE: Duration = Duration::from_mins(1);
/// The longest id of Feishu's for an answer that is kept, in bytes.
const LONGEST_LOG_ID: usize = 128;

impl Verdict {
    /// The verdict on the report of a receiver's claim with this number.
    pub(super) fn of(report: ForwardReport, claim: u32, clock: &Clock) -> Self {
        let pace = if report.timings.wait > LATE { Pace::Slow } else { Pace::Brisk };
        let is_in_doubt = report.prior_attempts.safe_retry_until().is_some();
        let error = match report.result {
            Ok(forwarded) => {
                let settlement = Settlement::Delivered(forwarded.message_id.into());
                return Self { settlement, finding: Finding::Clear, pace };
            }
            Err(error) => error,
        };
        let problem = problem_of(&error);
        let finding = finding(&error, clock.now());
        let pace = if matches!(error, ForwardError::NoPermit(_)) { Pace::TooMany } else { pace };
        let settlement = match &error {
            ForwardError::TooLateToRepeat if is_in_doubt => Settlement::Unknown(problem),
            _ if is_in_doubt => {
                let pause = pause(&error, claim, finding, clock.now());
                Settlement::InDoubt(problem, pause.min(LONGEST_DOUBT))
            }
            ForwardError::NotAllowed | ForwardError::KeyReused | ForwardError::UuidReused => {
                Settlement::NotDelivered(problem)
            }
            error if error.is_final() => Settlement::NotDelivered(problem),
            error => Settlement::NotSent(problem, pause(error, claim, finding, clock.now())),
        };
        Self { settlement, finding, pace }
    }

    /// What becomes of a receiver whose forward panicked: nobody knows how far it came.
    pub(super) fn of_panic(claim: u32) -> Settlement {
        let problem =
            ReceiverProblem { kind: ProblemKind::InternalError, feishu_code: None, log_id: None };
        Settlement::InDoubt(problem, growing_pause(claim))
    }
}

fn problem_of(error: &ForwardError) -> ReceiverProblem {
    let (feishu_code, log_id) = match error {
        ForwardError::Failed(call) => (code_of(call), call.log_id()),
        ForwardError::AppRefused { code, .. } => (Some(code.code), None),
        ForwardError::NoToken(token) => (code_of(&token.error), token.error.log_id()),
        _ => (None, None),
    };
    let log_id = log_id.map(|id| id[..id.floor_char_boundary(LONGEST_LOG_ID)].into());
    ReceiverProblem { kind: error.problem(), feishu_code, log_id }
}

fn code_of(call: &CallError) -> Option<i64> {
    match call {
        CallError::Refused(refusal) => Some(refusal.code),
        _ => None,
    }
}

fn finding(error: &ForwardError, now: Moment) -> Finding {
    let (of_app, pause) = match error {
        ForwardError::CircuitOpen { retry_after }
        | ForwardError::AppRefused { retry_after, .. } => (true, *retry_after),
        ForwardError::NoToken(token) => (true, token.call_at.saturating_sub(now)),
        ForwardError::OverBudget(OverBudget::Month { retry_after, .. }) => (false, *retry_after),
        // The next forward is told for how long.
        ForwardError::Failed(call) if refuses_app(call) => (true, SOON),
        ForwardError::Failed(call) if call.shows_feishu() => return Finding::Clear,
        _ => return Finding::Nothing,
    };
    let until = now + pause.clamp(SOON, LONGEST_OBSTACLE);
    Finding::Blocked(Obstacle { of_app, problem: error.problem(), until })
}

/// Whether Feishu would refuse every other forward too.
fn refuses_app(call: &CallError) -> bool {
    code_of(call).and_then(codes::find).is_some_and(|code| code.reach() == Reach::App)
}

/// How long to wait until another forward to the receiver is worth a try.
fn pause(error: &ForwardError, claim: u32, finding: Finding, now: Moment) -> Duration {
    if let Finding::Blocked(obstacle) = finding {
        return obstacle.until.saturating_sub(now);
    }
    match error {
        ForwardError::Draining => Duration::ZERO,
        ForwardError::NoPermit(QueueError::TooLate { retry_after, .. })
        | ForwardError::OverBudget(OverBudget::Minute { retry_after, .. }) => {
            (*retry_after).clamp(SOON, LONGEST_OBSTACLE)
        }
        ForwardError::NoPermit(QueueError::Full) => SOON,
        _ => growing_pause(claim),
    }
}

/// The pause after the claim with this number failed.
fn growing_pause(claim: u32) -> Duration {
    let growth = 3_u32.saturating_pow(claim.saturating_sub(1).min(10));
    FIRST_PAUSE.saturating_mul(growth).min(LONGEST_PAUSE)
}
