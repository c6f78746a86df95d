//! Callers: they forward, hang up, and ask again where that is safe.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::agenda::{Due, Moment};
use super::generate::{DEADLINE, RECEIVERS};
use super::history::{ForwardPlan, Name};
use super::ledger::{Flow, Waiter};
use super::process::{Gateway, Process};
use super::scene::{Scene, SceneState};
use crate::clock::Clock;
use crate::delivery::{ForwardError, ForwardReport, ForwardRequest, PriorAttempts};
use crate::model::dedup_key::DedupKey;
use crate::model::forward::Forward;
use crate::model::idempotency_key::IdempotencyKey;
use crate::model::message_id::MessageId;
use crate::model::problem_kind::ProblemKind;
use crate::model::receiver::{ReceiveIdType, Receiver};
use crate::model::urgency::Urgency;

/// One caller's wish to have one message forwarded, for which it may ask several times.
pub(super) struct Ask {
    pub(super) plan: ForwardPlan,
    pub(super) message: String,
    pub(super) receiver: Receiver,
    /// The `uuid` that the caller has chosen or was told.
    uuid: Option<DedupKey>,
    /// How often the caller has asked.
    pub(super) times: u32,
    pub(super) state: AskState,
}

pub(super) enum AskState {
    Idle,
    Waiting { gateway: usize, since: Moment, task: AbortHandle, uuid: DedupKey },
    Ended,
}

/// How often a caller asks at most.
const PATIENCE: u32 = 4;
/// How long an answer may take, with what a simulated disk may take.
const ANSWERED_WITHIN: Duration = DEADLINE.saturating_add(Duration::from_secs(5));

impl Ask {
    pub(super) fn new(event: usize, copy: usize, plan: &ForwardPlan) -> Self {
        let caller = plan.caller;
        let (message, to, uuid) = match plan.name {
            Name::None => (format!("om_{caller}_{event}_{copy}"), plan.to, None),
            Name::Uuid => {
                let uuid = format!("u-{caller}-{event}-{copy}");
                (format!("om_{caller}_{event}_{copy}"), plan.to, DedupKey::parse(&uuid).ok())
            }
            Name::Key { key, is_mistaken } => {
                let mistake = if is_mistaken { "x" } else { "" };
                (format!("om_{caller}_k{key}{mistake}"), key % RECEIVERS, None)
            }
        };
        let receiver = receiver(&format!("oc_{to}"));
        Self { plan: plan.clone(), message, receiver, uuid, times: 0, state: AskState::Idle }
    }

    fn request(&self, process: &Process) -> ForwardRequest {
        let caller = process.caller(self.plan.caller);
        let forward = Forward::Message(MessageId::parse(&self.message).unwrap());
        let receiver = self.receiver.clone();
        let idempotent = match self.plan.name {
            Name::Key { key, .. } => {
                let key = IdempotencyKey::parse(&format!("key {key}")).unwrap();
                Some(key.names(&caller.name, &caller.app, &forward, &receiver))
            }
            _ => None,
        };
        let of_key = idempotent.map(|it| process.core.delivery.uuids(&caller).of(&it));
        let given = of_key.or_else(|| self.uuid.clone());
        ForwardRequest {
            request_id: String::new(),
            caller,
            forward,
            receiver,
            uuid_is_given: given.is_some(),
            uuid: given.unwrap_or_else(DedupKey::generate),
            idempotent,
            broadcast: None,
            wait: self.plan.wait,
            urgency: Urgency::ALL[usize::from(self.plan.is_bulk)],
        }
    }

    fn is_named(&self) -> bool {
        self.uuid.is_some() || matches!(self.plan.name, Name::Key { .. })
    }
}

