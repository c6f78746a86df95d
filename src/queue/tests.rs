//! Queues and limits together, on a manual clock.

mod bounds;
mod bulk;
mod crowd;
mod fairness;
mod leaving;
mod load;
mod refusals;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::{JoinHandle, yield_now};

use super::request::Request;
use super::*;
use crate::clock::{Clock, ManualClock, Moment};
use crate::limits::{AppPace, Hold, LimitKey, Rules, Scope};
use crate::model::api_key::Caller;
use crate::model::feishu_api::FeishuApi;
use crate::model::installation::Installation;
use crate::model::receiver::{ReceiveIdType, Receiver};
use crate::model::share::{Budget, Weight};
use crate::model::urgency::Urgency;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
/// Long enough for everything.
const PATIENCE: Duration = Duration::from_hours(1);
const AMPLE: u32 = 1_000_000;
const NO_BOUNDS: Bounds = Bounds { per_receiver: usize::MAX, in_all: usize::MAX };
/// Of a first attempt that had not to wait.
const AT_ONCE: Permit = Permit {
    waited: Waited { receiver: Duration::ZERO, app: Duration::ZERO },
    is_probe: false,
    hold: NOTHING,
};
const NOTHING: Hold = Hold { taken_at: Moment::ZERO, shared: None };

fn rules(receiver_per_second: u32, app_per_second: u32) -> Rules {
    let number = |n| NonZeroU32::new(n).unwrap();
    Rules {
        receiver_per_second: number(receiver_per_second),
        app_per_second: number(app_per_second),
        app_per_minute: number(app_per_second * 60),
        guard: Duration::ZERO,
    }
}

/// The time in which an app that may make one call a second gets another.
fn app_period() -> Duration {
    let Rules { app_per_second, app_per_minute, guard, .. } = rules(AMPLE, 1);
    AppPace::derive(app_per_second, app_per_minute, guard).period
}

fn receiver(name: usize) -> Receiver {
    Receiver::parse(&format!("oc_{name}"), Some(ReceiveIdType::ChatId)).unwrap()
}

/// A scheduler, a manual clock, and a list of the forwards that got their permits.
#[derive(Clone)]
struct Stage {
    scheduler: Arc<Scheduler>,
    time: ManualClock,
    keys: [LimitKey; 2],
    caller: Caller,
    served: Arc<Mutex<Vec<&'static str>>>,
}

fn caller(name: &str, weight: u32) -> Caller {
    Caller {
        name: name.into(),
        app: "main".into(),
        tenant: None,
        policy: Arc::default(),
        weight: Weight::new(NonZeroU32::new(weight).expect("not zero")),
        budget: Budget::default(),
    }
}

impl Scheduler {
    /// A permit whose message has arrived as soon as it was sent.
    fn used(&self, permit: Permit, to: usize) -> Permit {
        self.limiter.release(&receiver(to), permit.hold.taken_at);
        Permit { hold: NOTHING, ..permit }
    }
}

type Taken = (Ticket, Result<Permit, QueueError>);

impl Stage {
    fn new(rules: &Rules) -> Self {
        Self::bounded(rules, NO_BOUNDS)
    }

    fn bounded(rules: &Rules, bounds: Bounds) -> Self {
        let (clock, time) = Clock::manual();
        let apps: [Arc<str>; 2] = ["main".into(), "other".into()];
        let scheduler = Scheduler::new(rules, bounds, clock).into();
        let keys = apps.map(|app| LimitKey::new(Installation::self_built(app), FeishuApi::Forward));
        Self { scheduler, time, keys, caller: caller("caller", 1), served: Arc::default() }
    }

    fn request<'a>(&'a self, app: usize, receiver: &'a Receiver, until: Moment) -> Request<'a> {
        let (caller, urgency) = (&self.caller, Urgency::Interactive);
        Request { key: &self.keys[app], receiver, caller, urgency, until }
    }

