//! Makes up a history from a seed.

use std::time::Duration;

use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::history::{
    AppLimits, Event, ForwardPlan, History, Keeps, Line, Name, Repeated, Setup, What,
};
use super::weather::Weather;
use crate::redis::simulated::{Event as RedisEvent, NoWrites, Reach};

/// How long a forward may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(15);
/// The caller with a budget, and how many calls a minute it has.
pub(super) const FRUGAL: (usize, u32) = (3, 12);
pub(super) const CALLERS: usize = 4;
/// The weights of the callers.
pub(super) const WEIGHTS: [u32; CALLERS] = [1, 3, 1, 1];
pub(super) const RECEIVERS: u8 = 4;
const KEYS: u8 = 4;

/// The history of a seed.
pub(super) fn history(seed: u64) -> History {
    let random = &mut StdRng::seed_from_u64(seed);
    let setup = setup(random);
    let mut at = Duration::ZERO;
    let count = pick(random, &[(3, 8), (4, 25), (2, 60)]);
    let count = random.random_range(1..=count);
    // Gateways say each second to Redis what they know. Hours of that take most of the time of a simulation.
    let is_long = random.random_bool(if setup.keeps == Keeps::Redis { 0.02 } else { 0.1 });
    let favourite = random.random_range(0..RECEIVERS);
    let chances = Chances { setup, is_long, favourite };
    let mut events = Vec::new();
    for _ in 0..count {
        at += gap(random, is_long);
        let what = what(random, chances);
        let next = follows(random, chances, &what);
        let whats = [(Duration::ZERO, what)].into_iter().chain(next);
        for (after, what) in whats {
            at += after;
            events.push(Event { id: events.len(), at, what });
        }
    }
    History { seed, setup, events }
}

/// What one history has more of than others.
#[derive(Clone, Copy)]
struct Chances {
    setup: Setup,
    is_long: bool,
    /// Most messages go to it, so that its limit matters.
    favourite: u8,
}

/// What often comes after an event, because they are harder together: more weather, a crowd that it meets and that
/// hangs up, or a crowd at a restart.
fn follows(random: &mut StdRng, chances: Chances, what: &What) -> Vec<(Duration, What)> {
    let mut all = Vec::new();
    match what {
        What::Weather { lasts, .. } => {
            if random.random_bool(0.5) {
                // A refusal for good, after a call that may have been delivered, must not hide that.
                let refusal = Weather::Refuses {
                    code: pick(random, &[(2, 230002), (1, 424242)]),
                    reset: None,
                };
                let other = weather(random);
                let (weather, share) = (pick(random, &[(1, refusal), (1, other)]), 50);
                all.push((Duration::ZERO, What::Weather { weather, lasts: *lasts, share }));
            }
            if random.random_bool(0.5) {
                let plan = crowd(random, chances);
                all.push((millis(random, 0, 200), What::Forward(plan)));
            }
        }
        What::Kill { down_for, .. } if random.random_bool(0.5) => {
            let plan = crowd(random, chances);
            all.push((*down_for + millis(random, 0, 500), What::Forward(plan)));
        }
        What::Redis(RedisEvent::Writes(Some(_))) => {
            all.push((millis(random, 0, 15_000), What::Redis(RedisEvent::Writes(None))));
        }
        What::Forward(first) => return after_forward(random, chances, first),
        What::Broadcast { caller, key, at, .. } => {
            return after_broadcast(random, chances.setup, (*caller, *key), *at);
        }
        _ => {}
    }
    all
}

