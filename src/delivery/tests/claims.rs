//! What has to be true at the end of every history.

use std::fmt;

use super::callers::{Point, Record, is_unknown};
use super::feishu::{Attempt, Reply};
use super::*;
use crate::model::idempotency_key::IdempotentForward;

/// A history that has ended.
pub(super) struct Tale {
    pub(super) ledger: Vec<Attempt>,
    pub(super) records: Vec<Record>,
}

const HOUR: Duration = Duration::from_hours(1);

impl Tale {
    /// Fails with what is not true, and the whole tale.
    pub(super) fn check(&self, rules: &Rules) -> Result<(), String> {
        let check = || {
            self.limits_hold(rules)?;
            self.refusals_hold()?;
            for attempt in 0..self.ledger.len() {
                self.attempt_is_right(attempt)?;
            }
            self.records.iter().try_for_each(|record| self.record_is_right(record))
        };
        check().map_err(|broken: String| format!("{broken}\n{self}"))
    }

    fn limits_hold(&self, rules: &Rules) -> Result<(), String> {
        let (second, minute) = (Duration::from_secs(1) + GUARD, Duration::from_mins(1) + GUARD);
        for to in 0..FEW {
            let to = receiver(to);
            let is_its = |attempt: &Attempt| attempt.receiver == to.id();
            self.pace_is_kept(to.id(), rules.receiver_per_second, second, is_its)?;
        }
        for app in APPS {
            let is_its = |attempt: &Attempt| attempt.app == app;
            self.pace_is_kept(app, rules.app_per_second, second, is_its)?;
            self.pace_is_kept(app, rules.app_per_minute, minute, is_its)?;
        }
        Ok(())
    }

    /// No span holds more attempts than `most`.
    fn pace_is_kept(
        &self,
        whose: &str,
        most: NonZeroU32,
        span: Duration,
        is_its: impl Fn(&Attempt) -> bool,
    ) -> Result<(), String> {
        let all: Vec<Moment> = self.ledger.iter().filter(|it| is_its(it)).map(|it| it.at).collect();
        let too_many = all
            .windows(most.get() as usize + 1)
            .find(|some| some.last().is_some_and(|last| *last < some[0] + span));
        claim(too_many.is_none(), || format!("more than {most} of {whose} within {span:?}"))
    }

    /// After a refusal nothing goes for a while: by an app whenever it is refused, to a receiver that is
    /// for the first time. (What a later one means depends on whether it was a probe.)
    fn refusals_hold(&self) -> Result<(), String> {
        let mut receivers = HashMap::new();
        for refused in &self.ledger {
            let Some(Reply::Refusal { code, reset }) = refused.said else { continue };
            let from = refused.answered_at();
            if code == 99991400 {
                let until = from + Duration::from_secs(reset.unwrap_or(1));
                self.is_quiet(from, until, |it| it.app == refused.app)?;
            } else if code == 230020 {
                let first = receivers.entry(&refused.receiver).or_insert(from);
                *first = from.min(*first);
            }
        }
        receivers.into_iter().try_for_each(|(receiver, from)| {
            self.is_quiet(from, from + ms(500), |it| it.receiver == *receiver)
        })
    }

    /// No attempt between the two moments.
    fn is_quiet(
        &self,
        from: Moment,
        until: Moment,
        is_its: impl Fn(&Attempt) -> bool,
    ) -> Result<(), String> {
        let loud = self.ledger.iter().any(|it| is_its(it) && from < it.at && it.at < until);
        claim(!loud, || format!("an attempt after a refusal, between {from:?} and {until:?}"))
    }

    fn attempt_is_right(&self, number: usize) -> Result<(), String> {
        let attempt = &self.ledger[number];
        let earlier = &self.ledger[..number];
        let mut same_message = earlier.iter().filter(|it| it.message == attempt.message);
        claim(same_message.all(|it| it.uuid == attempt.uuid), || {
            format!("attempt {number}: another uuid than its forward had before")
        })?;
        claim(self.records.iter().any(|record| record.is_there_at(number, attempt)), || {
            format!("attempt {number}: nobody asks for it")
        })?;
        let own: Vec<&Attempt> = earlier.iter().filter(|it| it.is_of(attempt)).collect();
        // When Feishu says that it has delivered, all that went out before is settled: it was the same `uuid`. A
        // caller that sends the message again means it.
        let told_at = own.iter().filter(|it| it.told.is_some()).map(|it| it.answered_at());
        let settled_at = told_at.filter(|told_at| *told_at <= attempt.at).max();
        let mut unsettled = own.iter().filter(|it| settled_at.is_none_or(|at| at < it.at));
        let first = unsettled.clone().find(|it| it.is_in_doubt());
        claim(first.is_none_or(|first| attempt.at < first.at + HOUR), || {
            format!("attempt {number}: Feishu may have forgotten its first attempt")
        })?;
        claim(attempt.delivered.is_none() || unsettled.all(|it| it.delivered.is_none()), || {
            format!("attempt {number}: delivered twice")
        })?;
        self.key_is_not_spent(number)
    }

