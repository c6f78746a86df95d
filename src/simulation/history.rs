//! A history as plain data, in lines that a person can read.

use std::fmt;
use std::time::Duration;

use super::weather::Weather;
use crate::redis::simulated::{Event as RedisEvent, Reach};

/// What is to happen.
#[derive(Clone)]
pub(super) struct History {
    /// Decides everything that the events leave open, such as how long a call takes.
    pub(super) seed: u64,
    pub(super) setup: Setup,
    /// By time.
    pub(super) events: Vec<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) gateways: usize,
    pub(super) keeps: Keeps,
    pub(super) repeated: Repeated,
    pub(super) app_limits: AppLimits,
    pub(super) token_life: Duration,
}

/// How many calls the apps may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AppLimits {
    /// As many as Feishu lets them, which hardly matters.
    Usual,
    /// So few in a second that it matters.
    FewASecond,
    FewAMinute,
}

/// What outlives a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    Memory,
    File,
    /// Redis, which the gateways share.
    Redis,
}

/// What Feishu answers to a `uuid` that it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    FirstId,
    AnotherId,
    InProgress,
}

#[derive(Clone)]
pub(super) struct Event {
    /// Stays the same if other events are left out.
    pub(super) id: usize,
    pub(super) at: Duration,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Forward(ForwardPlan),
    Broadcast {
        caller: usize,
        key: u8,
        expires_in: Duration,
        at: usize,
    },
    Cancel {
        caller: usize,
        key: u8,
        at: usize,
    },
    /// Feishu and the network behave so for a while, for this share of the calls in percent.
    Weather {
        weather: Weather,
        lasts: Duration,
        share: u8,
    },
    /// Other programs send to a receiver.
    Others {
        to: u8,
        messages: u8,
    },
    /// Feishu no longer takes the tokens that it has handed out.
    RevokeTokens,
    Kill {
        gateway: usize,
        down_for: Duration,
    },
    Stop {
        gateway: usize,
        down_for: Duration,
    },
    /// One gateway after the other is drained and replaced.
    RollingRestart {
        down_for: Duration,
    },
    Pause {
        gateway: usize,
        lasts: Duration,
    },
    StepWall {
        gateway: usize,
        by_ms: i64,
    },
    Drift {
        gateway: usize,
        gains: i32,
    },
    /// This happens to Redis.
    Redis(RedisEvent),
    /// A gateway reaches Redis so for a while.
    Reach {
        gateway: usize,
        reach: Reach,
        lasts: Duration,
    },
    /// The requests of a gateway to Redis have these faults for a while, in percent.
    Line {
        gateway: usize,
        line: Line,
        lasts: Duration,
    },
    Disk {
        gateway: usize,
        latency: Duration,
        is_full: bool,
        lasts: Duration,
    },
}

/// How requests to Redis fare: in percent, and their time there and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) up_to: Duration,
    pub(super) not_sent: u8,
    pub(super) answer_lost: u8,
    pub(super) silence: u8,
    pub(super) doubled: u8,
}

/// One caller's forwards: `copies` different messages at once.
#[derive(Clone, Debug)]
pub(super) struct ForwardPlan {
    pub(super) caller: usize,
    pub(super) to: u8,
    pub(super) name: Name,
    pub(super) copies: usize,
    pub(super) is_bulk: bool,
    pub(super) wait: Duration,
    pub(super) hangs_up_after: Option<Duration>,
    /// How long the caller pauses before it asks again, where it may.
    pub(super) asks_again_after: Option<Duration>,
    pub(super) at: usize,
}

impl ForwardPlan {
    /// One forward without a name, by a caller that waits long and asks once.
    pub(super) fn plain(caller: usize, to: u8) -> Self {
        Self {
            caller,
            to,
            name: Name::None,
            copies: 1,
            is_bulk: false,
            wait: Duration::from_secs(8),
            hangs_up_after: None,
            asks_again_after: None,
            at: to.into(),
        }
    }
}

/// How a caller names its forward.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name {
    None,
    /// A `uuid` that nobody else has.
    Uuid,
    /// One of few keys, each for one message. The mistake is another message.
    Key {
        key: u8,
        is_mistaken: bool,
    },
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {:#x}, {:?}", self.seed, self.setup)?;
        for Event { id, at, what } in &self.events {
            writeln!(f, "  {:>10.3} s  #{id} {what:?}", at.as_secs_f64())?;
        }
        Ok(())
    }
}
