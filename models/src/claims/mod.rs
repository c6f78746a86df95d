//! One receiver of a broadcast, which two processes may claim: `src/broadcasts/{store,worker,upkeep}.rs`,
//! `src/broadcasts/redis/{record,deliver,tidy}.lua`, `src/broadcasts/settlement.rs` and `src/delivery/retry_loop.rs`.
//! The leases of `Idempotency-Key`s have the same shape: a note in doubt before the call, a lease, a takeover with the
//! same `uuid`.
//!
//! Time goes in ticks that keep the order of the real spans: a beat, then a claim that outlives its process, then the time
//! in which repeating is safe, then Feishu's hour.

mod world;

use stateright::{Model, Property};

pub use self::world::World;
use self::world::{Claim, Message, Owner, Process, Record, Settlement, State, Work};

/// How long a claim outlives the last beat of its process. A process that runs beats in each tick.
const OUTLIVES: u8 = 2;
/// The longest way of a message to Feishu.
const LONGEST_WAY: u8 = 1;
/// How long after the first attempt another one may be made.
const SAFE: u8 = 3;
/// How long Feishu recognises a `uuid`.
const HOUR: u8 = SAFE + LONGEST_WAY;
/// When the broadcast expires.
const EXPIRES: u8 = 3;
/// When time ends in the model: long enough for each doubt to become too old.
const END: u8 = EXPIRES + HOUR + 2;
const PROCESSES: usize = 2;

/// What a model leaves out of what the gateway does, so that its counterexample is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Omission {
    /// The claim is written down after the call has begun.
    RecordBeforeCall,
    /// Each claim has a `uuid` of its own.
    OneUuid,
    /// A repetition is sent however old the doubt is.
    TimeToRepeat,
    /// A first attempt is sent however long ago its receiver was claimed.
    AgeOfClaim,
    /// Who takes over does not hear of the attempt before.
    PriorAttempt,
    /// Nobody renews its claims, so a call may take longer than a claim lasts.
    Renewal,
    /// A settlement of an older claim counts.
    ClaimNumber,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A process is killed, and another one starts in its place.
    Kill,
    /// A process stands still for as long as one likes.
    Pause,
    /// The answer to a claim is lost.
    LoseAnswer,
    /// Redis fails over to a server that lacks the claim: a documented exception.
    ForgetClaim,
}

/// The model: what can happen, and what is left out.
#[derive(Clone, Debug)]
pub struct Claims {
    /// What can go wrong.
    pub faults: Vec<Fault>,
    /// How often, in all.
    pub most_faults: u8,
    /// What is left out.
    pub without: Option<Omission>,
}

/// What Feishu says to a message that has arrived, or what its sender hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is delivered, now or before.
    Delivered,
    /// It is refused, for good.
    Refused,
    /// It is delivered, and the answer is lost.
    Nothing,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Time passes.
    Tick,
    /// A process claims the receiver.
    Claim(usize),
    /// A process has its turn, and sends if it still may.
    Turn(usize),
    /// A process gets no turn.
    NoTurn(usize),
    /// A message arrives, and is answered.
    Arrive(usize, Heard),
    /// A process has waited for an answer long enough.
    GiveUp(usize),
    /// A process writes down what became of its claim.
    Settle(usize),
    /// What time has ended is ended.
    Tidy,
    /// The caller cancels the broadcast.
    Cancel,
    /// Something goes wrong with this process.
    Fail(Fault, usize),
    /// A process that stood still goes on.
    Resume(usize),
}

impl Claims {
    fn is_without(&self, what: Omission) -> bool {
        self.without == Some(what)
    }

    fn uuid(&self, claim: Claim) -> u8 {
        if self.is_without(Omission::OneUuid) { claim.number } else { 0 }
    }

    fn is_held(world: &World) -> bool {
        match world.record.owner {
            Owner::Nobody => false,
            Owner::Process(who) => world.processes[who].lease > 0,
            Owner::Gone(left) => left > 0,
        }
    }

    /// Whether a process can claim the receiver.
    fn is_due(world: &World) -> bool {
        let Record { state, due, .. } = world.record;
        let is_open = match state {
            State::Pending => world.now < EXPIRES,
            State::InDoubt(_) => !Self::is_held(world),
            _ => false,
        };
        is_open && !world.is_canceled && due <= world.now
    }

