//! What became of each message to each receiver, and what callers were told of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::agenda::Moment;
use super::super::generate::DEADLINE;
use super::super::history::Repeated;
use crate::delivery::SAFE_TO_REPEAT;

/// How long Feishu recognises a `uuid`.
const HOUR: Duration = Duration::from_hours(1);

/// How long a gateway remembers that it does not know what became of a forward.
const DAY: Duration = Duration::from_hours(24);

/// All messages to all receivers.
pub(in crate::simulation) struct Outcomes {
    repeated: Repeated,
    /// By message and receiver.
    intents: BTreeMap<(String, String), Intent>,
    /// When nobody knew last how far a process came.
    unsure_at: Option<Moment>,
    /// Until when a gateway cannot write down what it sends.
    unwritten: BTreeMap<usize, Moment>,
}

/// One message to one receiver, however often it is asked for.
#[derive(Default)]
struct Intent {
    /// When calls were made.
    sent: Vec<Moment>,
    deliveries: Vec<(Moment, String)>,
    /// When it was asked for last.
    asked: Moment,
    first_asked: Option<Moment>,
    /// Whether a caller has hung up.
    was_left: bool,
    /// Whether a gateway has heard of its delivery.
    is_heard: bool,
    /// Nobody knows any more what became of calls until then.
    lost_at: Moment,
    /// Whether Redis may have forgotten what became of it. Only of broadcasts.
    may_be_as_before: bool,
    /// Callers were told that no call that was made in these spans delivered it.
    denied: Vec<(Moment, Moment)>,
}

impl Outcomes {
    pub(super) fn new(repeated: Repeated) -> Self {
        Self { repeated, intents: BTreeMap::new(), unsure_at: None, unwritten: BTreeMap::new() }
    }

    /// A caller asks for a forward.
    pub(super) fn asked(&mut self, message: &str, receiver: &str, now: Moment) {
        let intent = self.intent(message, receiver);
        intent.asked = now;
        intent.first_asked.get_or_insert(now);
    }

    /// A gateway makes a call.
    pub(super) fn called(
        &mut self,
        gateway: usize,
        message: &str,
        receiver: &str,
        now: Moment,
    ) -> Result<(), String> {
        let unwritten = self.unwritten.get(&gateway).filter(|until| **until > now).copied();
        let intent = self.intent(message, receiver);
        intent.sent.push(now);
        intent.lost_at = intent.lost_at.max(unwritten.unwrap_or_default());
        let is_late = intent.first_asked.is_some() && intent.asked + DEADLINE < now;
        if is_late { Err("a call is made when its time is over".to_owned()) } else { Ok(()) }
    }

    /// Feishu has delivered a message, by a call that was sent then.
    pub(super) fn delivered(
        &mut self,
        (message, receiver): (&str, &str),
        id: &str,
        sent: Moment,
        now: Moment,
    ) -> Result<(), String> {
        let unsure_at = self.unsure_at;
        let intent = self.intent(message, receiver);
        let is_first = intent.deliveries.is_empty();
        intent.deliveries.push((now, id.to_owned()));
        let is_safe = intent.sent.first().is_some_and(|it| {
            // What is in doubt is not sent again for a day, by a gateway that knows of it.
            let is_known_doubt = !intent.is_heard && unsure_at < Some(*it);
            intent.asked < *it + SAFE_TO_REPEAT || is_known_doubt && now < *it + DAY
        });
        let is_granted = intent.may_be_as_before
            && intent.deliveries.first().is_some_and(|(at, _)| *at + HOUR <= now);
        if !is_first && is_safe && !is_granted {
            return Err(format!("{message} was delivered twice to {receiver}"));
        }
        if intent.denied.iter().any(|(since, until)| (*since..*until).contains(&sent)) {
            return Err(format!(
                "{message} is delivered to {receiver} after its caller was told that it is not"
            ));
        }
        Ok(())
    }

    /// A gateway cannot write down what it sends until then.
    pub(super) fn cannot_write_until(&mut self, gateway: usize, time: Moment) {
        let until = self.unwritten.entry(gateway).or_default();
        *until = time.max(*until);
    }

    /// Nobody knows any more what became of the calls until now.
    pub(super) fn lose(&mut self, message: &str, receiver: &str, now: Moment) {
        let lost_at = &mut self.intent(message, receiver).lost_at;
        *lost_at = now.max(*lost_at);
    }

