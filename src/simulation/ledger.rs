//! Sees everything that happens, and checks the promises with each thing that it sees.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::agenda::Moment;
use super::generate::{DEADLINE, FRUGAL};
use super::history::{Keeps, Repeated, Setup};
use crate::broadcasts::{Broadcast, ReceiverRecord, ReceiverState, State};
use crate::delivery::{ForwardError, ForwardReport, PriorAttempts, SAFE_TO_REPEAT};

use crate::limits::Rules;
use crate::redis::simulated::Event as RedisEvent;

/// What was seen, and what of it breaks a promise.
pub(super) struct Ledger {
    pub(super) now: Moment,
    /// In lines that a person can read.
    pub(super) trace: Vec<String>,
    /// How often what has happened.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// The first promise that was broken.
    pub(super) broken: Option<String>,
    pub(super) calls: Vec<Call>,
    /// Until when a gateway may send beside the others, because it alone does not reach Redis or did not lately.
    pub(super) apart_until: Moment,
    is_shared: bool,
    /// Whether Redis has lost what it knew.
    was_emptied: bool,
    /// When nobody knew last how far a process came.
    unsure_at: Option<Moment>,
    rules: Rules,
    repeated: Repeated,
    /// By message and receiver.
    intents: BTreeMap<(String, String), Intent>,
    sent: BTreeMap<Window, VecDeque<Moment>>,
    broadcasts: BTreeMap<String, SeenBroadcast>,
    /// Each message belongs to one broadcast.
    broadcast_messages: BTreeSet<String>,
}

/// One call for a forward.
pub(super) struct Call {
    pub(super) gateway: usize,
    /// Which process of the gateway made it.
    pub(super) process: u64,
    pub(super) sent: Moment,
    pub(super) app: String,
    pub(super) message: String,
    pub(super) receiver: String,
    pub(super) uuid: String,
    /// Whether the gateway no longer waits for the answer.
    pub(super) is_given_up: bool,
}