    /// `operations.claim`. Returns the claim.
    fn claim(&self, world: &mut World, owner: Owner) -> Claim {
        let record = &mut world.record;
        let since = match record.state {
            State::InDoubt(since) => Some(since),
            _ => None,
        };
        record.claim += 1;
        record.owner = owner;
        if !self.is_without(Omission::RecordBeforeCall) {
            record.state = State::InDoubt(since.unwrap_or(0));
        }
        let since = since.filter(|_| !self.is_without(Omission::PriorAttempt));
        Claim { number: record.claim, age: 0, since }
    }

    /// `RetryLoop::check_time`, and the call.
    fn turn(&self, world: &mut World, who: usize, claim: Claim) {
        let is_safe = match claim.since {
            Some(since) => since <= SAFE || self.is_without(Omission::TimeToRepeat),
            None => claim.age <= SAFE || self.is_without(Omission::AgeOfClaim),
        };
        if !is_safe {
            let settlement =
                if claim.since.is_some() { Settlement::Unknown } else { Settlement::NotSent };
            world.processes[who].work = Work::Settling(claim, settlement);
            return;
        }
        let uuid = self.uuid(claim);
        world.under_way.push(Message { by: Some(who), uuid, way: LONGEST_WAY });
        world.processes[who].work = Work::Calling(claim);
    }

    fn arrive(world: &mut World, message: usize, heard: Heard) {
        let Message { by, uuid, .. } = world.under_way.remove(message);
        let is_known = world.delivered.iter().any(|it| it.0 == uuid);
        if !is_known && heard != Heard::Refused {
            world.delivered.push((uuid, 0));
            world.copies += 1;
        }
        let Some(who) = by else { return };
        let Work::Calling(claim) = world.processes[who].work else { return };
        let settlement = match heard {
            Heard::Delivered => Settlement::Delivered,
            // A repetition that is refused says nothing of the attempt before.
            Heard::Refused if claim.since.is_none() => Settlement::NotDelivered,
            Heard::Refused | Heard::Nothing => Settlement::InDoubt,
        };
        world.processes[who].work = Work::Settling(claim, settlement);
    }

    /// `operations.settle`.
    fn settle(&self, world: &mut World, claim: Claim, settlement: Settlement) {
        let World { record, is_canceled, now, .. } = world;
        if record.state.is_final() {
            return;
        }
        let is_in_doubt = matches!(record.state, State::InDoubt(_));
        let is_last = record.claim == claim.number || self.is_without(Omission::ClaimNumber);
        let is_own = is_last && (is_in_doubt || self.is_without(Omission::RecordBeforeCall));
        if !is_own && settlement != Settlement::Delivered {
            return;
        }
        (record.owner, record.due) = (Owner::Nobody, *now + 1);
        record.state = match settlement {
            Settlement::Delivered => State::Delivered,
            Settlement::NotDelivered => State::NotDelivered,
            Settlement::Unknown => State::Unknown,
            Settlement::NotSent if *is_canceled => State::Canceled,
            Settlement::NotSent => State::Pending,
            Settlement::InDoubt if is_in_doubt => record.state,
            Settlement::InDoubt => State::InDoubt(0),
        };
    }

    /// `operations.tidy`: what it makes of the receiver.
    fn tidied(world: &World) -> Option<State> {
        match world.record.state {
            State::Pending if world.now >= EXPIRES => Some(State::Expired),
            State::InDoubt(since) if !Self::is_held(world) => {
                (world.is_canceled || since > SAFE).then_some(State::Unknown)
            }
            _ => None,
        }
    }

    fn fail(&self, world: &mut World, fault: Fault, who: usize) {
        world.faults_left -= 1;
        match fault {
            Fault::Kill => {
                if world.record.owner == Owner::Process(who) {
                    world.record.owner = Owner::Gone(world.processes[who].lease);
                }
                for message in &mut world.under_way {
                    message.by = message.by.filter(|by| *by != who);
                }
                world.processes[who] = Self::newcomer();
            }
            Fault::Pause => world.processes[who].is_paused = true,
            Fault::LoseAnswer => {
                let lease = world.processes[who].lease;
                self.claim(world, Owner::Gone(lease));
            }
            Fault::ForgetClaim => {
                world.record.state = State::Pending;
                world.record.owner = Owner::Nobody;
            }
        }
    }

    fn can_fail(world: &World, fault: Fault, who: usize) -> bool {
        let process = &world.processes[who];
        match fault {
            Fault::Kill => process.work != Work::Idle,
            Fault::Pause => !process.is_paused,
            Fault::LoseAnswer => {
                process.work == Work::Idle && !process.is_paused && Self::is_due(world)
            }
            Fault::ForgetClaim => matches!(world.record.state, State::InDoubt(_)),
        }
    }

    fn newcomer() -> Process {
        Process { lease: OUTLIVES, is_paused: false, work: Work::Idle }
    }

