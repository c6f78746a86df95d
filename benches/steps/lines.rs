//! The lines in front of the limits, and those who wait in them.

use std::hint::black_box;
use std::iter::repeat_n;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use feishu_forward_gateway::clock::{Clock, Moment};
use feishu_forward_gateway::limits::{LimitKey, Rules};
use feishu_forward_gateway::model::api_key::Caller;
use feishu_forward_gateway::model::feishu_api::FeishuApi;
use feishu_forward_gateway::model::installation::Installation;
use feishu_forward_gateway::model::receiver::Receiver;
use feishu_forward_gateway::model::share::{Budget, Weight};
use feishu_forward_gateway::model::urgency::Urgency;
use feishu_forward_gateway::queue::{Bounds, Request, Scheduler, Ticket};
use tokio::runtime::{Builder, Runtime};

use crate::REPEATS;
use crate::limits::{APP, long_rules, one_call, receiver};

/// When nobody has come to their turn by then, the benchmark is over.
const AT_LAST: Moment = Duration::from_secs(u32::MAX as u64);

/// Lines, those who wait in them, and those who come now, one after the other.
pub(crate) struct Waiting {
    scheduler: &'static Scheduler,
    key: LimitKey,
    caller: Caller,
    comers: Vec<Receiver>,
    runtime: Runtime,
    asleep: Vec<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Waiting {
    fn new(per_receiver: u32, in_all: usize, comers: Vec<Receiver>) -> Self {
        Self::under(&long_rules(per_receiver), in_all, comers)
    }

    fn under(rules: &Rules, in_all: usize, comers: Vec<Receiver>) -> Self {
        let app: Arc<str> = APP.into();
        let bounds = Bounds { per_receiver: usize::MAX, in_all };
        let scheduler = Scheduler::new(rules, bounds, Clock::system());
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        // Those who wait borrow it until the process ends.
        let scheduler = Box::leak(Box::new(scheduler));
        let key = LimitKey::new(Installation::self_built(app), FeishuApi::Forward);
        Self { scheduler, key, caller: caller("comer"), comers, runtime, asleep: Vec::new() }
    }

    /// Each receiver has its turn now.
    pub(crate) fn take(&self) {
        self.come(AT_LAST, |turn| matches!(turn, Poll::Ready(true)));
    }

    /// Each has somebody join its line, who then gives up.
    pub(crate) fn join_and_leave(&self) {
        self.come(AT_LAST, |turn| turn.is_pending());
    }

    pub(crate) fn refuse(&self) {
        self.come(AT_LAST, |turn| matches!(turn, Poll::Ready(false)));
    }

    pub(crate) fn refuse_at_once(&self) {
        self.come(Moment::ZERO, |turn| matches!(turn, Poll::Ready(false)));
    }

    fn come(&self, until: Moment, is_expected: impl Fn(Poll<bool>) -> bool) {
        let _time = self.runtime.enter();
        for receiver in &self.comers {
            let mut ticket = Ticket::draw(self.scheduler);
            let (key, caller) = (&self.key, &self.caller);
            let request = Request { key, receiver, caller, urgency: Urgency::Interactive, until };
            let turn = pin!(ticket.acquire(self.scheduler, &request));
            assert!(is_expected(black_box(look(turn)).map(|turn| turn.is_ok())));
        }
    }

    /// Each of these callers waits for a receiver.
    fn with_callers(mut self, waiting: impl Iterator<Item = (Caller, Receiver)>) -> Self {
        let time = self.runtime.enter();
        for (caller, receiver) in waiting {
            let scheduler = self.scheduler;
            let key = self.key.clone();
            let mut turn = Box::pin(async move {
                let (key, caller, receiver) = (&key, &caller, &receiver);
                let (urgency, until) = (Urgency::Interactive, AT_LAST);
                let request = Request { key, receiver, caller, urgency, until };
                let _ = Ticket::draw(scheduler).acquire(scheduler, &request).await;
            });
            assert!(look(turn.as_mut()).is_pending(), "the turn is taken");
            self.asleep.push(turn);
        }
        drop(time);
        self
    }
}

pub(crate) fn caller(name: &str) -> Caller {
    Caller {
        name: name.into(),
        app: APP.into(),
        tenant: None,
        policy: Arc::default(),
        weight: Weight::ONE,
        budget: Budget::default(),
    }
}

fn numbered(number: usize) -> Caller {
    caller(&format!("caller {number}"))
}

fn look<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Receivers that the limits know, and that may get more.
pub(crate) fn ready_turns() -> Waiting {
    let ready = Waiting::new(5, 1, (0..REPEATS).map(receiver).collect());
    ready.take();
    ready
}

/// `count` others wait, each for another receiver.
pub(crate) fn others_wait(count: usize) -> Waiting {
    among(count, usize::MAX)
}

/// The same, and there is room for no more.
pub(crate) fn full(count: usize) -> Waiting {
    among(count, count)
}

/// All have had their turns, and `count` of them wait for the next; those who come do not.
fn among(count: usize, in_all: usize) -> Waiting {
    let mut all = Waiting::new(1, in_all, (0..count + REPEATS).map(receiver).collect());
    all.take();
    all.comers.drain(..count);
    // One caller alone could not take all the room that there is.
    all.with_callers((0..count).map(|number| (numbered(number), receiver(number))))
}

/// `count` others wait for the same receiver.
pub(crate) fn same_waits(count: usize) -> Waiting {
    let mut all = Waiting::new(1, usize::MAX, vec![receiver(0)]);
    all.take();
    all.comers = repeat_n(receiver(0), REPEATS).collect();
    all.with_callers(repeat_n((caller("other"), receiver(0)), count))
}

/// The app's only call is made, and a forward of each of `count` other callers waits for the next one.
pub(crate) fn callers_wait(count: usize) -> Waiting {
    let mut all = Waiting::under(&one_call(), usize::MAX, vec![receiver(0)]);
    all.take();
    all.comers = repeat_n(receiver(0), REPEATS).collect();
    all.with_callers((1..=count).map(|number| (numbered(number), receiver(number))))
}
