//! Sees everything that happens, and checks the promises with each thing that it sees.

mod calls;
mod fairness;
mod outcomes;
mod redis_trouble;
mod refusals;
mod seen_broadcasts;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use self::calls::Calls;
use self::fairness::Fairness;
use self::outcomes::Outcomes;
use self::redis_trouble::RedisTrouble;
use self::refusals::Refusals;
use self::seen_broadcasts::{Acceptance, SeenBroadcasts};
use self::windows::{Window, Windows};
use super::agenda::Moment;
use super::answers::Heard;
use super::generate::FRUGAL;
use super::history::{Keeps, Setup};
use super::process::ATTEMPT_TIMEOUT;
use crate::broadcasts::{Broadcast, ReceiverRecord, ReceiverState};
use crate::delivery::{ForwardError, ForwardReport, PriorAttempts};
use crate::limits::Rules;
use crate::redis::simulated::Event as RedisEvent;

pub(super) use self::calls::{Call, Flow};
pub(super) use self::fairness::Waiter;
pub(super) use self::refusals::QUOTA_INTERVAL;

/// How long the gateways take to write down what they know in a Redis that may not know it: 10 s after the first one
/// has noticed.
const WRITTEN_DOWN: Duration = Duration::from_secs(10 + redis_trouble::NOTICED.as_secs());
/// How long nothing is sent at most while somebody waits, and no limit is in the way. Longer than a window.
const IDLE: Duration = Duration::from_secs(2);

/// What was seen, and what of it breaks a promise.
pub(super) struct Ledger {
    pub(super) now: Moment,
    /// In lines that a person can read.
    pub(super) trace: Vec<String>,
    /// How often what has happened.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// The first promise that was broken.
    pub(super) broken: Option<String>,
    pub(super) calls: Calls,
    redis: RedisTrouble,
    rules: Rules,
    windows: Windows,
    pub(super) outcomes: Outcomes,
    refusals: Refusals,
    fairness: Fairness,
    /// When a forward to a receiver was answered last, unless it had no turn.
    had_other_answer: BTreeMap<String, Moment>,
    /// The callers that have broadcasts.
    broadcasters: BTreeSet<usize>,
    broadcasts: SeenBroadcasts,
}