    /// While a key is remembered, what was delivered by it is not asked for again.
    fn key_is_not_spent(&self, number: usize) -> Result<(), String> {
        let attempt = &self.ledger[number];
        let Some(named) = self.records.iter().find_map(|it| it.named_as(&attempt.uuid)) else {
            return Ok(());
        };
        let earlier = &self.ledger[..number];
        let told = earlier.iter().rfind(|it| it.uuid == attempt.uuid && it.told.is_some());
        let Some(told) = told else { return Ok(()) };
        claim(attempt.at >= self.remembered_since(named, told.at) + HOUR, || {
            format!("attempt {number}: Feishu had said that it is delivered")
        })
    }

    /// Since when a key is remembered of which Feishu's word came at `told_at`: one of the requests in
    /// the hour before.
    fn remembered_since(&self, named: IdempotentForward, told_at: Moment) -> Moment {
        let with_key = self.records.iter().filter(|it| it.has_key(named)).map(|it| it.begun.at);
        with_key.filter(|at| *at + HOUR + DEADLINE > told_at).min().unwrap_or(told_at)
    }

    fn record_is_right(&self, record: &Record) -> Result<(), String> {
        let Some(report) = &record.told else { return Ok(()) };
        let Record { order, begun, ended, .. } = record;
        let says =
            |what: &str| format!("{} from {:?}: {what}", message_id(&order.forward), begun.at);
        let own: Vec<&Attempt> = self.until(*ended).filter(|it| record.is_asked_by(it)).collect();
        match &report.result {
            Ok(forwarded) => {
                let mut told = own.iter().rev().filter_map(|it| it.told.as_ref());
                // Of several at once each has its own.
                let told = if record.is_chosen() {
                    told.find(|told| **told == forwarded.message_id)
                } else {
                    told.next()
                };
                claim(told == Some(&forwarded.message_id), || says("not the id that Feishu told"))?;
                let delivered = own.iter().any(|it| it.delivered.is_some());
                claim(delivered, || says("not delivered though it is said"))?;
            }
            Err(ForwardError::KeyReused) => {
                claim(self.key_was_reused(record), || says("the key was not reused"))?;
            }
            Err(ForwardError::UuidReused) => {
                claim(self.uuid_was_reused(record), || says("the uuid was not reused"))?;
            }
            Err(_) if is_unknown(report) => {
                let may_be_delivered = own.iter().any(|it| it.is_in_doubt() || it.told.is_some());
                // Of another request that made the same at the time. One that is sent at the very moment of
                // the answer may come into the ledger after it.
                let is_under_way = |it: &Attempt| {
                    let is_meanwhile = begun.at <= it.answered_at() && it.at <= ended.at;
                    is_meanwhile && record.is_asked_by(it)
                };
                let is_at_work = record.is_chosen() && self.ledger.iter().any(is_under_way);
                let may = may_be_delivered || is_at_work || self.was_left(&order.uuid);
                claim(may, || says("unknown, though nothing is in doubt"))?;
            }
            Err(_) => {
                let is_of_this_hour =
                    |it: &&&Attempt| !record.is_chosen() || ended.at < it.at + HOUR;
                let delivered = own.iter().filter(is_of_this_hour).any(|it| it.delivered.is_some());
                let told = own.iter().rfind(|it| it.told.is_some());
                let was_forgotten = order.idempotent.zip(told).is_some_and(|(named, told)| {
                    self.remembered_since(named, told.at) + HOUR <= ended.at
                });
                claim(!delivered || was_forgotten, || {
                    says("delivered, though it is said that it is not")
                })?;
            }
        }
        claim(report.attempts <= MAX_ATTEMPTS.get(), || says("too many attempts"))?;
        if order.idempotent.is_some() || record.is_chosen() {
            // It may have heard others, or waited for them to hang up; or others did the same at the time.
            return Ok(());
        }
        claim(ended.at <= begun.at + DEADLINE, || says("too late"))?;
        let of_this = self.until(*ended).skip(begun.attempts);
        let attempts = of_this.filter(|it| record.is_asked_by(it)).count();
        claim(attempts == report.attempts as usize, || says("attempts are not counted right"))
    }