/// A caller asks. Without a process it finds nobody, and may try again.
pub(super) fn ask(scene: &Scene, number: usize, gateway: usize, process: Option<&Process>) {
    let mut state = scene.state();
    state.asks[number].times += 1;
    let Some(process) = process else {
        state.ledger.count("callers without a gateway");
        state.asks[number].state = AskState::Ended;
        return state.ask_again(number);
    };
    state.ledger.count("requests");
    let ask = &state.asks[number];
    let (message, receiver) = (ask.message.clone(), ask.receiver.id().to_owned());
    let _entered = process.runtime.enter();
    let request = Arc::new(ask.request(process));
    state.ledger.asked(&message, &receiver);
    let (name, uuid) = (request.caller.name.clone(), request.uuid.clone());
    state.ledger.note(format!("{name} asks gateway {gateway} for {message} to {receiver}"));
    let (delivery, clock) = (process.core.delivery.clone(), process.clock.clone());
    let heard = scene.clone();
    let task = process.runtime.spawn(async move {
        let report = delivery.forward(&request).await;
        heard.state().answered(number, &report, &clock);
    });
    let since = state.now();
    let hangs_up_after = state.asks[number].plan.hangs_up_after;
    let times = state.asks[number].times;
    state.asks[number].state =
        AskState::Waiting { gateway, since, task: task.abort_handle(), uuid };
    if let Some(after) = hangs_up_after.filter(|_| times == 1) {
        state.enter(after, Due::HangsUp(number));
    }
    state.enter(ANSWERED_WITHIN, Due::MustBeAnswered(number));
}

/// Tells the ledger who waits for a turn.
pub(super) fn see_who_waits(scene: &Scene, gateways: &[Gateway]) {
    for (number, gateway) in gateways.iter().enumerate() {
        let Some(process) = &gateway.process else { continue };
        let waiting = process.core.delivery.waiting_by_caller();
        let waiting: Vec<usize> = waiting.keys().filter_map(|it| it.parse().ok()).collect();
        let mut state = scene.state();
        let waiters = state.waiters(number, &waiting);
        if let Some(process) = state.processes[number] {
            state.ledger.wait((number, process), waiters, &waiting);
        }
    }
}

impl SceneState {
    fn answered(&mut self, number: usize, report: &ForwardReport, clock: &Clock) {
        let ask = &mut self.asks[number];
        let AskState::Waiting { gateway, since, uuid, .. } =
            std::mem::replace(&mut ask.state, AskState::Ended)
        else {
            return;
        };
        let (message, receiver) = (ask.message.clone(), ask.receiver.id().to_owned());
        let is_unnamed = !ask.is_named();
        self.ledger.answered((&message, &receiver), report, clock.wall());
        if let Err(ForwardError::NoPermit(error)) = report.result
            && error.problem() == ProblemKind::ReceiverRateLimited
        {
            self.ledger.got_no_turn(gateway, &receiver, since);
        }
        if report.result.is_ok() {
            return;
        }
        let is_denied = matches!(report.prior_attempts, PriorAttempts::NotSent);
        if is_unnamed && !is_denied {
            // The problem names the `uuid`.
            self.asks[number].uuid = Some(uuid);
        }
        self.ask_again(number);
    }

    /// Who asks a gateway for a message to a receiver. None if several do whose forwards are not equally urgent.
    pub(super) fn flow_of(&self, gateway: usize, message: &str, receiver: &str) -> Option<Flow> {
        let now = self.now();
        let is_it = |ask: &Ask| ask.message == message && ask.receiver.id() == receiver;
        let flows = self.asks.iter().filter(|it| is_it(it)).filter_map(|ask| match ask.state {
            AskState::Waiting { gateway: at, since, .. } if at == gateway => {
                // What it waits for its answer is more than what it waits for its turns. Redis may be slow to grant one.
                let has_waited = now < since + ask.plan.wait + Duration::from_secs(1);
                Some(Flow { caller: ask.plan.caller, is_bulk: ask.plan.is_bulk, has_waited })
            }
            _ => None,
        });
        let flows: Vec<_> = flows.collect();
        let first = flows.first()?;
        flows.iter().all(|it| it == first).then_some(*first)
    }

