//! Refusals of the app itself. Feishu would refuse the next forward alike, and each call costs quota, so the app
//! makes no calls for a while.
//!
//! One refusal is enough if its code cannot depend on what is forwarded. A missing permission can: it may be
//! needed for one type of receiver, or for messages of another chat. So three different forwards in a row have
//! to meet it, and then receivers of that type are blocked. A repetition of a refused forward is closed at once.

use std::collections::HashMap;
use std::time::Duration;

use super::error::ForwardError;
use super::request::ForwardRequest;
use crate::clock::Moment;
use crate::feishu::codes::{self, Code, MONTHLY_QUOTA, Reach};
use crate::feishu::error::{CallError, Forwarded};
use crate::model::forward::Forward;
use crate::model::problem_kind::ProblemKind;
use crate::model::receiver::{ReceiveIdType, Receiver};

/// How long no call is made after a refusal. A monthly quota has a longer interval.
const INTERVAL: Duration = Duration::from_mins(5);
/// How long other forwards wait for the probe of a closed app.
const PROBE_TIME: Duration = Duration::from_secs(10);
/// How many different forwards have to meet a missing permission.
const ENOUGH: usize = 3;
/// Reports of one quota may differ by this in their ends, because each is measured when it arrives. A report that ends
/// so little after a cleared one is the cleared one.
const SLACK: Duration = Duration::from_secs(1);

/// The refusals of one app.
#[derive(Debug)]
pub(super) struct AppRefusals {
    /// How long a used-up monthly quota closes the app. No other refusal closes it for longer.
    quota_interval: Duration,
    whole: Option<BlockedApp>,
    partial: HashMap<ReceiveIdType, Vec<Evidence>>,
    /// Other replicas' reports of a used-up monthly quota count if they last longer than this. The first report only
    /// sets it, because it may be older than this process.
    heard_until: Option<Moment>,
}

#[derive(Debug)]
struct BlockedApp {
    code: &'static Code,
    until: Moment,
    /// Whether a probe is under way.
    is_probe: bool,
}

/// A forward that was refused for a reason that may concern the whole app.
#[derive(Debug)]
struct Evidence {
    code: &'static Code,
    forward: Forward,
    receiver: Receiver,
    until: Moment,
}

impl Evidence {
    fn is_of(&self, request: &ForwardRequest) -> bool {
        self.forward == request.forward && self.receiver == request.receiver
    }
}

/// What an answer of Feishu's has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusalChange {
    /// The app makes no calls from now on, because of this code and for this time.
    Blocked(i64, Duration),
    /// The app makes calls again.
    Unblocked,
}

impl AppRefusals {
    /// Nothing was refused yet.
    pub(super) fn new(quota_interval: Duration) -> Self {
        Self { quota_interval, whole: None, partial: HashMap::new(), heard_until: None }
    }

    /// Whether a forward is worth beginning.
    pub(super) fn check(&self, request: &ForwardRequest, now: Moment) -> Result<(), ForwardError> {
        match self.refusal_of(request, now) {
            Some((code, until)) => {
                Err(ForwardError::AppRefused { code, retry_after: until.saturating_sub(now) })
            }
            None => Ok(()),
        }
    }

    /// A call is made. If the app was closed, the call is a probe, and other forwards wait for its answer.
    pub(super) fn enter(&mut self, now: Moment) {
        if let Some(blocked) = &mut self.whole {
            (blocked.until, blocked.is_probe) = (now + PROBE_TIME, true);
        }
    }