impl Ledger {
    pub(super) fn new(rules: Rules, setup: Setup) -> Self {
        let is_shared = setup.keeps == Keeps::Redis;
        Self {
            now: Moment::ZERO,
            trace: Vec::new(),
            counts: BTreeMap::new(),
            broken: None,
            calls: Calls::default(),
            redis: RedisTrouble::new(setup.gateways, is_shared),
            rules,
            windows: Windows::default(),
            outcomes: Outcomes::new(setup.repeated),
            refusals: Refusals::new(is_shared),
            fairness: Fairness::default(),
            had_other_answer: BTreeMap::new(),
            broadcasters: BTreeSet::new(),
            broadcasts: SeenBroadcasts::default(),
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

    fn must(&mut self, kept: Result<(), String>) {
        if let Err(promise) = kept {
            self.break_promise(&promise);
        }
    }

    /// A caller asks for a forward.
    pub(super) fn asked(&mut self, message: &str, receiver: &str) {
        self.outcomes.asked(message, receiver, self.now);
    }

    /// A gateway makes a call. One without a connection takes nothing of any limit. Returns its place.
    pub(super) fn called(&mut self, call: Call, is_connected: bool) -> usize {
        let Call { gateway, process, app, message, receiver, uuid, .. } = &call;
        self.count("calls");
        let (place, window) = (self.calls.all.len(), Duration::from_secs(1) + self.rules.guard);
        let minute = Duration::from_mins(1) + self.rules.guard;
        self.note(format!("gateway {gateway} calls ({place}): {message} to {receiver}, {uuid}"));
        if is_connected {
            let rules = self.rules;
            let to_receiver = Window::SentTo(receiver.clone());
            self.within(&to_receiver, rules.receiver_per_second.get(), window);
            self.within(&Window::SecondOf(app.clone()), rules.app_per_second.get(), window);
            self.within(&Window::MinuteOf(app.clone()), rules.app_per_minute.get(), minute);
            if message.starts_with(&format!("om_{}_", FRUGAL.0)) {
                let budget = Window::Budget("frugal".to_owned(), *gateway, *process);
                self.within(&budget, FRUGAL.1, Duration::from_mins(1));
            }
        }
        let in_time = self.outcomes.called(*gateway, message, receiver, self.now);
        self.must(in_time);
        self.must_be_alone(&call);
        let allowed = self.refusals.called(place, &call);
        self.must(allowed);
        self.fairness.called(&call);
        self.calls.add(call);
        place
    }

    /// While a gateway forwards, another one waits for its answer.
    fn must_be_alone(&mut self, call: &Call) {
        let Call { message, receiver, .. } = call;
        if self.calls.elsewhere(call).is_some_and(|it| self.outcomes.is_led(message, receiver, it))
        {
            self.break_promise(&format!("two gateways forward {message} to {receiver}"));
        }
    }

    /// A call has reached Feishu. Those that the gateway has given up are no longer counted by it.
    pub(super) fn arrived(&mut self, call: usize, is_of_living: bool) {
        let Call { gateway, process, is_given_up, receiver, sent, .. } = &self.calls.all[call];
        // A gateway that stands still gives nothing up.
        if *is_given_up || *sent + ATTEMPT_TIMEOUT < self.now || !is_of_living {
            return;
        }
        let is_forgotten = self.redis.may_have_forgotten(*sent, self.now);
        let own = Window::ArrivedFrom(*gateway, *process, receiver.clone());
        let all = (!is_forgotten).then(|| Window::ArrivedAt(receiver.clone()));
        for window in all.into_iter().chain([own]) {
            self.within(&window, self.rules.receiver_per_second.get(), Duration::from_secs(1));
        }
    }

    fn within(&mut self, window: &Window, most: u32, span: Duration) {
        let most = self.redis.allowed(most, span, self.now);
        let kept = self.windows.count(window, most, span, self.now);
        self.must(kept);
    }

    /// A caller asks for a broadcast.
    pub(super) fn asked_for_broadcast(&mut self, caller: usize) {
        self.broadcasters.insert(caller);
    }

    /// These callers wait now at a process of a gateway, and of these it is known for what.
    pub(super) fn wait(&mut self, place: (usize, u64), waiters: Vec<Waiter>, waiting: &[usize]) {
        let is_at_app = |receiver: &str| self.calls.are_past(receiver, self.now);
        // What is sent for a broadcast is not seen until it is sent.
        let waiters = waiters.into_iter().filter(|it| !self.broadcasters.contains(&it.caller));
        let waiters = waiters.map(|it| (is_at_app(&it.receiver), it)).map(|(is, it)| (it, is));
        let fair = self.fairness.wait(place, waiters.collect(), waiting);
        self.must(fair);
    }

    /// Feishu has delivered a message.
    pub(super) fn delivered(&mut self, call: usize, id: &str) {
        self.count("deliveries");
        self.note(format!("Feishu delivers ({call}) as {id}"));
        let Call { message, receiver, sent, .. } = &self.calls.all[call];
        let kept = self.outcomes.delivered((message, receiver), id, *sent, self.now);
        self.must(kept);
    }

    /// A gateway hears what became of a call.
    pub(super) fn heard(&mut self, call: usize, heard: &Heard) {
        self.calls.all[call].ended_at = Some(self.now);
        if matches!(heard, Heard::Accepted) {
            let Call { message, receiver, .. } = &self.calls.all[call];
            self.outcomes.heard_of_delivery(message, receiver);
        }
        self.refusals.heard(call, &self.calls.all[call], heard, self.now);
    }

    /// A caller has an answer. `wall` is its gateway's.
    pub(super) fn answered(
        &mut self,
        (message, receiver): (&str, &str),
        report: &ForwardReport,
        wall: Timestamp,
    ) {
        let result = match &report.result {
            Ok(forwarded) => format!("delivered as {}", forwarded.message_id),
            Err(error) => format!("{error}; {:?}", report.prior_attempts),
        };
        self.note(format!("answer on {message} to {receiver}: {result}"));
        if !matches!(report.result, Err(ForwardError::NoPermit(_))) {
            self.had_other_answer.insert(receiver.to_owned(), self.now);
        }
        if matches!(report.result, Err(ForwardError::KeyReused)) {
            // It speaks of a caller's mistake, and of no forward.
            return self.count("answers: key reused");
        }
        if matches!(report.result, Err(ForwardError::Draining))
            && !self.outcomes.is_unsure(message, receiver)
        {
            self.break_promise(&format!("{message} is refused, and a drain takes longer than it"));
        }
        if let Ok(forwarded) = &report.result {
            self.count("answers: delivered");
            let kept = self.outcomes.must_be_delivered(message, receiver, &forwarded.message_id);
            return self.must(kept);
        }
        let since = match report.prior_attempts {
            PriorAttempts::NotSent => Moment::ZERO,
            PriorAttempts::NotSentSince(time) => {
                let age = Duration::try_from(wall.duration_since(time)).unwrap_or_default();
                self.now.saturating_sub(age)
            }
            // The others may know more: Redis is new, was emptied or cannot be asked.
            PriorAttempts::Unconfirmed(_) if self.outcomes.is_unsure(message, receiver) => {
                return self.count("answers: unconfirmed");
            }
            _ => {
                self.count("answers: unknown");
                let kept = self.outcomes.must_have_been_called(message, receiver);
                return self.must(kept);
            }
        };
        self.count("answers: not delivered");
        let kept = self.outcomes.deny((message, receiver), since, self.now);
        self.must(kept);
    }

    /// A forward has waited since then for its turn at a receiver, and was refused. Somebody must have been in its way: while
    /// it waits, nobody leaves a receiver alone for long that takes messages.
    pub(super) fn got_no_turn(&mut self, gateway: usize, receiver: &str, since: Moment) {
        let idle_since = self.now.saturating_sub(IDLE);
        let is_excused = self.redis.is_there()
            || since > idle_since
            || self.refusals.holds_back(gateway, receiver, idle_since)
            // One that is refused for another reason may have had its turn, and so may one of a broadcast.
            || self.had_other_answer.get(receiver).is_some_and(|it| *it > idle_since)
            || !self.broadcasters.is_empty()
            || self.calls.are_under_way(receiver, idle_since);
        if !is_excused {
            let nothing = format!("{receiver} got nothing for {IDLE:?}");
            self.break_promise(&format!("{nothing} while a forward waited in vain"));
        }
    }

    /// A process has ended or stood still, or Redis may not know for so long: nobody knows how far requests came.
    fn nobody_knows_for(&mut self, time: Duration) {
        self.outcomes.nobody_knows_until(self.now + time);
    }

    /// A gateway that stood still since then goes on. What Redis has suffered meanwhile, it notices only now.
    pub(super) fn goes_on(&mut self, gateway: usize, still_since: Moment) {
        let is_news = self.redis.had_trouble_since(gateway, still_since);
        self.nobody_knows_for(if is_news { WRITTEN_DOWN } else { Duration::ZERO });
    }

    /// A gateway starts. Where there is a Redis, it may be new, or not know what this gateway knows.
    pub(super) fn starts(&mut self, gateway: usize) {
        self.note(format!("gateway {gateway} starts"));
        if self.redis.is_there() {
            self.nobody_knows_for(WRITTEN_DOWN);
        }
    }

    /// A process of a gateway ends.
    pub(super) fn ends(&mut self, gateway: usize, process: u64) {
        self.note(format!("gateway {gateway} ends"));
        self.nobody_knows_for(Duration::ZERO);
        self.calls.has_ended(gateway, process);
        self.lose_what_is_gone(self.now.saturating_sub(WRITTEN_DOWN));
    }

    /// If Redis has forgotten anything since then, nobody knows what only processes knew that are gone.
    fn lose_what_is_gone(&mut self, since: Moment) {
        if !self.redis.has_forgotten_since(since) {
            return;
        }
        for Call { message, receiver, .. } in self.calls.of_ended() {
            self.outcomes.lose(message, receiver, self.now);
        }
    }

    /// Something happens to Redis.
    pub(super) fn redis_suffers(&mut self, event: RedisEvent) {
        self.redis.suffers(event, self.now);
        self.lose_what_is_gone(self.now);
        if matches!(event, RedisEvent::FailedOver(lost) if lost > 0) {
            self.broadcasts.may_be_as_before();
            self.outcomes.broadcasts_may_be_as_before();
        }
        self.nobody_knows_for(WRITTEN_DOWN);
        self.count(redis_trouble::name_of(event));
        self.note(format!("Redis: {event:?}"));
    }

    /// A gateway has trouble with Redis for so long.
    pub(super) fn has_trouble_with_redis(&mut self, gateway: usize, lasts: Duration) {
        self.redis.is_alone(gateway, lasts, self.now);
        self.nobody_knows_for(lasts + WRITTEN_DOWN);
        self.cannot_write(gateway, lasts + WRITTEN_DOWN);
    }

    /// What a gateway sends for so long, other processes may never hear of.
    pub(super) fn cannot_write(&mut self, gateway: usize, lasts: Duration) {
        self.outcomes.cannot_write_until(gateway, self.now + lasts);
    }

    /// Nobody finds a broadcast that was accepted. One that Redis has forgotten is not lost by us.
    pub(super) fn broadcast_is_lost(&mut self, id: &str) {
        let accepted_at = self.broadcasts.lost(id);
        if accepted_at.is_some_and(|it| !self.redis.has_forgotten_since(it)) {
            self.break_promise(&format!("{id} was accepted and is not known"));
        }
    }

    /// A broadcast was accepted.
    pub(super) fn accepted(&mut self, broadcast: &Broadcast) {
        let message = broadcast.message.as_str();
        match self.broadcasts.accepted(broadcast, self.now) {
            Acceptance::Again => return,
            Acceptance::First => {}
            Acceptance::AfterAnother(before) if self.redis.has_forgotten_since(before) => {
                self.outcomes.forget(message);
            }
            Acceptance::AfterAnother(_) => {
                self.break_promise(&format!("{message} was accepted twice"));
            }
        }
        self.count("broadcasts");
    }

    /// Somebody has read a broadcast and all of its receivers.
    pub(super) fn read(&mut self, broadcast: &Broadcast, receivers: &[ReceiverRecord]) {
        match self.broadcasts.read(broadcast, receivers) {
            Err(promise) => self.break_promise(&promise),
            Ok(settled) => {
                for record in settled {
                    self.settled(broadcast.message.as_str(), record);
                }
            }
        }
    }

    /// A receiver has a final state.
    fn settled(&mut self, message: &str, record: &ReceiverRecord) {
        let (state, receiver) = (record.state, record.receiver.id());
        self.note(format!("{message} to {receiver} is {}", state.as_str()));
        let kept = match state {
            ReceiverState::Delivered => {
                self.count("receivers: delivered");
                let id = record.message_id.as_deref().unwrap_or_default();
                self.outcomes.must_be_delivered(message, receiver, id)
            }
            ReceiverState::Unknown => {
                self.count("receivers: unknown");
                self.outcomes.must_have_been_called(message, receiver)
            }
            ReceiverState::NotDelivered | ReceiverState::Canceled | ReceiverState::Expired => {
                self.count("receivers: not delivered");
                self.outcomes.deny_for_ever(message, receiver, self.now)
            }
            ReceiverState::Pending | ReceiverState::InDoubt => Ok(()),
        };
        self.must(kept);
    }

    /// Whether all accepted broadcasts have ended.
    pub(super) fn all_have_ended(&self) -> bool {
        self.broadcasts.all_have_ended()
    }
}
