//! Many at once, in many threads: nobody is passed over for ever.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// Somebody whose wake-up were lost would wait until this is over; everybody else is done long before.
const FOR_EVER: Duration = Duration::from_hours(1000);
const FORWARDS: usize = 200;

/// Ends after so many looks of its task.
async fn looks(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

/// Ends after some looks, or for most never.
async fn patience(random: &mut StdRng) {
    if random.random_bool(0.7) {
        pending::<()>().await;
    }
    looks(random.random_range(0..60)).await;
}

/// A forward of up to three attempts, some of which are dropped while they wait.
async fn forward(stage: Stage, seed: u64) -> Result<(), QueueError> {
    let mut random = StdRng::seed_from_u64(seed);
    let scheduler = &stage.scheduler;
    let (app, to) = (random.random_range(0..2), receiver(random.random_range(0..5)));
    let urgency = Urgency::ALL[random.random_range(0..2)];
    let request = Request { urgency, ..stage.request(app, &to, FOR_EVER) };
    looks(random.random_range(0..200)).await;
    let mut ticket = Ticket::draw(scheduler);
    for _ in 0..3 {
        let permit = tokio::select! {
            biased;
            permit = ticket.acquire(scheduler, &request) => permit?,
            () = patience(&mut random) => return Ok(()),
        };
        looks(random.random_range(0..10)).await;
        scheduler.limiter.release(&to, permit.hold.taken_at);
        match random.random_range(0..10) {
            0..4 => {
                scheduler.receiver_accepted(&to, permit.is_probe);
                return Ok(());
            }
            4..7 => scheduler.receiver_refused(&to, permit.is_probe),
            7 => scheduler.app_refused(&stage.keys[app], SECOND),
            _ => {}
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_for_ever_whoever_leaves_comes_back_or_is_refused() {
    for round in 0..20 {
        let stage = Stage::new(&rules(2, 5));
        let done = Arc::new(AtomicUsize::new(0));
        let mut forwards = Vec::new();
        for number in 0..FORWARDS {
            let (stage, done) = (stage.clone(), Arc::clone(&done));
            forwards.push(tokio::spawn(async move {
                let result = forward(stage, (round * FORWARDS + number) as u64).await;
                done.fetch_add(1, Relaxed);
                result
            }));
        }
        while done.load(Relaxed) < FORWARDS {
            stage.time.advance(MS * 100);
            yield_now().await;
        }
        for forward in forwards {
            assert_eq!(forward.await.expect("a forward does not panic"), Ok(()));
        }
        assert_eq!(stage.scheduler.waiting(), 0);
    }
}