    fn refusal_of(&self, request: &ForwardRequest, now: Moment) -> Option<(&'static Code, Moment)> {
        if let Some(blocked) = self.whole.as_ref().filter(|blocked| blocked.until > now) {
            return Some((blocked.code, blocked.until));
        }
        let evidence = self.evidence(request.receiver.kind(), now);
        let same = evidence.clone().find(|it| it.is_of(request));
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

    /// Learns from Feishu's answer to a forward.
    pub(super) fn answered(
        &mut self,
        request: &ForwardRequest,
        answer: &Result<Forwarded, CallError>,
        now: Moment,
    ) -> Option<RefusalChange> {
        let refused = match answer {
            Ok(_) => return self.got_through(request.receiver.kind()),
            Err(CallError::Refused(refusal)) => codes::find(refusal.code),
            Err(_) => None,
        };
        match refused.map(|code| (code, code.reach())) {
            Some((code, Reach::App)) => self.block(code, now + self.interval(code), now),
            Some((code, Reach::PerhapsApp)) => self.suspect(code, request, now),
            Some((_, Reach::Message)) => self.got_through(request.receiver.kind()),
            Some((_, Reach::Nothing)) | None => {
                self.probe_shows_nothing(now);
                None
            }
        }
    }

    /// The next call is a probe again, such as the next attempt of the forward that has probed. Its token may have been
    /// rejected, or its connection dead.
    fn probe_shows_nothing(&mut self, now: Moment) {
        if let Some(blocked) = self.whole.as_mut().filter(|it| it.is_probe) {
            blocked.until = now;
        }
    }

    /// How long no call is made after this code.
    pub(super) fn interval(&self, code: &Code) -> Duration {
        match code.problem {
            ProblemKind::MonthlyQuotaExhausted => self.quota_interval,
            _ => self.quota_interval.min(INTERVAL),
        }
    }

    fn block(&mut self, code: &'static Code, until: Moment, now: Moment) -> Option<RefusalChange> {
        let was = self.whole.replace(BlockedApp { code, until, is_probe: false });
        let is_new = was.is_none_or(|was| was.code.code != code.code);
        is_new.then(|| RefusalChange::Blocked(code.code, until.saturating_sub(now)))
    }

    fn suspect(
        &mut self,
        code: &'static Code,
        request: &ForwardRequest,
        now: Moment,
    ) -> Option<RefusalChange> {
        let interval = self.interval(code);
        let all = self.partial.entry(request.receiver.kind()).or_default();
        all.retain(|it| it.until > now && !it.is_of(request));
        if all.len() >= ENOUGH {
            return None;
        }
        let (forward, receiver) = (request.forward.clone(), request.receiver.clone());
        all.push(Evidence { code, forward, receiver, until: now + interval });
        (all.len() == ENOUGH).then_some(RefusalChange::Blocked(code.code, interval))
    }

    /// Feishu has examined a message, so the app may send to receivers of this type.
    fn got_through(&mut self, kind: ReceiveIdType) -> Option<RefusalChange> {
        let partial = self.partial.remove(&kind).is_some_and(|all| all.len() >= ENOUGH);
        // Only by a probe: another call may have left before the app was blocked.
        let whole = self.whole.take_if(|blocked| blocked.is_probe).is_some();
        (partial || whole).then_some(RefusalChange::Unblocked)
    }

    /// Another replica reports that the monthly quota is used up, for this time.
    pub(super) fn heard_of_quota(&mut self, time: Duration, now: Moment) {
        let until = now + time.min(self.quota_interval);
        let heard_until = *self.heard_until.get_or_insert(until);
        let is_longer = self.whole.as_ref().is_none_or(|blocked| blocked.until < until);
        if !time.is_zero() && until > heard_until + SLACK && is_longer {
            self.block(MONTHLY_QUOTA, until, now);
        }
    }

    /// Forgets all refusals, because an operator has removed the cause, whatever other replicas report.
    pub(super) fn forget(&mut self) {
        let quota =
            self.whole.take().filter(|it| it.code.problem == ProblemKind::MonthlyQuotaExhausted);
        self.partial.clear();
        self.heard_until = self.heard_until.max(quota.map(|blocked| blocked.until));
    }

    /// The codes because of which calls are not made now, and until when.
    pub(super) fn blocked(&self, now: Moment) -> Vec<(&'static Code, Moment)> {
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
