//! What happens in a history, at random.

use std::fmt;

use proptest::prelude::*;

use super::feishu::{Act, Duplicate, Reply};

/// What callers ask and Feishu does.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) duplicate: Duplicate,
    /// Whether the apps' limits are so low that they matter.
    pub(super) apps_are_slow: bool,
    pub(super) requests: Vec<Request>,
    /// What Feishu does with the calls for tokens, one after the other.
    pub(super) tokens: Vec<Act>,
}

#[derive(Clone)]
pub(super) struct Request {
    /// Since the one before.
    pub(super) after_ms: u64,
    pub(super) what: What,
    pub(super) wait_ms: u64,
    pub(super) hangs_up_after_ms: Option<u64>,
    /// The caller asks again, so long after it hung up or was told that the outcome is unknown.
    pub(super) asks_again_after_ms: Option<u64>,
    /// What Feishu does with the attempts that this leads to, one after the other. It stands here so
    /// that whatever else is left out of a history, these stay the same.
    pub(super) feishu: Vec<Act>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// A message of its own.
    Plain { app: u8, to: u8, gives_uuid: bool },
    /// What a key names; the `content` should be zero, another one is a caller's mistake.
    Named { key: u8, content: u8 },
    /// One of few `uuid`s that callers have chosen, each for messages of its own.
    Chosen { uuid: u8, caller: u8, content: u8, to: u8 },
}

/// In one line, so that a history that fails can be read.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after_ms, what, wait_ms, hangs_up_after_ms, asks_again_after_ms, feishu } = self;
        write!(f, "after {after_ms} ms: {what:?}, waits {wait_ms} ms")?;
        if let Some(ms) = hangs_up_after_ms {
            write!(f, ", hangs up after {ms} ms")?;
        }
        if let Some(ms) = asks_again_after_ms {
            write!(f, ", asks again after {ms} ms")?;
        }
        feishu.iter().try_for_each(|act| write!(f, "; Feishu {act:?}"))
    }
}

/// Receivers, and keys.
pub(super) const FEW: u8 = 3;

pub(super) fn histories() -> impl Strategy<Value = History> {
    let duplicate = prop_oneof![
        Just(Duplicate::OriginalId),
        Just(Duplicate::AnotherId),
        Just(Duplicate::InProgress)
    ];
    let requests = prop::collection::vec(request(), 1..20);
    let tokens = prop::collection::vec(token_act(), 0..4);
    (duplicate, prop::bool::weighted(0.3), requests, tokens).prop_map(
        |(duplicate, apps_are_slow, requests, tokens)| History {
            duplicate,
            apps_are_slow,
            requests,
            tokens,
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    let after_ms = prop_oneof![
        8 => Just(0),
        8 => 0..300_u64,
        4 => 300..3000_u64,
        1 => 3000..40_000_u64,
        // Up to more than the hour in which Feishu knows a `uuid`.
        1 => 600_000..4_000_000_u64,
    ];
    let again_ms = prop_oneof![4 => 0..10_000_u64, 1 => 3_200_000..3_700_000_u64];
    let wait_ms = (0..6_u64).prop_map(|seconds| seconds * 1000);
    let hangs_up = prop_oneof![1 => 0..200_u64, 2 => 200..12_000_u64];
    let hangs_up = prop::option::weighted(0.25, hangs_up);
    let again = prop::option::weighted(0.6, again_ms);
    let feishu = prop_oneof![
        1 => Just(Vec::new()),
        4 => prop::collection::vec(act(), 1..6),
        1 => prop::collection::vec(unsure(), 1..12),
        1 => prop::collection::vec(refusal(), 1..6),
    ];
    (after_ms, what(), wait_ms, hangs_up, again, feishu).prop_map(
        |(after_ms, what, wait_ms, hangs_up_after_ms, asks_again_after_ms, feishu)| Request {
            after_ms,
            what,
            wait_ms,
            hangs_up_after_ms,
            asks_again_after_ms,
            feishu,
        },
    )
}

fn what() -> impl Strategy<Value = What> {
    let content = prop_oneof![7 => Just(0), 1 => Just(1_u8)];
    prop_oneof![
        3 => (0..2_u8, 0..FEW, any::<bool>())
            .prop_map(|(app, to, gives_uuid)| What::Plain { app, to, gives_uuid }),
        2 => (0..FEW, content.clone()).prop_map(|(key, content)| What::Named { key, content }),
        2 => (0..2_u8, 0..2_u8, content, 0..2_u8)
            .prop_map(|(uuid, caller, content, to)| What::Chosen { uuid, caller, content, to }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let fine = (0..300_u64).prop_map(|latency_ms| Act {
        latency_ms,
        delivers: true,
        reply: Reply::Normal,
    });
    prop_oneof![4 => fine, 2 => unsure(), 2 => refusal()]
}

/// What leaves the gateway in doubt, or nearly.
fn unsure() -> impl Strategy<Value = Act> {
    let latency_ms = prop_oneof![2 => 0..500_u64, 1 => 3000..20_000_u64];
    let reply = prop_oneof![
        Just(Reply::Normal),
        Just(Reply::Silence),
        Just(Reply::Cut),
        Just(Reply::Stale),
        Just(Reply::Html),
        Just(Reply::Garbage),
        Just(Reply::NoConnection),
        Just(Reply::Refusal { code: 2200, reset: None }),
    ];
    (latency_ms, any::<bool>(), reply).prop_map(|(latency_ms, delivers, reply)| Act {
        latency_ms: if reply == Reply::NoConnection { 0 } else { latency_ms },
        delivers: (delivers || reply == Reply::Normal) && reply != Reply::NoConnection,
        reply,
    })
}

/// Feishu says no, and means it.
fn refusal() -> impl Strategy<Value = Act> {
    let app_limited = prop::option::of(0..20_u64);
    let code = prop_oneof![
        4 => Just((230020, None)),
        2 => app_limited.prop_map(|reset| (99991400, reset)),
        // The message is being sent, the token, not in the chat, the quota, one that nobody knows.
        4 => prop::sample::select(vec![230049, 18121, 99991663, 230002, 99991403, 424242])
            .prop_map(|code| (code, None)),
    ];
    (0..300_u64, code).prop_map(|(latency_ms, (code, reset))| Act {
        latency_ms,
        delivers: false,
        reply: Reply::Refusal { code, reset },
    })
}

fn token_act() -> impl Strategy<Value = Act> {
    let reply = prop_oneof![
        4 => Just(Reply::Normal),
        1 => Just(Reply::NoConnection),
        1 => Just(Reply::Silence),
        1 => Just(Reply::Refusal { code: 10013, reset: None }),
        1 => Just(Reply::Refusal { code: 10014, reset: None }),
    ];
    (0..500_u64, reply).prop_map(|(latency_ms, reply)| Act { latency_ms, delivers: false, reply })
}