/// What often comes after a forward.
fn after_forward(
    random: &mut StdRng,
    chances: Chances,
    first: &ForwardPlan,
) -> Vec<(Duration, What)> {
    let has_key = matches!(first.name, Name::Key { .. });
    let is_crowd = first.copies > 1;
    let again = |at| What::Forward(ForwardPlan { at, hangs_up_after: None, ..first.clone() });
    let crowd = |random: &mut StdRng| {
        let plan = crowd(random, chances);
        What::Forward(ForwardPlan { to: first.to, at: first.at, ..plan })
    };
    let weather = |weather, lasts| {
        let lasts = Duration::from_secs(lasts);
        (Duration::ZERO, What::Weather { weather, lasts, share: 100 })
    };
    match random.random_range(0..100) {
        // Several callers compete for a receiver.
        0..50 if is_crowd => (0..random.random_range(1..3))
            .map(|_| (millis(random, 0, 300), crowd(random)))
            .collect(),
        // What a process has sent is not forgotten when the next one starts at once.
        50..75 if is_crowd && !has_key => {
            let down_for = millis(random, 0, 300);
            let killed = What::Kill { gateway: first.at, down_for };
            let next = (down_for + millis(random, 0, 200), crowd(random));
            vec![(millis(random, 0, 300), killed), next]
        }
        // A key is repeated of which nobody knows what became of it: too late, or at the next process, which Feishu refuses.
        50..70 if has_key => {
            let unheard = weather(doubtful(random), 20);
            if chances.is_long && chances.setup.keeps != Keeps::Redis {
                return vec![unheard, (millis(random, 3_630_000, 4_500_000), again(first.at))];
            }
            let down_for = millis(random, 0, 1000);
            let killed = What::Kill { gateway: first.at, down_for };
            let next = (down_for + millis(random, 0, 5000), again(first.at));
            let refused = weather(Weather::Refuses { code: 230002, reset: None }, 10);
            vec![unheard, (millis(random, 3000, 10_000), killed), next, refused]
        }
        // A key is repeated elsewhere while it is under way.
        70..90 if has_key && chances.setup.gateways > 1 => {
            let slow = weather(Weather::Slow { up_to: Duration::from_secs(10) }, 2);
            let at = (first.at + 1) % chances.setup.gateways;
            vec![slow, (millis(random, 100, 2000), again(at))]
        }
        _ => Vec::new(),
    }
}

/// What often comes after a broadcast: a cancel, or its gateway stands still for so long that another one takes over
/// what it has claimed.
fn after_broadcast(
    random: &mut StdRng,
    setup: Setup,
    (caller, key): (usize, u8),
    gateway: usize,
) -> Vec<(Duration, What)> {
    let cancel = What::Cancel { caller, key, at: (gateway + 1) % setup.gateways };
    // What is taken over would be in doubt for an hour.
    let takes_long = setup.repeated == Repeated::InProgress;
    if setup.gateways == 1 || takes_long || random.random_bool(0.3) {
        let is_canceled = random.random_bool(0.4);
        return is_canceled.then(|| (millis(random, 0, 3000), cancel)).into_iter().collect();
    }
    let refuses = Weather::Refuses { code: 230002, reset: None };
    let slow = Weather::Slow { up_to: Duration::from_secs(10) };
    let weather = |weather, share| What::Weather { weather, lasts: Duration::from_secs(8), share };
    let shares = weather(refuses, pick(random, &[(1, 0), (1, 50)]));
    let pause = |lasts| What::Pause { gateway, lasts };
    let long = millis(random, 16_000, 22_000);
    let (away, next) = match random.random_range(0..6) {
        // It goes on when the others have ended what it had under way, and hears then that it was delivered.
        0..2 => (pause(long), cancel.clone()),
        // It has heard that, and can write it down only then.
        2..4 => (What::Reach { gateway, reach: Reach::Refused, lasts: long }, cancel.clone()),
        // It goes on while another one has the same under way.
        _ => (pause(millis(random, 6000, 10_000)), weather(slow, 100)),
    };
    vec![
        (Duration::ZERO, shares),
        (millis(random, 100, 800), away),
        (millis(random, 500, 5000), next),
        (Duration::from_secs(20), cancel),
    ]
}

fn crowd(random: &mut StdRng, chances: Chances) -> ForwardPlan {
    let plan = forward(random, chances);
    // A forward without a name has less that remembers it.
    let name = pick(random, &[(1, Name::None), (1, plan.name)]);
    let wait = Duration::from_secs(random.random_range(3..9));
    ForwardPlan { to: chances.favourite, copies: 12, name, wait, ..plan }
}

