//! A forward that is asked for once more, by its key or its `uuid`, after something has happened.

use std::fmt::Write as _;
use std::time::Duration;

use feishu_simulator::{Api, Fault, FaultKind, Phase};
use jiff::SignedDuration;

use crate::run::Told;
use gateway_harness::{Answer, Forward, Gateway, code, gateway};

/// How the two requests are known to be one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Key,
    Uuid,
}

/// What became of the first one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Delivered,
    Refused,
    /// Delivered, without an answer.
    Closed,
}

/// What happens before the second one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    Refuses,
    Restarts,
    RestartsAndRefuses,
    Sleeps,
    OtherMessage,
    OtherReceiver,
}

const ALL: [(First, Then); 12] = [
    (First::Delivered, Then::Nothing),
    (First::Delivered, Then::Refuses),
    (First::Delivered, Then::Restarts),
    (First::Delivered, Then::RestartsAndRefuses),
    (First::Delivered, Then::OtherMessage),
    (First::Delivered, Then::OtherReceiver),
    (First::Refused, Then::OtherMessage),
    (First::Closed, Then::Nothing),
    (First::Closed, Then::Refuses),
    (First::Closed, Then::RestartsAndRefuses),
    (First::Closed, Then::Sleeps),
    (First::Closed, Then::OtherMessage),
];

const HEAD: &str = "
## Asked for once more

A forward is made twice within a minute, with one `Idempotency-Key` or with one `uuid` of its caller's. *Messages* are
those that were delivered in all; the answer is the second one. A gateway that was restarted knows nothing of
what was before, and says in its problem's `detail` since when it knows; with a Redis it knows of it.

| first | then | known by | answer | outcome | messages |
|---|---|---|---|---|---|
";

/// The section of the page.
pub(crate) async fn section() -> String {
    let mut section = HEAD.to_owned();
    for (first, then) in ALL {
        for by in [By::Key, By::Uuid] {
            let (told, delivered) = seen(by, first, then).await;
            let (first, then, by) = (first.name(), then.name(), by.name());
            let _ = writeln!(section, "| {first} | {then} | {by} | {told} | {delivered} |");
        }
    }
    section
}

async fn seen(by: By, first: First, then: Then) -> (Told, usize) {
    let mut gateway = gateway().set("feishu.max_attempts", "1").start().await;
    match first {
        First::Delivered => {}
        First::Refused => gateway.spoil_forward(code(230002)),
        First::Closed => {
            let cut = Fault { phase: Phase::AfterCommit, ..Fault::once(FaultKind::Cut) };
            gateway.simulator.add_fault(Fault { api: Some(Api::Forward), ..cut });
        }
    }
    by.forward(&gateway, "om_1", "oc_1").send().await;
    if matches!(then, Then::Restarts | Then::RestartsAndRefuses) {
        gateway.restart().await;
    }
    match then {
        Then::Refuses | Then::RestartsAndRefuses => gateway.spoil_forward(code(230002)),
        Then::Sleeps => gateway.hand.move_calendar(SignedDuration::from_hours(2)),
        _ => gateway.advance(Duration::from_secs(30)),
    }
    let (message, receiver) = match then {
        Then::OtherMessage => ("om_2", "oc_1"),
        Then::OtherReceiver => ("om_1", "oc_2"),
        _ => ("om_1", "oc_1"),
    };
    let answer = by.forward(&gateway, message, receiver).send().await;
    let (told, delivered) = (Told::of(&answer), gateway.deliveries().len());
    // What is replayed does not come to Feishu, which then refuses nothing.
    gateway.simulator.clear_faults();
    is_true(&answer, &told, then, delivered);
    (told, delivered)
}

/// No message is there twice, and none is denied, unless the gateway says since when it knows.
fn is_true(answer: &Answer, told: &Told, then: Then, delivered: usize) {
    assert!(delivered <= 1, "{told:?}");
    if matches!(told, Told::Delivered) {
        return assert_eq!(delivered, 1);
    }
    let problem = answer.json();
    let is_denied = delivered == 1 && problem["outcome"] == "not_delivered";
    let is_of_another = matches!(then, Then::OtherMessage | Then::OtherReceiver);
    if is_denied && !is_of_another {
        let detail = problem["detail"].as_str().expect("text");
        assert!(detail.contains(" only since 2026-01-01T00:00:00Z"), "{detail}");
    }
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Uuid => "`uuid`",
        }
    }

    fn forward(self, gateway: &Gateway, message: &str, receiver: &str) -> Forward {
        let forward = gateway.forward(receiver).message(message);
        match self {
            Self::Key => forward.header("idempotency-key", "k-1"),
            Self::Uuid => forward.query("uuid=mine"),
        }
    }
}

impl First {
    fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused by Feishu for good",
            Self::Closed => "closed after the commit",
        }
    }
}

impl Then {
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Refuses => "Feishu refuses",
            Self::Restarts => "the gateway is killed and started again",
            Self::RestartsAndRefuses => "the gateway is killed and started again, Feishu refuses",
            Self::Sleeps => "the machine is suspended for two hours",
            Self::OtherMessage => "another message",
            Self::OtherReceiver => "another receiver",
        }
    }
}