    /// Somebody who has time, and a ticket already.
    fn comes_with(
        &self,
        mut ticket: Ticket,
        name: &'static str,
        app: usize,
        to: usize,
    ) -> JoinHandle<Taken> {
        let stage = self.clone();
        let until = self.scheduler.clock.now() + PATIENCE;
        tokio::spawn(async move {
            let receiver = receiver(to);
            let request = stage.request(app, &receiver, until);
            let permit = ticket.acquire(&stage.scheduler, &request).await;
            let permit = permit.map(|permit| stage.scheduler.used(permit, to));
            if permit.is_ok() {
                stage.served.lock().unwrap().push(name);
            }
            (ticket, permit)
        })
    }

    /// Somebody new comes, and has found a place when this returns.
    async fn comes(&self, name: &'static str, to: usize) -> JoinHandle<Taken> {
        let task = self.comes_with(Ticket::draw(&self.scheduler), name, 0, to);
        settle().await;
        task
    }

    /// A new forward that leaves if there is no permit by then.
    async fn comes_for(&self, wait: Duration, to: usize) -> Result<Permit, QueueError> {
        let until = self.scheduler.clock.now() + wait;
        let mut ticket = Ticket::draw(&self.scheduler);
        let receiver = receiver(to);
        let request = self.request(0, &receiver, until);
        let permit = ticket.acquire(&self.scheduler, &request).await?;
        Ok(self.scheduler.used(permit, to))
    }

    async fn advance(&self, by: Duration) {
        self.time.advance(by);
        settle().await;
    }

    /// Those who got their permit, in that order.
    fn served(&self) -> Vec<&'static str> {
        self.served.lock().unwrap().clone()
    }
}

/// Lets every task go on until all of them wait for the clock or for one another.
async fn settle() {
    // They run by turns in this very thread, and each is woken by another a few times at most.
    for _ in 0..200 {
        yield_now().await;
    }
}

/// The ticket of somebody who has just had a permit.
async fn ticket_of(task: JoinHandle<Taken>) -> Ticket {
    let (ticket, permit) = task.await.unwrap();
    assert!(permit.is_ok(), "{permit:?}");
    ticket
}

/// One that had a permit comes back, when a newcomer waits for its receiver, between two that wait for
/// others.
async fn comes_back_among_others() -> (Stage, JoinHandle<Taken>) {
    let stage = Stage::new(&rules(AMPLE, 1));
    let first = ticket_of(stage.comes("first", 1).await).await;
    let _waiting = [
        stage.comes("for 2", 2).await,
        stage.comes("newcomer", 1).await,
        stage.comes("for 3", 3).await,
    ];
    let again = stage.comes_with(first, "first again", 0, 1);
    settle().await;
    (stage, again)
}

#[tokio::test]
async fn a_repeated_attempt_goes_before_those_who_began_later() {
    let stage = Stage::new(&rules(1, AMPLE));
    let first = ticket_of(stage.comes("first", 1).await).await;
    let _waiting = (stage.comes("second", 1).await, stage.comes("third", 1).await);
    let again = stage.comes_with(first, "first again", 0, 1);
    settle().await;
    let mut waited = Vec::new();
    for _ in 0..3 {
        assert_eq!(stage.scheduler.waiting(), 3 - waited.len());
        stage.advance(SECOND).await;
        waited.push(stage.served().last().copied());
    }
    assert_eq!(stage.served(), ["first", "first again", "second", "third"]);
    let permit = again.await.unwrap().1.unwrap();
    assert_eq!(permit.waited, Waited { receiver: SECOND, app: Duration::ZERO });
}

#[tokio::test]
async fn a_repeated_attempt_that_came_between_goes_between() {
    let stage = Stage::new(&rules(2, AMPLE));
    let first = ticket_of(stage.comes("first", 1).await).await;
    let second = ticket_of(stage.comes("second", 1).await).await;
    let _third = stage.comes("third", 1).await;
    let _again = [
        stage.comes_with(second, "second again", 0, 1),
        stage.comes_with(first, "first again", 0, 1),
    ];
    settle().await;
    stage.advance(SECOND).await;
    assert_eq!(stage.served()[2..], ["first again", "second again"]);
    stage.advance(SECOND).await;
    assert_eq!(stage.served()[4..], ["third"]);
}

