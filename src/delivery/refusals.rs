//! What Feishu refuses the app itself is not asked again by everybody: it would say the same, and asking
//! costs quota.
//!
//! One refusal is enough where the code cannot depend on what is forwarded. A missing permission can: one
//! that is needed for a type of receiver, say, or for messages of another chat. So it closes the gate for
//! receivers of that type when it has met three different forwards in a row, and before that for a forward
//! that is the same again.

use std::collections::HashMap;
use std::time::Duration;

use super::Order;
use super::error::ForwardError;
use crate::clock::Moment;
use crate::feishu::codes::{self, Code, MONTHLY_QUOTA, Reach};
use crate::feishu::error::{CallError, Forwarded};
use crate::model::message_id::MessageId;
use crate::model::problem_kind::ProblemKind;
use crate::model::receiver::{ReceiveIdType, Receiver};

/// How long nothing is asked after a refusal, but for the month's quota: that does not come back so soon.
const INTERVAL: Duration = Duration::from_mins(5);
/// How long the others wait for the one that tries whether the app is still refused.
const TRIAL: Duration = Duration::from_secs(10);
/// So many different forwards are enough.
const ENOUGH: usize = 3;
/// What Redis says a little later is still what was forgotten.
const SLACK: Duration = Duration::from_secs(1);

/// What Feishu refuses one app.
#[derive(Debug)]
pub(super) struct Refusals {
    /// For how long the month's quota counts as used up, and the rest at most.
    quota_interval: Duration,
    whole: Option<Closed>,
    partial: HashMap<ReceiveIdType, Vec<Evidence>>,
    /// What other replicas say of the month's quota counts if it lasts longer than this. None: nothing was
    /// heard of them yet, and what they say first was there before this process.
    heard_until: Option<Moment>,
}

#[derive(Debug)]
struct Closed {
    code: &'static Code,
    until: Moment,
    /// Whether somebody tries if it is still so.
    is_trial: bool,
}

/// A forward that was refused for what may be the app's fault.
#[derive(Debug)]
struct Evidence {
    code: &'static Code,
    message: MessageId,
    receiver: Receiver,
    until: Moment,
}

impl Evidence {
    fn is_of(&self, order: &Order) -> bool {
        self.message == order.message && self.receiver == order.receiver
    }
}

/// What an answer of Feishu's has changed, worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// From now on the app is not asked, because of this code and for so long.
    Closed(i64, Duration),
    /// From now on it is.
    Opened,
}

impl Refusals {
    /// Nothing was refused yet.
    pub(super) fn new(quota_interval: Duration) -> Self {
        Self { quota_interval, whole: None, partial: HashMap::new(), heard_until: None }
    }

    /// Whether a forward is worth beginning.
    pub(super) fn check(&self, order: &Order, now: Moment) -> Result<(), ForwardError> {
        match self.refusal_of(order, now) {
            Some((code, until)) => {
                Err(ForwardError::AppRefused { code, retry_after: until.saturating_sub(now) })
            }
            None => Ok(()),
        }
    }

    /// A call is made. Where the time is over, it tries whether the app is still refused, and the others
    /// wait for it.
    pub(super) fn enter(&mut self, now: Moment) {
        if let Some(closed) = &mut self.whole {
            (closed.until, closed.is_trial) = (now + TRIAL, true);
        }
    }

    fn refusal_of(&self, order: &Order, now: Moment) -> Option<(&'static Code, Moment)> {
        if let Some(closed) = self.whole.as_ref().filter(|closed| closed.until > now) {
            return Some((closed.code, closed.until));
        }
        let evidence = self.evidence(order.receiver.kind(), now);
        let same = evidence.clone().find(|it| it.is_of(order));
        let enough =
            || evidence.clone().min_by_key(|it| it.until).filter(|_| evidence.count() >= ENOUGH);
        same.or_else(enough).map(|it| (it.code, it.until))
    }

