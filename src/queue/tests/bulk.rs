//! Bulk forwards leave half of the app's burst, so that interactive ones feel nothing of them.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::load::*;
use super::*;

/// Feishu's limits for the app, and none worth speaking of for a receiver.
const APP_ONLY: Rules = Rules { receiver_per_second: NonZeroU32::new(AMPLE).unwrap(), ..FEISHUS };

impl Stage {
    /// A flood of bulk forwards that has begun some time ago.
    async fn flooded(&self) -> Load {
        let bulk = Load { urgency: Urgency::Bulk, ..Load::new(self, "bulk", 1) };
        bulk.keeps_forwarding_to(0..20);
        self.passes(SECOND * 5).await;
        bulk
    }

    fn bulk<'a>(&'a self, receiver: &'a Receiver, wait: Duration) -> Request<'a> {
        let until = self.scheduler.clock.now() + wait;
        Request { urgency: Urgency::Bulk, ..self.request(0, receiver, until) }
    }

    /// A bulk forward comes, and has found a place when this returns.
    async fn bulk_comes(&self, to: usize) -> JoinHandle<Result<Permit, QueueError>> {
        let stage = self.clone();
        let task = tokio::spawn(async move {
            let receiver = receiver(to);
            let request = stage.bulk(&receiver, PATIENCE);
            let permit = Ticket::draw(&stage.scheduler).acquire(&stage.scheduler, &request).await;
            permit.map(|permit| stage.scheduler.used(permit, to))
        });
        settle().await;
        task
    }

    /// So many bulk forwards come, of which none waits.
    async fn bulk_go(&self, count: usize) {
        for to in 0..count {
            assert!(self.bulk_comes(to).await.is_finished(), "{to} of {count}");
        }
    }

    /// The p99 of the waits of interactive forwards that come after these gaps.
    async fn p99_of(&self, gaps: Vec<Duration>) -> Duration {
        let (step, mut next, waits) = (MS * 5, Duration::ZERO, Arc::new(Mutex::new(Vec::new())));
        for (number, gap) in gaps.into_iter().enumerate() {
            next += gap;
            while next >= step {
                next = next.saturating_sub(step);
                self.time.advance(step);
                for _ in 0..10 {
                    yield_now().await;
                }
            }
            let (stage, waits) = (self.clone(), Arc::clone(&waits));
            drop(tokio::spawn(async move {
                let permit = stage.comes_for(MAX_WAIT, 1000 + number).await;
                waits.lock().unwrap().push(permit.expect("it is in time").waited.app);
            }));
        }
        self.passes(MAX_WAIT).await;
        let mut waits = waits.lock().unwrap().clone();
        waits.sort_unstable();
        waits[waits.len() * 99 / 100]
    }
}

/// The times between forwards that come by chance, so many a second.
fn by_chance(per_second: f64, count: usize) -> Vec<Duration> {
    let mut random = StdRng::seed_from_u64(7);
    let gap = |_| Duration::from_secs_f64(-random.random_range(1e-9..1.0_f64).ln() / per_second);
    (0..count).map(gap).collect()
}

/// The times between forwards of which one comes in each of so many parts of a second, early or late in it.
fn one_in_each(parts: f64, count: usize) -> Vec<Duration> {
    let mut random = StdRng::seed_from_u64(7);
    let mut last = 0.0;
    let mut gap = |number| {
        let at = (f64::from(number) + random.random::<f64>()) / parts;
        Duration::from_secs_f64(at - std::mem::replace(&mut last, at))
    };
    (0..u32::try_from(count).unwrap()).map(&mut gap).collect()
}

#[tokio::test]
async fn who_comes_by_chance_ten_times_a_second_waits_for_nothing_behind_endless_bulk() {
    let stage = Stage::new(&FEISHUS);
    let bulk = stage.flooded().await;
    let before = bulk.permits();
    assert_eq!(stage.p99_of(by_chance(10.0, 400)).await, Duration::ZERO);
    let bulk_got = bulk.permits() - before;
    assert!(bulk_got > 200, "what is left is bulk's: {bulk_got}");
}

#[tokio::test]
async fn at_feishus_full_pace_endless_bulk_adds_less_than_a_tenth_to_the_waits_of_others() {
    // The limits allow 16.1 a second.
    let gaps = || one_in_each(16.0, 640);
    let alone = Stage::new(&FEISHUS).p99_of(gaps()).await;
    let stage = Stage::new(&FEISHUS);
    let _bulk = stage.flooded().await;
    let with_bulk = stage.p99_of(gaps()).await;
    assert!(with_bulk <= alone * 11 / 10, "{with_bulk:?} with bulk, and {alone:?} without");
}

#[tokio::test]
async fn bulk_alone_gets_nearly_all_that_the_limits_allow() {
    let stage = Stage::new(&FEISHUS);
    let bulk = stage.flooded().await;
    let before = bulk.permits();
    stage.passes(SECOND * 60).await;
    let got = bulk.permits() - before;
    assert!(got >= 950, "{got} of 1000");
}

#[tokio::test]
async fn one_who_always_takes_the_next_call_leaves_bulk_its_tenth() {
    let stage = Stage::new(&APP_ONLY);
    let bulk = stage.flooded().await;
    let interactive = Load::new(&stage, "one", 1);
    interactive.keeps_forwarding_to([1000]);
    stage.passes(SECOND * 5).await;
    let before = (bulk.permits(), interactive.permits());
    stage.passes(SECOND * 30).await;
    let (of_bulk, of_other) = (bulk.permits() - before.0, interactive.permits() - before.1);
    assert!(of_bulk >= (of_bulk + of_other) / 10 - 1, "{of_bulk}, and {of_other} of the other");
    assert!(of_bulk <= (of_bulk + of_other) / 8, "{of_bulk}, and {of_other} of the other");
}