    /// A gateway hears of a delivery.
    pub(super) fn heard_of_delivery(&mut self, message: &str, receiver: &str) {
        self.intent(message, receiver).is_heard = true;
    }

    /// A caller hangs up.
    pub(in crate::simulation) fn left(&mut self, message: &str, receiver: &str) {
        self.intent(message, receiver).was_left = true;
    }

    /// Whether a gateway that made a call then, and has no answer, keeps the others from calling. If its caller hung up, nobody
    /// waits for the answer.
    pub(super) fn is_led(&mut self, message: &str, receiver: &str, since: Moment) -> bool {
        let unsure_at = self.unsure_at;
        let intent = self.intent(message, receiver);
        // What a process had claimed of a broadcast when it stood still, another one may have taken over.
        let is_asked_for = intent.first_asked.is_some();
        is_asked_for && unsure_at < Some(since) && !intent.was_left
    }

    /// Until then nobody knows how far requests came.
    pub(super) fn nobody_knows_until(&mut self, time: Moment) {
        self.unsure_at = self.unsure_at.max(Some(time));
    }

    /// Somebody is told that it is delivered under this id.
    pub(super) fn must_be_delivered(
        &mut self,
        message: &str,
        receiver: &str,
        id: &str,
    ) -> Result<(), String> {
        let repeated = self.repeated;
        let deliveries = &self.intent(message, receiver).deliveries;
        let is_there = match repeated {
            Repeated::AnotherId => !deliveries.is_empty(),
            _ => deliveries.iter().any(|(_, known)| known == id),
        };
        if is_there {
            return Ok(());
        }
        Err(format!("{message} to {receiver} is said to be delivered as {id}"))
    }

    /// Somebody is told that nobody knows whether it is delivered.
    pub(super) fn must_have_been_called(
        &mut self,
        message: &str,
        receiver: &str,
    ) -> Result<(), String> {
        if !self.intent(message, receiver).sent.is_empty() || self.is_unsure(message, receiver) {
            return Ok(());
        }
        Err(format!(
            "whether {message} was delivered to {receiver} is said to be unknown, and nothing was sent"
        ))
    }

    /// Whether nobody knew how far requests came since it was asked for first.
    pub(super) fn is_unsure(&mut self, message: &str, receiver: &str) -> bool {
        let unsure_at = self.unsure_at;
        let first_asked = self.intent(message, receiver).first_asked;
        unsure_at.is_some_and(|it| Some(it) >= first_asked)
    }

    /// Somebody is told that no call since then delivered it.
    pub(super) fn deny(
        &mut self,
        (message, receiver): (&str, &str),
        since: Moment,
        now: Moment,
    ) -> Result<(), String> {
        let intent = self.intent(message, receiver);
        let recently = now.saturating_sub(SAFE_TO_REPEAT).max(since).max(intent.lost_at);
        intent.denied.push((since, now));
        let is_delivered = intent.deliveries.iter().any(|(at, _)| *at >= recently)
            // By a call since then.
            && intent.sent.iter().any(|at| *at >= recently);
        if is_delivered {
            return Err(format!("{message} to {receiver} is said not to be delivered"));
        }
        Ok(())
    }

    /// It was never delivered and never will be, as somebody is told.
    pub(super) fn deny_for_ever(
        &mut self,
        message: &str,
        receiver: &str,
        now: Moment,
    ) -> Result<(), String> {
        self.deny((message, receiver), Moment::ZERO, now)?;
        self.intent(message, receiver).denied.push((Moment::ZERO, Moment::MAX));
        Ok(())
    }

    /// Redis may have forgotten what became of the receivers of broadcasts. Within an hour Feishu recognises their
    /// `uuid`s, later nobody does.
    pub(super) fn broadcasts_may_be_as_before(&mut self) {
        for intent in self.intents.values_mut().filter(|it| it.first_asked.is_none()) {
            intent.may_be_as_before = true;
            intent.denied.clear();
        }
    }

    /// A message is sent anew, because Redis has forgotten what became of it.
    pub(super) fn forget(&mut self, message: &str) {
        self.intents.retain(|(of, _), _| of != message);
    }

    pub(in crate::simulation) fn is_delivered(&self, message: &str, receiver: &str) -> bool {
        let intent = self.intents.get(&(message.to_owned(), receiver.to_owned()));
        intent.is_some_and(|it| !it.deliveries.is_empty())
    }

    fn intent(&mut self, message: &str, receiver: &str) -> &mut Intent {
        self.intents.entry((message.to_owned(), receiver.to_owned())).or_default()
    }
}
