//! The lines in front of the limits, and those who wait in them.

use std::hint::black_box;
use std::iter::repeat_n;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use feishu_forward_gateway::clock::{Clock, Moment};
use feishu_forward_gateway::limits::LimitKey;
use feishu_forward_gateway::model::feishu_api::FeishuApi;
use feishu_forward_gateway::model::receiver::Receiver;
use feishu_forward_gateway::queue::{Bounds, Request, Scheduler, Ticket};
use tokio::runtime::{Builder, Runtime};

use crate::REPEATS;
use crate::limits::{APP, long_rules, receiver};

/// When nobody has come to their turn by then, the benchmark is over.
const AT_LAST: Moment = Duration::from_secs(u32::MAX as u64);

/// Lines, those who wait in them, and those who come now, one after the other.
pub(crate) struct Waiting {
    scheduler: &'static Scheduler,
    key: LimitKey,
    caller: Arc<str>,
    comers: Vec<Receiver>,
    runtime: Runtime,
    asleep: Vec<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Waiting {
    fn new(per_receiver: u32, in_all: usize, comers: Vec<Receiver>) -> Self {
        let app: Arc<str> = APP.into();
        let bounds = Bounds { per_receiver: usize::MAX, in_all };
        let scheduler =
            Scheduler::new(&long_rules(per_receiver), bounds, &[Arc::clone(&app)], Clock::system());
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        // Those who wait borrow it until the process ends.
        let scheduler = Box::leak(Box::new(scheduler));
        let key = LimitKey::new(&app, FeishuApi::Forward);
        Self { scheduler, key, caller: "caller".into(), comers, runtime, asleep: Vec::new() }
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
            let request = Request { key: &self.key, receiver, caller: &self.caller, until };
            let turn = pin!(ticket.acquire(self.scheduler, &request));
            assert!(is_expected(black_box(look(turn)).map(|turn| turn.is_ok())));
        }
    }

    /// Somebody waits for each of the receivers.
    fn with_waiting(mut self, receivers: impl Iterator<Item = Receiver>) -> Self {
        let time = self.runtime.enter();
        for receiver in receivers {
            let scheduler = self.scheduler;
            let (key, caller) = (self.key.clone(), Arc::clone(&self.caller));
            let mut turn = Box::pin(async move {
                let until = AT_LAST;
                let request = Request { key: &key, receiver: &receiver, caller: &caller, until };
                let _ = Ticket::draw(scheduler).acquire(scheduler, &request).await;
            });
            assert!(look(turn.as_mut()).is_pending(), "its receiver's turn is taken");
            self.asleep.push(turn);
        }
        drop(time);
        self
    }
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
    among(count, count + 1)
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
    all.with_waiting((0..count).map(receiver))
}

/// `count` others wait for the same receiver.
pub(crate) fn same_waits(count: usize) -> Waiting {
    let mut all = Waiting::new(1, count + 1, vec![receiver(0)]);
    all.take();
    all.comers = repeat_n(receiver(0), REPEATS).collect();
    all.with_waiting(repeat_n(receiver(0), count))
}