    fn evidence(
        &self,
        kind: ReceiveIdType,
        now: Moment,
    ) -> impl Iterator<Item = &Evidence> + Clone {
        self.partial.get(&kind).into_iter().flatten().filter(move |it| it.until > now)
    }

    /// Learns from what Feishu said to a forward.
    pub(super) fn answered(
        &mut self,
        order: &Order,
        answer: &Result<Forwarded, CallError>,
        now: Moment,
    ) -> Option<Change> {
        let refused = match answer {
            Ok(_) => return self.got_through(order.receiver.kind()),
            Err(CallError::Refused(refusal)) => codes::find(refusal.code)?,
            Err(_) => return None,
        };
        match refused.reach() {
            Reach::App => self.close(refused, now + self.interval(refused), now),
            Reach::PerhapsApp => self.suspect(refused, order, now),
            Reach::Message => self.got_through(order.receiver.kind()),
            Reach::Nothing => None,
        }
    }

    /// How long nothing is asked after this code.
    pub(super) fn interval(&self, code: &Code) -> Duration {
        match code.problem {
            ProblemKind::MonthlyQuotaExhausted => self.quota_interval,
            _ => self.quota_interval.min(INTERVAL),
        }
    }

    fn close(&mut self, code: &'static Code, until: Moment, now: Moment) -> Option<Change> {
        let was = self.whole.replace(Closed { code, until, is_trial: false });
        let is_new = was.is_none_or(|was| was.code.code != code.code);
        is_new.then(|| Change::Closed(code.code, until.saturating_sub(now)))
    }

    fn suspect(&mut self, code: &'static Code, order: &Order, now: Moment) -> Option<Change> {
        let interval = self.interval(code);
        let all = self.partial.entry(order.receiver.kind()).or_default();
        all.retain(|it| it.until > now && !it.is_of(order));
        if all.len() >= ENOUGH {
            return None;
        }
        let (message, receiver) = (order.message.clone(), order.receiver.clone());
        all.push(Evidence { code, message, receiver, until: now + interval });
        (all.len() == ENOUGH).then_some(Change::Closed(code.code, interval))
    }

    /// Feishu has looked at a message: the app may send to receivers of this type.
    fn got_through(&mut self, kind: ReceiveIdType) -> Option<Change> {
        let partial = self.partial.remove(&kind).is_some_and(|all| all.len() >= ENOUGH);
        // Not where it left before the gate closed.
        let whole = self.whole.take_if(|closed| closed.is_trial).is_some();
        (partial || whole).then_some(Change::Opened)
    }

    /// Another replica has heard that the month's quota is used up, for so long.
    pub(super) fn heard_of_quota(&mut self, time: Duration, now: Moment) {
        let until = now + time.min(self.quota_interval);
        let heard_until = *self.heard_until.get_or_insert(until);
        let is_longer = self.whole.as_ref().is_none_or(|closed| closed.until < until);
        if !time.is_zero() && until > heard_until + SLACK && is_longer {
            self.close(MONTHLY_QUOTA, until, now);
        }
    }

    /// An operator says that the cause is gone, whatever other replicas have heard.
    pub(super) fn forget(&mut self) {
        let quota =
            self.whole.take().filter(|it| it.code.problem == ProblemKind::MonthlyQuotaExhausted);
        self.partial.clear();
        self.heard_until = self.heard_until.max(quota.map(|closed| closed.until));
    }

    /// The codes because of which something is not asked now.
    pub(super) fn closed(&self, now: Moment) -> Vec<(&'static Code, Moment)> {
        let whole = self.whole.iter().filter(|it| it.until > now).map(|it| (it.code, it.until));
        let partial = self.partial.keys().filter_map(|kind| {
            let all = self.evidence(*kind, now);
            let first = all.clone().min_by_key(|it| it.until)?;
            (all.count() >= ENOUGH).then_some((first.code, first.until))
        });
        whole.chain(partial).collect()
    }
}

#[cfg(test)]
mod tests;