#[tokio::test]
async fn an_older_ticket_takes_over_a_newcomers_place_in_the_apps_queue() {
    let (stage, again) = comes_back_among_others().await;
    for _ in 0..4 {
        stage.advance(app_period()).await;
    }
    assert_eq!(stage.served()[1..], ["for 2", "first again", "for 3", "newcomer"]);
    let permit = again.await.unwrap().1.unwrap();
    assert_eq!(permit.waited, Waited { receiver: Duration::ZERO, app: app_period() * 2 });
}

#[tokio::test]
async fn an_older_ticket_takes_over_the_place_of_a_request_that_is_first_and_sleeps() {
    let stage = Stage::new(&rules(AMPLE, 1));
    let first = ticket_of(stage.comes("first", 1).await).await;
    let _waiting = [stage.comes("newcomer", 1).await, stage.comes("for 2", 2).await];
    let _again = stage.comes_with(first, "first again", 0, 1);
    settle().await;
    for _ in 0..3 {
        stage.advance(app_period()).await;
    }
    assert_eq!(stage.served()[1..], ["first again", "for 2", "newcomer"]);
}

#[tokio::test]
async fn the_requests_of_two_apps_for_one_receiver_do_not_wait_for_one_another() {
    let stage = Stage::new(&rules(AMPLE, 1));
    let by_other = |ticket, name, to| stage.comes_with(ticket, name, 1, to);
    let first = ticket_of(by_other(Ticket::draw(&stage.scheduler), "first", 1)).await;
    let _full = stage.comes("full", 2).await;
    let _waiting = [
        stage.comes("newcomer", 1).await,
        stage.comes("for 2", 2).await,
        by_other(Ticket::draw(&stage.scheduler), "for 3", 3),
    ];
    settle().await;
    let _again = by_other(first, "first again", 1);
    settle().await;
    // Each app has a queue of its own, and the receiver can get the messages of both.
    for expected in [["for 3", "newcomer"], ["first again", "for 2"]] {
        let before = stage.served().len();
        stage.advance(app_period()).await;
        let mut now = stage.served()[before..].to_vec();
        now.sort_unstable();
        assert_eq!(now, expected);
    }
}

#[tokio::test]
async fn what_was_waited_for_the_receiver_and_for_the_app_is_told_apart() {
    let stage = Stage::new(&rules(1, 1));
    assert_eq!(stage.comes_for(Duration::ZERO, 1).await, Ok(AT_ONCE));
    stage.advance(app_period() / 2).await;
    let waiting = [stage.comes("for 1", 1).await, stage.comes("for 2", 2).await];
    stage.advance(app_period()).await;
    stage.advance(app_period()).await;
    let mut waited = Vec::new();
    for task in waiting {
        waited.push(task.await.unwrap().1.unwrap().waited);
    }
    assert_eq!(stage.served(), ["for 2", "for 1"]);
    assert_eq!(waited[1], Waited { receiver: Duration::ZERO, app: app_period() });
    assert_eq!(waited[0].receiver, app_period());
}

#[tokio::test]
async fn a_newcomer_does_not_pass_a_sleeping_request_whose_permit_has_come() {
    let stage = Stage::new(&rules(2, AMPLE));
    for _ in 0..2 {
        assert_eq!(stage.comes_for(Duration::ZERO, 0).await, Ok(AT_ONCE));
    }
    let _first = stage.comes("first", 0).await;
    // There is enough for both, and a task that was woken runs only when this one waits.
    stage.time.advance(SECOND);
    stage.comes_for(PATIENCE, 0).await.unwrap();
    assert_eq!(stage.served(), ["first"]);
}
