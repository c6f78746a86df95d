//! The limit of one receiver, which replicas share through a Redis that is lost, found, emptied, replaced by a server that
//! knows less, or has its clock set: `src/limits/{limiter,windows,shared}.rs`, `src/limits/shared.lua` and
//! `src/queue/{scheduler,supervisor,coordinator}.rs`.
//!
//! Time goes in ticks of half a second. An answer that comes in the tick of its question is fresh.

mod faults;
mod world;

use stateright::{Model, Property};

pub use self::faults::{Fault, Omission};
pub use self::world::World;
use self::world::{Authority, Clock, Granted, Loss, Redis, RedisState, Replica, Sent};

/// A window, in ticks.
const WINDOW: u8 = 2;
/// How long a replica keeps to its share without having asked Redis in vain again, in ticks.
const OVERLAP: u8 = 2;
/// How often a replica asks Redis, in ticks.
const BEAT: u8 = 2;
/// The longest time that a message is on its way, in ticks.
const LONGEST_WAY: u8 = 1;
/// Messages to the receiver in a window.
const LIMIT: usize = 2;
/// Of which so many are the share of each replica.
const SHARE: usize = 1;
const REPLICAS: usize = 2;

/// The model: what can happen, and what is left out.
#[derive(Clone, Debug)]
pub struct Limits {
    /// What can go wrong.
    pub faults: Vec<Fault>,
    /// How often, in all.
    pub most_faults: u8,
    /// What is left out.
    pub without: Option<Omission>,
    /// How many messages more than the limit a documented exception allows in a window.
    pub excess: usize,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Half a second passes.
    Tick,
    /// Something goes wrong, with this replica if it concerns one.
    Fail(Fault, usize),
    /// Redis is there again, and answers.
    RedisIsBack,
    /// A replica that was cut off can reach Redis again.
    Heal(usize),
    /// A replica that stood still goes on.
    Resume(usize),
    /// A replica's supervisor asks Redis whether it answers.
    Beat(usize),
    /// A replica asks Redis for a turn.
    Ask(usize),
    /// It hears that it has one, and sends.
    Hear(usize),
    /// It sends by its share.
    SendByShare(usize),
    /// A message of a replica arrives, and is answered.
    Arrive(usize, usize),
    /// A message of a replica that was killed arrives.
    ArriveOrphan(usize),
}

impl Limits {
    fn is_without(&self, what: Omission) -> bool {
        self.without == Some(what)
    }

    /// When an epoch opens, after it began.
    fn opens_after(&self) -> u8 {
        if self.is_without(Omission::Overlap) { WINDOW } else { OVERLAP + WINDOW }
    }

    fn fallback(&self) -> Authority {
        let opens_in =
            if self.is_without(Omission::PauseBeforeShare) { 0 } else { OVERLAP + WINDOW };
        // Not before Redis was asked in vain again.
        Authority::Fallback { opens_in, asked_ago: OVERLAP + 1 }
    }

    /// A process that has just started.
    fn newcomer(&self) -> Replica {
        Replica {
            authority: self.fallback(),
            is_connected: false,
            is_cut: false,
            is_paused: false,
            was_connected: false,
            owes_epoch: false,
            clock: Clock::Unknown,
            beat_in: 0,
            own: Vec::new(),
            granted: None,
            under_way: Vec::new(),
        }
    }

    fn lose_redis(&self, replica: &mut Replica) {
        if replica.authority == Authority::Shared {
            replica.authority = self.fallback();
            replica.beat_in = 0;
        }
    }

    /// Compares Redis' clock with the own one. Returns false if it was set.
    fn check_clock(&self, replica: &mut Replica) -> bool {
        let is_stepped = replica.clock == Clock::Stepped && !self.is_without(Omission::ClockCheck);
        replica.clock = Clock::Known;
        replica.owes_epoch |= is_stepped;
        !is_stepped
    }

    /// `Supervisor::beat`, and what `Supervisor::run` does after it.
    fn beat(&self, world: &mut World, who: usize) {
        let World { redis, replicas, .. } = world;
        let replica = &mut replicas[who];
        let is_answered = redis.state == RedisState::Up && !replica.is_cut;
        let is_well = self.asks_well(redis, replica, is_answered);
        if !is_well {
            self.lose_redis(replica);
        }
        if let Authority::Fallback { asked_ago, .. } = &mut replica.authority {
            *asked_ago = 0;
        }
        // A supervisor that owes an epoch looks again at once.
        let is_shared = replica.authority == Authority::Shared;
        replica.beat_in = if is_shared { BEAT } else { 1 };
    }