fn setup(random: &mut StdRng) -> Setup {
    let keeps = pick(random, &[(1, Keeps::Memory), (2, Keeps::File), (2, Keeps::Redis)]);
    let repeated = pick(
        random,
        &[(1, Repeated::FirstId), (1, Repeated::AnotherId), (1, Repeated::InProgress)],
    );
    let token_life = pick(random, &[(3, 7200), (1, 1900), (1, 40)]);
    Setup {
        gateways: if keeps == Keeps::Redis {
            pick(random, &[(1, 1), (4, 2), (1, 3), (1, 4)])
        } else {
            1
        },
        keeps,
        repeated,
        app_limits: pick(
            random,
            &[(3, AppLimits::Usual), (1, AppLimits::FewASecond), (1, AppLimits::FewAMinute)],
        ),
        token_life: Duration::from_secs(token_life),
    }
}

fn gap(random: &mut StdRng, is_long: bool) -> Duration {
    let most = pick(random, &[(8, 0), (8, 300), (6, 3000), (2, 20_000)]);
    let most = if is_long && random.random_bool(0.1) { 4_000_000 } else { most };
    millis(random, 0, most)
}

fn what(random: &mut StdRng, chances: Chances) -> What {
    let setup = chances.setup;
    let gateway = random.random_range(0..setup.gateways);
    let caller = random.random_range(0..CALLERS);
    let key = random.random_range(0..KEYS);
    match random.random_range(0..100) {
        0..55 => What::Forward(forward(random, chances)),
        55..63 => {
            let expires_in = Duration::from_secs(pick(random, &[(1, 60), (2, 600), (1, 3600)]));
            What::Broadcast { caller, key, expires_in, at: gateway }
        }
        63..66 => What::Cancel { caller, key, at: gateway },
        66..80 => {
            let lasts = pick(random, &[(3, 500), (3, 5000), (2, 40_000), (1, 400_000)]);
            let share = pick(random, &[(1, 10), (2, 50), (2, 100)]);
            What::Weather { weather: weather(random), lasts: millis(random, 0, lasts), share }
        }
        80..83 => What::Others {
            to: random.random_range(0..RECEIVERS),
            messages: random.random_range(1..8),
        },
        83..85 => What::RevokeTokens,
        85..91 => {
            let most = pick(random, &[(1, 100), (1, 3000)]);
            What::Kill { gateway, down_for: millis(random, 0, most) }
        }
        91..92 => What::RollingRestart { down_for: millis(random, 0, 3000) },
        92..93 => What::Stop { gateway, down_for: millis(random, 0, 3000) },
        93..95 => What::Pause { gateway, lasts: millis(random, 0, 20_000) },
        95..96 => {
            // What the gateways keep, they forget too early by as much as a clock is set forward. Those of replicas differ by
            // less than five minutes.
            let most_back = if setup.keeps == Keeps::Redis { -290_000 } else { -4_000_000 };
            let steps = pick(random, &[(3, -2000..=2000), (1, most_back..=290_000)]);
            What::StepWall { gateway, by_ms: random.random_range(steps) }
        }
        97..98 if setup.keeps == Keeps::Redis => redis(random, gateway),
        96..98 => What::Drift { gateway, gains: random.random_range(-500..=500) },
        _ if setup.keeps == Keeps::Redis => redis(random, gateway),
        _ => What::Disk {
            gateway,
            latency: millis(random, 0, 2000),
            is_full: random.random_bool(0.4),
            lasts: millis(random, 0, 10_000),
        },
    }
}