#[tokio::test]
async fn a_bulk_forward_goes_at_the_moment_that_was_foretold_and_that_is_when_half_a_burst_is_left()
{
    let stage = Stage::new(&FEISHUS);
    let AppPace { burst, period } = FEISHUS.pace();
    let half = burst.get() as usize / 2;
    stage.bulk_go(half).await;
    // Interactive ones take three of those that are left.
    for to in 100..103 {
        assert_eq!(stage.comes_for(Duration::ZERO, to).await.unwrap().waited, Waited::default());
    }
    let to = receiver(200);
    assert_eq!(stage.scheduler.estimate(&stage.bulk(&to, PATIENCE)), Ok(period * 4));
    let late = stage.scheduler.estimate(&stage.bulk(&to, period * 3));
    assert_eq!(late, Err(QueueError::TooLate { scope: Scope::App, retry_after: period * 4 }));
    let waiting = [stage.bulk_comes(200).await, stage.bulk_comes(201).await];
    assert_eq!(stage.scheduler.estimate(&stage.bulk(&to, PATIENCE)), Ok(period * 6));
    stage.advance((period * 4).saturating_sub(Duration::from_nanos(1))).await;
    assert!(!waiting[0].is_finished());
    stage.advance(Duration::from_nanos(1)).await;
    assert!(waiting[0].is_finished() && !waiting[1].is_finished());
    // One more is taken, so the second one goes a period later.
    stage.comes_for(Duration::ZERO, 103).await.unwrap();
    stage.advance(period).await;
    assert!(!waiting[1].is_finished());
    stage.advance(period).await;
    let [_, second] = waiting;
    assert_eq!(second.await.unwrap().unwrap().waited.app, period * 6);
}

#[tokio::test]
async fn an_interactive_forward_does_not_wait_behind_a_bulk_one_for_the_same_receiver() {
    let stage = Stage::new(&FEISHUS);
    let half = FEISHUS.pace().burst.get() as usize / 2;
    stage.bulk_go(half).await;
    let bulk = [stage.bulk_comes(500).await, stage.bulk_comes(501).await];
    // More than the turns after which it is bulk's turn.
    for number in 0..half {
        let to = if number < 2 { 500 } else { 600 + number };
        assert_eq!(stage.comes_for(SECOND, to).await.unwrap().waited, Waited::default());
    }
    assert!(bulk.iter().all(|it| !it.is_finished()));
}

#[tokio::test]
async fn bulk_whose_turn_it_is_wakes_as_soon_as_an_interactive_forward_waits() {
    let stage = Stage::new(&APP_ONLY);
    let AppPace { burst, period } = APP_ONLY.pace();
    stage.bulk_go(burst.get() as usize / 2).await;
    let bulk = stage.bulk_comes(3).await;
    // These go, and each counts as a turn because its receiver is bulk's too.
    for _ in 0..9 {
        assert_eq!(stage.comes_for(SECOND, 3).await.unwrap().waited, Waited::default());
    }
    while stage.comes_for(Duration::ZERO, 4).await.is_ok() {}
    let interactive = stage.comes("interactive", 5).await;
    stage.advance(period).await;
    assert!(bulk.is_finished() && !interactive.is_finished());
    stage.advance(period).await;
    assert!(interactive.is_finished());
}

#[tokio::test]
async fn where_the_limits_allow_no_burst_bulk_gets_every_call() {
    let stage = Stage::new(&rules(AMPLE, 1));
    let bulk = Load { urgency: Urgency::Bulk, ..Load::new(&stage, "bulk", 1) };
    bulk.keeps_forwarding_to(0..3);
    settle().await;
    for _ in 0..10 {
        stage.advance(app_period()).await;
    }
    assert_eq!(bulk.permits(), 11);
}

#[tokio::test]
async fn waiting_bulk_takes_no_place_from_others_and_half_of_what_they_leave() {
    let bounds = Bounds { per_receiver: 20, in_all: 40 };
    let others = async |floods: bool| {
        let stage = Stage::bounded(&rules(1, AMPLE), bounds);
        let bulk = Load { urgency: Urgency::Bulk, ..Load::new(&stage, "bulk", 1) };
        if floods {
            bulk.keeps_forwarding_to((0..200).map(|number| number % 4));
            settle().await;
            // What one caller may take of half of them.
            assert_eq!(stage.scheduler.waiting(), 16);
        }
        let before = stage.scheduler.waiting();
        let one = Load::new(&stage, "one", 1);
        one.keeps_forwarding_to((0..200).map(|number| number % 4));
        settle().await;
        stage.scheduler.waiting() - before
    };
    assert_eq!(others(true).await, 32);
    assert_eq!(others(false).await, 32);
}

#[tokio::test]
async fn bulk_that_hangs_up_while_it_waits_leaves_nothing_behind() {
    let stage = Stage::new(&FEISHUS);
    let AppPace { burst, period } = FEISHUS.pace();
    stage.bulk_go(burst.get() as usize / 2).await;
    let mut waiting = Vec::new();
    for to in 300..310 {
        waiting.push(stage.bulk_comes(to).await);
    }
    let last = waiting.pop().unwrap();
    // The first one was woken and is gone before it looks.
    stage.time.advance(period);
    waiting.iter().for_each(JoinHandle::abort);
    settle().await;
    assert!(last.is_finished());
    assert_eq!(stage.scheduler.waiting(), 0);
    assert!(stage.scheduler.waiting_by_caller().is_empty());
    assert_eq!(stage.scheduler.estimate(&stage.bulk(&receiver(1), PATIENCE)), Ok(period));
}