    fn asks_well(&self, redis: &mut Redis, replica: &mut Replica, is_answered: bool) -> bool {
        if !replica.is_connected {
            self.lose_redis(replica);
            let owes = replica.was_connected && !self.is_without(Omission::EpochAfterReconnect);
            replica.owes_epoch |= owes;
            if !is_answered {
                return false;
            }
            (replica.is_connected, replica.was_connected) = (true, true);
        }
        if !is_answered {
            return false;
        }
        let is_owed = std::mem::take(&mut replica.owes_epoch);
        let is_open = matches!(replica.authority, Authority::Fallback { opens_in: 0, .. });
        let is_new = is_owed || is_open;
        redis.begin(is_new);
        let is_known = self.check_clock(replica);
        if is_new {
            // The new epoch has begun by the clock as it is now.
            replica.owes_epoch = false;
        } else if !is_known {
            return false;
        }
        if replica.authority != Authority::Shared && !replica.owes_epoch {
            replica.authority = Authority::Shared;
        }
        true
    }

    /// `Scheduler::confirm`, up to Redis' answer.
    fn ask(&self, world: &mut World, who: usize) {
        let World { redis, replicas, .. } = world;
        let replica = &mut replicas[who];
        if redis.state != RedisState::Up || replica.is_cut || !replica.is_connected {
            self.lose_redis(replica);
            return;
        }
        if redis.take(self) {
            replica.granted = Some(Granted { ago: 0, cell: WINDOW });
        }
        if !self.check_clock(replica) {
            // The grant is not used. Its slot and its hold stay for a while.
            replica.granted = None;
            self.lose_redis(replica);
        }
    }

    fn hear(&self, world: &mut World, who: usize) {
        let replica = &mut world.replicas[who];
        let Some(Granted { ago, cell }) = replica.granted.take() else { return };
        let is_fresh = ago == 0 || self.is_without(Omission::Freshness);
        if is_fresh && replica.authority == Authority::Shared {
            if cell > 0 {
                replica.own.push(cell);
            }
            replica.under_way.push(Sent { way: LONGEST_WAY, cell, is_shared: true });
        }
    }

    fn fail(&self, world: &mut World, fault: Fault, who: usize) {
        let disconnect = |world: &mut World| {
            world.replicas.iter_mut().for_each(|it| it.is_connected = false);
        };
        world.faults_left -= 1;
        match fault {
            Fault::Stop | Fault::Emptied | Fault::FailedOver => {
                disconnect(world);
                world.redis.state = RedisState::Down(match fault {
                    Fault::Emptied => Loss::Everything,
                    Fault::FailedOver => Loss::LastWrites,
                    _ => Loss::Nothing,
                });
            }
            Fault::Stall => world.redis.state = RedisState::Stalled,
            Fault::FailedOverUnseen => world.redis.lose_last_writes(),
            Fault::ClockForward | Fault::ClockBack => {
                // Whatever it knew is past, or lies so far in the future that it cannot be true.
                world.redis.lose_last_writes();
                if fault == Fault::ClockBack {
                    world.redis.epoch = None;
                }
                for replica in &mut world.replicas {
                    if replica.clock == Clock::Known {
                        replica.clock = Clock::Stepped;
                    }
                }
            }
            Fault::Kill => {
                let ways = world.replicas[who].under_way.iter().map(|it| it.way);
                world.orphans.extend(ways);
                world.replicas[who] = self.newcomer();
            }
            Fault::Pause => world.replicas[who].is_paused = true,
            Fault::Cut => world.replicas[who].is_cut = true,
        }
    }

    fn can_fail(world: &World, fault: Fault, who: usize) -> bool {
        let replica = &world.replicas[who];
        match fault {
            Fault::Kill => true,
            Fault::Pause => !replica.is_paused,
            Fault::Cut => !replica.is_cut,
            // Not of one replica.
            _ if who > 0 => false,
            _ => world.redis.state == RedisState::Up,
        }
    }
}