    fn act(&self, world: &World, who: usize, actions: &mut Vec<Action>) {
        let process = &world.processes[who];
        let faults = self.faults.iter().filter(|_| world.faults_left > 0 && world.now < EXPIRES);
        let faults = faults.filter(|fault| Self::can_fail(world, **fault, who));
        actions.extend(faults.map(|fault| Action::Fail(*fault, who)));
        if process.is_paused {
            actions.push(Action::Resume(who));
            return;
        }
        match process.work {
            Work::Idle if Self::is_due(world) => actions.push(Action::Claim(who)),
            Work::Idle => {}
            Work::Waiting(_) => actions.extend([Action::Turn(who), Action::NoTurn(who)]),
            Work::Calling(_) => actions.push(Action::GiveUp(who)),
            Work::Settling(..) => actions.push(Action::Settle(who)),
        }
    }
}

impl Model for Claims {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let record = Record { state: State::Pending, claim: 0, owner: Owner::Nobody, due: 0 };
        vec![World {
            record,
            processes: [Self::newcomer(), Self::newcomer()],
            under_way: Vec::new(),
            delivered: Vec::new(),
            copies: 0,
            is_canceled: false,
            now: 0,
            faults_left: self.most_faults,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.can_pass() {
            actions.push(Action::Tick);
        }
        for who in 0..PROCESSES {
            self.act(world, who, actions);
        }
        for message in 0..world.under_way.len() {
            let heard = [Heard::Delivered, Heard::Refused, Heard::Nothing];
            actions.extend(heard.map(|heard| Action::Arrive(message, heard)));
        }
        if Self::tidied(world).is_some() {
            actions.push(Action::Tidy);
        }
        if !world.is_canceled && !world.record.state.is_final() && world.now < EXPIRES {
            actions.push(Action::Cancel);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Tick => world.tick(!self.is_without(Omission::Renewal)),
            Action::Claim(who) => {
                let claim = self.claim(&mut world, Owner::Process(who));
                world.processes[who].lease = OUTLIVES;
                world.processes[who].work = Work::Waiting(claim);
            }
            Action::Turn(who) => {
                let Work::Waiting(claim) = world.processes[who].work else { return None };
                self.turn(&mut world, who, claim);
            }
            Action::NoTurn(who) => {
                let Work::Waiting(claim) = world.processes[who].work else { return None };
                let settlement =
                    if claim.since.is_some() { Settlement::InDoubt } else { Settlement::NotSent };
                world.processes[who].work = Work::Settling(claim, settlement);
            }
            Action::Arrive(message, heard) => Self::arrive(&mut world, message, heard),
            Action::GiveUp(who) => {
                let Work::Calling(claim) = world.processes[who].work else { return None };
                for message in &mut world.under_way {
                    message.by = message.by.filter(|by| *by != who);
                }
                world.processes[who].work = Work::Settling(claim, Settlement::InDoubt);
            }
            Action::Settle(who) => {
                let Work::Settling(claim, settlement) = world.processes[who].work else {
                    return None;
                };
                self.settle(&mut world, claim, settlement);
                world.processes[who].work = Work::Idle;
            }
            Action::Tidy => world.record.state = Self::tidied(&world)?,
            Action::Cancel => {
                world.is_canceled = true;
                if world.record.state == State::Pending {
                    world.record.state = State::Canceled;
                }
            }
            Action::Fail(fault, who) => self.fail(&mut world, fault, who),
            Action::Resume(who) => world.processes[who].is_paused = false,
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nobody gets the message twice", |_, world: &World| world.copies < 2),
            Property::always("who sends has written it down", |_, world: &World| {
                world.under_way.is_empty()
                    || !matches!(world.record.state, State::Pending | State::Canceled)
            }),
            Property::always("the outcome is true", |_, world: &World| match world.record.state {
                State::Delivered => world.copies > 0,
                State::NotDelivered | State::Canceled | State::Expired => {
                    world.copies == 0 && world.under_way.is_empty()
                }
                _ => true,
            }),
            // A process that stood still does not know that its claim was taken over.
            Property::always(
                "where nobody stands still, one calls",
                |model: &Self, world: &World| {
                    let calls = |it: &&Process| matches!(it.work, Work::Calling(_));
                    model.faults.contains(&Fault::Pause)
                        || world.processes.iter().filter(calls).count() < 2
                },
            ),
            Property::eventually("the receiver is final", |_, world: &World| {
                world.record.state.is_final()
            }),
            Property::sometimes("it is delivered", |_, world: &World| {
                world.record.state == State::Delivered
            }),
        ]
    }
}