    /// The callers of whom something waits at a gateway, and all of it for one receiver and equally urgent.
    pub(super) fn waiters(&self, gateway: usize, waiting: &[usize]) -> Vec<Waiter> {
        let mut all: BTreeMap<usize, Option<Waiter>> = BTreeMap::new();
        for (number, Ask { plan, receiver, state, .. }) in self.asks.iter().enumerate() {
            let AskState::Waiting { gateway: at, .. } = state else { continue };
            if *at != gateway || !waiting.contains(&plan.caller) {
                continue;
            }
            let (receiver, is_bulk) = (receiver.id().to_owned(), plan.is_bulk);
            let asks = BTreeSet::from([number]);
            let waiter = Waiter { caller: plan.caller, receiver, is_bulk, asks };
            all.entry(plan.caller)
                .and_modify(|known| {
                    let same = known.take().filter(|it| {
                        it.receiver == waiter.receiver && it.is_bulk == waiter.is_bulk
                    });
                    *known = same.map(|mut it| {
                        it.asks.insert(number);
                        it
                    });
                })
                .or_insert(Some(waiter));
        }
        all.into_values().flatten().collect()
    }

    /// The caller hangs up.
    pub(super) fn hangs_up(&mut self, number: usize) -> Option<AbortHandle> {
        let ask = &mut self.asks[number];
        let AskState::Waiting { task, .. } = std::mem::replace(&mut ask.state, AskState::Ended)
        else {
            return None;
        };
        self.ledger.count("callers that hung up");
        let Ask { message, receiver, .. } = &self.asks[number];
        self.ledger.outcomes.left(message, receiver.id());
        self.ledger.note(format!("the caller of {message} hangs up"));
        self.left_alone(number);
        Some(task)
    }

    /// A gateway stands still for a while.
    pub(super) fn stands_still(&mut self, gateway: usize, lasts: Duration) {
        self.ledger.count("pauses");
        self.ledger.note(format!("gateway {gateway} stands still for {lasts:?}"));
        let now = self.now();
        self.still_since.entry(gateway).or_insert(now);
        self.enter(lasts, Due::Resumes(gateway));
    }

    /// A gateway that stood still goes on. What was asked meanwhile begins now.
    pub(super) fn goes_on(&mut self, gateway: usize) {
        let now = self.now();
        let Some(still_since) = self.still_since.remove(&gateway) else { return };
        self.ledger.goes_on(gateway, still_since);
        for number in 0..self.asks.len() {
            let ask = &mut self.asks[number];
            let (message, receiver) = (ask.message.clone(), ask.receiver.id().to_owned());
            match &mut ask.state {
                AskState::Waiting { gateway: of, since, .. } if *of == gateway => {
                    if *since >= still_since {
                        self.ledger.asked(&message, &receiver);
                    }
                    *since = now;
                    self.enter(ANSWERED_WITHIN, Due::MustBeAnswered(number));
                }
                _ => {}
            }
        }
    }

    /// A process has ended, and its callers hear nothing.
    pub(super) fn cut_off(&mut self, gateway: usize) {
        for number in 0..self.asks.len() {
            if matches!(self.asks[number].state, AskState::Waiting { gateway: of, .. } if of == gateway)
            {
                self.asks[number].state = AskState::Ended;
                self.left_alone(number);
            }
        }
    }

    /// A caller without an answer asks again only if its forward has a name.
    fn left_alone(&mut self, number: usize) {
        if self.asks[number].is_named() {
            self.ask_again(number);
        }
    }

    fn ask_again(&mut self, number: usize) {
        let ask = &mut self.asks[number];
        if let Some(pause) = ask.plan.asks_again_after.filter(|_| ask.times < PATIENCE) {
            ask.state = AskState::Idle;
            self.enter(pause, Due::Asks(number));
        }
    }

    /// The answer has to be there by now, unless the caller has asked again since.
    pub(super) fn must_be_answered(&mut self, number: usize) {
        let (ask, now) = (&self.asks[number], self.now());
        if let AskState::Waiting { since, .. } = ask.state
            && since + ANSWERED_WITHIN <= now
        {
            let message = ask.message.clone();
            self.ledger.break_promise(&format!("{message} has no answer since {since:?}"));
        }
    }
}

pub(super) fn receiver(name: &str) -> Receiver {
    Receiver::parse(name, Some(ReceiveIdType::ChatId)).unwrap()
}