/// One message to one receiver, however often it is asked for.
#[derive(Default)]
struct Intent {
    calls: Vec<usize>,
    deliveries: Vec<(Moment, String)>,
    /// When it was asked for last.
    asked: Moment,
    first_asked: Option<Moment>,
    /// Callers were told that no call that was made in these spans delivered it.
    denied: Vec<(Moment, Moment)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Window {
    SentTo(String),
    ArrivedAt(String),
    SecondOf(String),
    MinuteOf(String),
    /// Of a caller, by one process.
    Budget(String, usize, u64),
}

struct SeenBroadcast {
    revision: u64,
    receivers: Vec<ReceiverState>,
    has_ended: bool,
}

impl Ledger {
    pub(super) fn new(rules: Rules, setup: Setup) -> Self {
        Self {
            now: Moment::ZERO,
            trace: Vec::new(),
            counts: BTreeMap::new(),
            broken: None,
            calls: Vec::new(),
            apart_until: Moment::ZERO,
            is_shared: setup.keeps == Keeps::Redis,
            was_emptied: false,
            unsure_at: None,
            rules,
            repeated: setup.repeated,
            intents: BTreeMap::new(),
            sent: BTreeMap::new(),
            broadcasts: BTreeMap::new(),
            broadcast_messages: BTreeSet::new(),
        }
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(super) fn note(&mut self, line: impl AsRef<str>) {
        self.trace.push(format!("{:>12.6} s  {}", self.now.as_secs_f64(), line.as_ref()));
    }

    pub(super) fn break_promise(&mut self, promise: &str) {
        self.note(format!("BROKEN: {promise}"));
        self.broken.get_or_insert_with(|| promise.to_owned());
    }

    /// A caller asks for a forward.
    pub(super) fn asked(&mut self, message: &str, receiver: &str) {
        let now = self.now;
        let intent = self.intent(message, receiver);
        intent.asked = now;
        intent.first_asked.get_or_insert(now);
    }

    /// A gateway makes a call. One without a connection takes nothing of any limit.
    pub(super) fn called(&mut self, call: Call, is_connected: bool) -> usize {
        let Call { gateway, process, app, message, receiver, uuid, .. } = &call;
        self.count("calls");
        let (place, window) = (self.calls.len(), Duration::from_secs(1) + self.rules.guard);
        let minute = Duration::from_mins(1) + self.rules.guard;
        self.note(format!("gateway {gateway} calls ({place}): {message} to {receiver}, {uuid}"));
        if is_connected {
            let rules = self.rules;
            let (receiver, app, message) = (receiver.clone(), app.clone(), message.clone());
            let (gateway, process) = (*gateway, *process);
            let per_receiver = rules.receiver_per_second.get();
            self.within(&Window::SentTo(receiver), per_receiver, window);
            self.within(&Window::SecondOf(app.clone()), rules.app_per_second.get(), window);
            self.within(&Window::MinuteOf(app), rules.app_per_minute.get(), minute);
            if message.starts_with(&format!("om_{}_", FRUGAL.0)) {
                let budget = Window::Budget("frugal".to_owned(), gateway, process);
                self.within(&budget, FRUGAL.1, Duration::from_mins(1));
            }
        }
        let intent = self.intent(&call.message, &call.receiver);
        intent.calls.push(place);
        let is_late = intent.first_asked.is_some() && intent.asked + DEADLINE < call.sent;
        if is_late {
            self.break_promise(&format!("({place}) is made when its time is over"));
        }
        self.calls.push(call);
        place
    }

    /// A call has reached Feishu. Those that the gateway has given up are no longer counted by it.
    pub(super) fn arrived(&mut self, call: usize, is_of_living: bool) {
        let Call { is_given_up, receiver, sent, .. } = &self.calls[call];
        // After so long, another replica may no longer know of it when Redis was emptied meanwhile.
        let is_late = self.is_shared && *sent + Duration::from_secs(2) <= self.now;
        if !is_late && !is_given_up && is_of_living {
            let window = Window::ArrivedAt(receiver.clone());
            self.within(&window, self.rules.receiver_per_second.get(), Duration::from_secs(1));
        }
    }

    fn within(&mut self, window: &Window, most: u32, span: Duration) {
        let now = self.now;
        let sent = self.sent.entry(window.clone()).or_default();
        while sent.front().is_some_and(|first| *first + span <= now) {
            sent.pop_front();
        }
        sent.push_back(now);
        let count = sent.len();
        // One that is alone has its share, and so has each other one that is.
        let most = if now < self.apart_until { most * 2 } else { most };
        if count > most as usize {
            self.break_promise(&format!(
                "{count} calls within {span:?}, {most} allowed: {window:?}"
            ));
        }
    }

    /// Feishu has delivered a message.
    pub(super) fn delivered(&mut self, call: usize, id: &str) {
        self.count("deliveries");
        self.note(format!("Feishu delivers ({call}) as {id}"));
        let Call { message, receiver, sent, .. } = &self.calls[call];
        let (message, receiver, sent, now) = (message.clone(), receiver.clone(), *sent, self.now);
        let intent = self.intent(&message, &receiver);
        let first = intent.deliveries.first().map(|(at, _)| *at);
        let first_sent = intent.calls.first().copied();
        intent.deliveries.push((now, id.to_owned()));
        let (asked, denied) = (intent.asked, intent.denied.clone());
        if let (Some(_), Some(first_call)) = (first, first_sent) {
            let safe_until = self.calls[first_call].sent + SAFE_TO_REPEAT;
            if asked < safe_until {
                self.break_promise(&format!("{message} was delivered twice to {receiver}"));
            }
        }
        if denied.iter().any(|(since, until)| (*since..*until).contains(&sent)) {
            self.break_promise(&format!(
                "{message} is delivered to {receiver} after its caller was told that it is not"
            ));
        }
    }

    /// A caller has an answer. `wall` is its gateway's.
    pub(super) fn answered(
        &mut self,
        (message, receiver): (&str, &str),
        report: &ForwardReport,
        wall: Timestamp,
    ) {
        let now = self.now;
        let result = match &report.result {
            Ok(forwarded) => format!("delivered as {}", forwarded.message_id),
            Err(error) => format!("{error}; {:?}", report.prior_attempts),
        };
        self.note(format!("answer on {message} to {receiver}: {result}"));
        if matches!(report.result, Err(ForwardError::KeyReused)) {
            // It speaks of a caller's mistake, and of no forward.
            return self.count("answers: key reused");
        }
        if let Ok(forwarded) = &report.result {
            self.count("answers: delivered");
            let id = forwarded.message_id.clone();
            return self.must_be_delivered(message, receiver, &id);
        }
        let since = match report.prior_attempts {
            PriorAttempts::NotSent => Moment::ZERO,
            PriorAttempts::NotSentSince(time) => {
                let age = Duration::try_from(wall.duration_since(time)).unwrap_or_default();
                now.saturating_sub(age)
            }
            // The others may know more: Redis is new, was emptied or cannot be asked.
            PriorAttempts::Unconfirmed(_) if self.is_shared => {
                return self.count("answers: unconfirmed");
            }
            _ => {
                self.count("answers: unknown");
                return self.must_have_been_called(message, receiver);
            }
        };
        self.count("answers: not delivered");
        self.deny(message, receiver, since);
    }

    /// A process has ended or stood still, or Redis may not know for so long: nobody knows how far requests came.
    pub(super) fn nobody_knows_for(&mut self, time: Duration) {
        self.unsure_at = self.unsure_at.max(Some(self.now + time));
    }

    /// Something happens to Redis, of which the gateways write down within 10 s what they know.
    pub(super) fn redis_suffers(&mut self, event: RedisEvent) {
        self.was_emptied |= event == RedisEvent::Emptied;
        self.nobody_knows_for(Duration::from_secs(10));
        self.count("Redis: events");
        self.note(format!("Redis: {event:?}"));
    }

    fn must_be_delivered(&mut self, message: &str, receiver: &str, id: &str) {
        let repeated = self.repeated;
        let deliveries = &self.intent(message, receiver).deliveries;
        let is_there = match repeated {
            Repeated::AnotherId => !deliveries.is_empty(),
            _ => deliveries.iter().any(|(_, known)| known == id),
        };
        if !is_there {
            self.break_promise(&format!("{message} to {receiver} is said to be delivered as {id}"));
        }
    }

    fn must_have_been_called(&mut self, message: &str, receiver: &str) {
        let intent = self.intent(message, receiver);
        let (first_asked, is_called) = (intent.first_asked, !intent.calls.is_empty());
        let may_be_called = self.unsure_at.is_some_and(|it| Some(it) >= first_asked);
        if !is_called && !may_be_called {
            self.break_promise(&format!(
                "whether {message} was delivered to {receiver} is said to be unknown, and nothing was sent"
            ));
        }
    }

    /// Somebody is told that no call since then delivered it.
    fn deny(&mut self, message: &str, receiver: &str, since: Moment) {
        let now = self.now;
        let recently = now.saturating_sub(SAFE_TO_REPEAT).max(since);
        let intent = self.intent(message, receiver);
        intent.denied.push((since, now));
        let calls = intent.calls.clone();
        let is_delivered = intent.deliveries.iter().any(|(at, _)| *at >= recently)
            // By a call since then.
            && calls.iter().any(|call| self.calls[*call].sent >= recently);
        if is_delivered {
            self.break_promise(&format!("{message} to {receiver} is said not to be delivered"));
        }
    }

    /// Nobody finds a broadcast that was accepted. One that was forgotten with everything in Redis is not lost by us.
    pub(super) fn broadcast_is_lost(&mut self, id: &str) {
        let seen = self.broadcasts.remove(id);
        if !self.was_emptied && seen.is_some() {
            self.break_promise(&format!("{id} was accepted and is not known"));
        }
    }

    /// A broadcast was accepted.
    pub(super) fn accepted(&mut self, broadcast: &Broadcast) {
        let id = broadcast.id.as_str();
        if !self.broadcasts.contains_key(id) {
            self.count("broadcasts");
            let message = broadcast.message.as_str();
            if self.was_emptied {
                // Redis has forgotten the one before it, if there was one.
                self.intents.retain(|(of, _), _| of != message);
            } else if self.broadcast_messages.contains(message) {
                self.break_promise(&format!("{message} was accepted twice"));
            }
            self.broadcast_messages.insert(message.to_owned());
            let receivers = vec![ReceiverState::Pending; broadcast.total as usize];
            let seen = SeenBroadcast { revision: 0, receivers, has_ended: false };
            self.broadcasts.insert(id.to_owned(), seen);
        }
    }

    /// Somebody has read a broadcast and all of its receivers.
    pub(super) fn read(&mut self, broadcast: &Broadcast, receivers: &[ReceiverRecord]) {
        let id = broadcast.id.as_str().to_owned();
        let message = broadcast.message.as_str();
        let Some(mut seen) = self.broadcasts.remove(&id) else { return };
        if broadcast.revision < seen.revision {
            self.break_promise(&format!("the revision of {id} went back"));
        }
        seen.revision = broadcast.revision;
        if receivers.len() != seen.receivers.len() {
            self.break_promise(&format!("{id} has lost receivers"));
        }
        for (record, before) in receivers.iter().zip(&mut seen.receivers) {
            let (state, receiver) = (record.state, record.receiver.id());
            if before.is_final() && *before != state {
                self.break_promise(&format!("{receiver} of {id} was {before:?} and is {state:?}"));
            }
            if !before.is_final() && state.is_final() {
                self.settled(message, record);
            }
            *before = state;
        }
        let was_canceled = broadcast.state == State::Canceled;
        if was_canceled && seen.receivers.contains(&ReceiverState::Pending) {
            self.break_promise(&format!("{id} is canceled and has pending receivers"));
        }
        seen.has_ended = broadcast.finished_at.is_some();
        self.broadcasts.insert(id, seen);
    }

    /// A receiver has a final state.
    fn settled(&mut self, message: &str, record: &ReceiverRecord) {
        let (state, receiver) = (record.state, record.receiver.id());
        self.note(format!("{message} to {receiver} is {}", state.as_str()));
        match state {
            ReceiverState::Delivered => {
                self.count("receivers: delivered");
                let id = record.message_id.as_deref().unwrap_or_default();
                self.must_be_delivered(message, receiver, id);
            }
            ReceiverState::Unknown => {
                self.count("receivers: unknown");
                self.must_have_been_called(message, receiver);
            }
            ReceiverState::NotDelivered | ReceiverState::Canceled | ReceiverState::Expired => {
                self.count("receivers: not delivered");
                self.deny(message, receiver, Moment::ZERO);
                // Not later either.
                let denied = &mut self.intent(message, receiver).denied;
                denied.push((Moment::ZERO, Moment::MAX));
            }
            ReceiverState::Pending | ReceiverState::InDoubt => {}
        }
    }

    /// Whether a message was delivered.
    pub(super) fn is_delivered(&self, message: &str, receiver: &str) -> bool {
        let intent = self.intents.get(&(message.to_owned(), receiver.to_owned()));
        intent.is_some_and(|it| !it.deliveries.is_empty())
    }

    /// Whether all accepted broadcasts have ended.
    pub(super) fn all_have_ended(&self) -> bool {
        self.broadcasts.values().all(|it| it.has_ended)
    }

    fn intent(&mut self, message: &str, receiver: &str) -> &mut Intent {
        self.intents.entry((message.to_owned(), receiver.to_owned())).or_default()
    }
}