    /// Whether a caller hung up, so that an attempt could be under way when it asked again.
    fn was_left(&self, uuid: &DedupKey) -> bool {
        self.records.iter().any(|it| it.told.is_none() && it.order.uuid == *uuid)
    }

    /// Whether another forward of the hour before had the `uuid`, of this caller's or to this receiver.
    fn uuid_was_reused(&self, record: &Record) -> bool {
        let Record { order, begun, ended, .. } = record;
        self.records.iter().any(|other| {
            let is_other = other.order.uuid == order.uuid
                && (&other.order.forward, &other.order.receiver)
                    != (&order.forward, &order.receiver);
            let is_in_the_way = other.order.caller.name == order.caller.name
                || other.order.receiver == order.receiver;
            let is_of_this_hour =
                other.begun.at <= ended.at && begun.at < other.ended.at + HOUR + DEADLINE * 4;
            is_other && is_in_the_way && is_of_this_hour
        })
    }

    fn until(&self, point: Point) -> impl Iterator<Item = &Attempt> {
        self.ledger[..point.attempts].iter()
    }

    fn key_was_reused(&self, record: &Record) -> bool {
        let Some(named) = record.order.idempotent else { return false };
        let others = self.records.iter().filter(|other| other.has_key(named));
        others
            .filter(|other| other.order.uuid != record.order.uuid)
            .any(|other| other.begun.at <= record.ended.at)
    }
}

impl Attempt {
    /// Whether they are of one forward, whoever asked for it how often.
    fn is_of(&self, other: &Self) -> bool {
        (&self.uuid, &self.message, &self.receiver)
            == (&other.uuid, &other.message, &other.receiver)
    }

    /// When Feishu's answer comes, if one comes.
    fn answered_at(&self) -> Moment {
        self.at + ms(self.act.latency_ms)
    }

    /// Whether the gateway cannot know what became of it.
    fn is_in_doubt(&self) -> bool {
        !self.said.is_some_and(Reply::is_certain)
    }
}

impl Record {
    /// Whether its caller was there for an attempt.
    fn is_there_at(&self, number: usize, attempt: &Attempt) -> bool {
        let has_begun = self.begun.attempts <= number;
        // One that was about to be made when the caller hung up is made.
        let has_ended = self.ended.attempts <= number && self.ended.at < attempt.at;
        self.is_asked_by(attempt) && has_begun && !has_ended
    }

    /// Whether an attempt is for this, by whichever request.
    fn is_asked_by(&self, attempt: &Attempt) -> bool {
        let ForwardRequest { uuid, forward, receiver, .. } = &*self.order;
        (uuid.as_str(), message_id(forward), receiver.id())
            == (&attempt.uuid, &attempt.message, &attempt.receiver)
    }

    fn is_chosen(&self) -> bool {
        self.order.uuid.as_str().starts_with("chosen")
    }

    fn named_as(&self, uuid: &str) -> Option<IdempotentForward> {
        self.order.idempotent.filter(|_| self.order.uuid.as_str() == uuid)
    }

    fn has_key(&self, named: IdempotentForward) -> bool {
        self.order.idempotent.is_some_and(|own| own.key == named.key)
    }
}

fn claim(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

impl fmt::Display for Tale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Feishu's ledger:")?;
        for (number, Attempt { at, app, message, receiver, act, said, delivered, told, .. }) in
            self.ledger.iter().enumerate()
        {
            write!(f, "{number:4} {at:?} {message} by {app} to {receiver}: {act:?}")?;
            writeln!(f, ", said {said:?}, delivered {delivered:?}, told {told:?}")?;
        }
        writeln!(f, "Callers:")?;
        for Record { order, begun, ended, told } in &self.records {
            write!(f, "     {:?} to {:?} {}: ", begun.at, ended.at, message_id(&order.forward))?;
            match told {
                None => writeln!(f, "hung up")?,
                Some(report) if is_unknown(report) => writeln!(f, "unknown, {:?}", report.result)?,
                Some(report) => writeln!(f, "{:?}", report.result)?,
            }
        }
        Ok(())
    }
}