fn redis(random: &mut StdRng, gateway: usize) -> What {
    // A smaller step may go unnoticed.
    let step = random.random_range(200..=5000) * if random.random_bool(0.5) { 1 } else { -1 };
    let lasts = millis(random, 0, 15_000);
    let lost = pick(random, &[(1, 0), (2, 3), (1, 64)]);
    let lost = random.random_range(0..=lost);
    let no_writes = pick(random, &[(1, NoWrites::Full), (1, NoWrites::ReadOnly)]);
    let event = pick(
        random,
        &[
            (3, RedisEvent::Emptied),
            (2, RedisEvent::Restarted),
            (1, RedisEvent::ScriptsForgotten),
            (2, RedisEvent::ClockStepped(SignedDuration::from_millis(step))),
            (1, RedisEvent::ClockDrifts(i32::try_from(step).unwrap_or(0) / 10)),
            (2, RedisEvent::FailedOver(lost)),
            (2, RedisEvent::Writes(Some(no_writes))),
        ],
    );
    let line = Line {
        up_to: millis(random, 1, 400),
        not_sent: random.random_range(0..10),
        answer_lost: random.random_range(0..20),
        silence: random.random_range(0..10),
        doubled: random.random_range(0..20),
    };
    let reach = pick(random, &[(1, Reach::Refused), (1, Reach::Silent)]);
    pick(
        random,
        &[
            (3, What::Redis(event)),
            (3, What::Line { gateway, line, lasts }),
            (3, What::Reach { gateway, reach, lasts }),
        ],
    )
}

fn forward(random: &mut StdRng, chances: Chances) -> ForwardPlan {
    let key = random.random_range(0..KEYS);
    let is_mistaken = random.random_bool(0.1);
    let name =
        pick(random, &[(3, Name::None), (2, Name::Uuid), (4, Name::Key { key, is_mistaken })]);
    let again = pick(random, &[(6, 500), (6, 10_000), (2, 3_700_000)]);
    let again = if chances.is_long { again } else { again.min(10_000) };
    // Some hang up while a call is under way.
    let hangs_up = pick(random, &[(2, 300), (1, 8000)]);
    let other = random.random_range(0..RECEIVERS);
    let to = pick(random, &[(3, chances.favourite), (2, other)]);
    ForwardPlan {
        caller: random.random_range(0..CALLERS),
        to,
        name,
        copies: pick(random, &[(6, 1), (2, 4), (1, 12)]),
        is_bulk: random.random_bool(0.2),
        wait: Duration::from_secs(random.random_range(0..8)),
        hangs_up_after: random.random_bool(0.25).then(|| millis(random, 0, hangs_up)),
        asks_again_after: random.random_bool(0.7).then(|| millis(random, 0, again)),
        at: random.random_range(0..chances.setup.gateways),
    }
}

/// After this nobody knows what became of a call.
fn doubtful(random: &mut StdRng) -> Weather {
    let all = [
        Weather::Unheard,
        Weather::CutAfter,
        Weather::Proxy { after: true },
        Weather::Garbage,
        Weather::Fails { after: true },
    ];
    all[random.random_range(0..all.len())]
}

fn weather(random: &mut StdRng) -> Weather {
    let after = random.random_bool(0.5);
    let code = pick(
        random,
        &[
            (4, (230020, false)),
            (3, (99991400, true)),
            (2, (230002, false)),
            (1, (230049, false)),
            (1, (99991403, false)),
            (1, (424242, false)),
        ],
    );
    let reset = code.1.then(|| random.random_range(0..20));
    let up_to = millis(random, 100, 20_000);
    let no_tokens = Weather::NoTokens { code: pick(random, &[(2, 10013), (1, 10014)]) };
    pick(
        random,
        &[
            (2, Weather::NoConnection),
            (2, Weather::Lost),
            (3, Weather::Unheard),
            (1, Weather::CutBefore),
            (2, Weather::CutAfter),
            (1, Weather::Stale),
            (1, Weather::Proxy { after }),
            (1, Weather::Garbage),
            (3, Weather::Slow { up_to }),
            (2, Weather::Fails { after }),
            (4, Weather::Refuses { code: code.0, reset }),
            (1, no_tokens),
        ],
    )
}

fn millis(random: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_millis(random.random_range(least..=most.max(least)))
}

/// One of these, by weight.
fn pick<T: Clone>(random: &mut StdRng, choices: &[(u32, T)]) -> T {
    let mut left = random.random_range(0..choices.iter().map(|it| it.0).sum());
    for (weight, choice) in choices {
        match u32::checked_sub(left, *weight) {
            None => return choice.clone(),
            Some(rest) => left = rest,
        }
    }
    unreachable!("the weights add up")
}