impl Model for Limits {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let redis = Redis {
            state: RedisState::Up,
            epoch: Some(OVERLAP + WINDOW),
            cells: Vec::new(),
            under_way: Vec::new(),
        };
        let replica = Replica {
            authority: Authority::Shared,
            is_connected: true,
            was_connected: true,
            clock: Clock::Known,
            beat_in: BEAT,
            ..self.newcomer()
        };
        vec![World {
            redis,
            replicas: [replica.clone(), replica],
            orphans: Vec::new(),
            arrived: Vec::new(),
            faults_left: self.most_faults,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.can_pass() {
            actions.push(Action::Tick);
        }
        if world.redis.state != RedisState::Up {
            actions.push(Action::RedisIsBack);
        }
        for (who, replica) in world.replicas.iter().enumerate() {
            let faults = self.faults.iter().filter(|_| world.faults_left > 0);
            let faults = faults.filter(|fault| Self::can_fail(world, **fault, who));
            actions.extend(faults.map(|fault| Action::Fail(*fault, who)));
            actions.extend((0..replica.under_way.len()).map(|sent| Action::Arrive(who, sent)));
            if replica.is_cut {
                actions.push(Action::Heal(who));
            }
            if replica.is_paused {
                actions.push(Action::Resume(who));
                continue;
            }
            actions.push(Action::Beat(who));
            if replica.granted.is_some() {
                actions.push(Action::Hear(who));
            }
            match replica.authority {
                Authority::Shared if replica.granted.is_none() && replica.taken() < LIMIT => {
                    actions.push(Action::Ask(who));
                }
                Authority::Fallback { opens_in: 0, asked_ago }
                    if replica.taken() < SHARE
                        && (asked_ago <= OVERLAP || self.is_without(Omission::EndOfShare)) =>
                {
                    actions.push(Action::SendByShare(who));
                }
                _ => {}
            }
        }
        actions.extend((0..world.orphans.len()).map(Action::ArriveOrphan));
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Tick => world.tick(),
            Action::Fail(fault, who) => self.fail(&mut world, fault, who),
            Action::RedisIsBack => {
                match world.redis.state {
                    RedisState::Down(Loss::Everything) => {
                        world.redis.lose_last_writes();
                        world.redis.epoch = None;
                    }
                    RedisState::Down(Loss::LastWrites) => world.redis.lose_last_writes(),
                    _ => {}
                }
                world.redis.state = RedisState::Up;
            }
            Action::Heal(who) => world.replicas[who].is_cut = false,
            Action::Resume(who) => world.replicas[who].is_paused = false,
            Action::Beat(who) => self.beat(&mut world, who),
            Action::Ask(who) => self.ask(&mut world, who),
            Action::Hear(who) => self.hear(&mut world, who),
            Action::SendByShare(who) => {
                let replica = &mut world.replicas[who];
                replica.own.push(WINDOW);
                replica.under_way.push(Sent { way: LONGEST_WAY, cell: WINDOW, is_shared: false });
            }
            Action::Arrive(who, sent) => {
                let replica = &mut world.replicas[who];
                let sent = replica.under_way.remove(sent);
                replica.arrived(sent);
                world.arrived.push(0);
                let is_told = replica.is_connected && !replica.is_cut && !replica.is_paused;
                if is_told && world.redis.state == RedisState::Up {
                    world.redis.arrived(sent);
                }
            }
            Action::ArriveOrphan(sent) => {
                world.orphans.remove(sent);
                world.arrived.push(0);
            }
        }
        world.sort();
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "no window holds more than the limit",
                |model: &Self, world: &World| world.arrived.len() <= LIMIT + model.excess,
            ),
            // The model is worth something only if the limit is used up, and if what was lost is found.
            Property::sometimes("the limit is used up", |_, world: &World| {
                world.arrived.len() == LIMIT
            }),
            Property::sometimes("after all faults both share again", |_, world: &World| {
                world.faults_left == 0
                    && world.redis.state == RedisState::Up
                    && world.replicas.iter().all(|it| it.authority == Authority::Shared)
                    && world.arrived.len() == LIMIT
            }),
            Property::always("something can happen", |model: &Self, world: &World| {
                let mut actions = Vec::new();
                model.actions(world, &mut actions);
                actions.into_iter().any(|action| model.next_state(world, action).is_some())
            }),
        ]
    }
}
