//! The limits, and the receivers that they remember.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

use feishu_forward_gateway::clock::Moment;
use feishu_forward_gateway::limits::{Ahead, LimitKey, Limiter, Rules};
use feishu_forward_gateway::model::feishu_api::FeishuApi;
use feishu_forward_gateway::model::installation::Installation;
use feishu_forward_gateway::model::receiver::Receiver;

use crate::REPEATS;

pub(crate) const APP: &str = "main";
/// Longer than any span, so that nothing that was counted counts still.
const STEP: Duration = Duration::from_mins(2);

/// Limits, and the receivers that it is about, one for each turn.
pub(crate) struct Remembered {
    limits: Limiter,
    key: LimitKey,
    receivers: Vec<Receiver>,
    now: Moment,
}

/// The gateway's defaults.
fn rules() -> Rules {
    Rules {
        receiver_per_second: number(5),
        app_per_second: number(50),
        app_per_minute: number(1000),
        guard: Duration::from_millis(50),
    }
}

/// So many for each receiver, as many as one likes with each app, and all within a span that is
/// longer than a benchmark, for what reads the real time.
pub(crate) fn long_rules(receiver_per_second: u32) -> Rules {
    Rules {
        receiver_per_second: number(receiver_per_second),
        app_per_second: number(1_000_000),
        app_per_minute: number(1_000_000),
        guard: Duration::from_hours(1),
    }
}

/// One call with each app, in a span that is longer than a benchmark.
pub(crate) fn one_call() -> Rules {
    Rules { app_per_second: number(1), app_per_minute: number(1), ..long_rules(1000) }
}

pub(crate) fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("no number here is zero")
}

pub(crate) fn receiver(number: usize) -> Receiver {
    Receiver::parse(&format!("oc_{number:032x}"), None).expect("the id of a group")
}

pub(crate) fn remembered(count: usize) -> Remembered {
    let limits = Limiter::new(&rules());
    let now = STEP;
    (0..count).for_each(|number| limits.arrived(&receiver(number), now, now, now));
    // Spread over all of them.
    let receivers = (0..REPEATS).map(|turn| receiver(turn * count.div_ceil(REPEATS) % count));
    Remembered {
        limits,
        key: LimitKey::new(Installation::self_built(APP.into()), FeishuApi::Forward),
        receivers: receivers.collect(),
        now,
    }
}

pub(crate) fn spent_receivers() -> Remembered {
    let all = remembered(REPEATS);
    for receiver in &all.receivers {
        // Sent long ago, so none of them is one that was counted before.
        (1..5).for_each(|_| all.limits.arrived(receiver, Moment::ZERO, Moment::ZERO, all.now));
    }
    all
}

pub(crate) fn spent_app() -> Remembered {
    let all = remembered(REPEATS);
    for receiver in &all.receivers {
        let _ = all.limits.take_after(Ahead::default(), &all.key, receiver, all.now);
    }
    all
}

impl Remembered {
    /// What a forward asks of the limits: its turn, and afterwards its span and what is left.
    pub(crate) fn forward(&mut self) {
        for receiver in &self.receivers {
            self.now += STEP;
            let pass = self.limits.take_after(Ahead::default(), &self.key, receiver, self.now);
            assert!(black_box(pass).is_ok(), "everything was long ago");
            self.limits.arrived(receiver, self.now, self.now, self.now);
            black_box(self.limits.standing(receiver, self.now));
        }
    }

    pub(crate) fn refuse(&mut self) {
        for receiver in &self.receivers {
            let pass = self.limits.take_after(Ahead::default(), &self.key, receiver, self.now);
            assert!(black_box(pass).is_err(), "there is nothing left");
        }
    }
}
