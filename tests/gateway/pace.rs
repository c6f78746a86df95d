//! The limits as Feishu sees them: its own ledger says how many arrived in any span.

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroUsize};
use std::thread;
use std::time::Duration;

use feishu_forward_gateway::limits::AppPace;
use feishu_simulator::{Api, Ledger};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::task::JoinHandle;

use gateway_harness::{Answer, Gateway, Setup, all, client, gateway, guarded, ms};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// How the gateway paces an app by default.
fn default_pace() -> AppPace {
    let number = |n| NonZeroU32::new(n).expect("not zero");
    AppPace::derive(number(50), number(1000), ms(50))
}

#[actix_web::test]
async fn an_app_may_burst_34_and_then_about_16_a_second() {
    let gateway = gateway().start().await;
    let pace = default_pace();
    assert_eq!(pace.burst.get(), 34);
    assert!((15.9..16.2).contains(&(1.0 / pace.period.as_secs_f64())), "{pace:?}");

    let mut forwards: Vec<_> =
        (0..34).map(|number| gateway.forward(&format!("ou_{number}")).spawn()).collect();
    gateway.forwards_reach(34).await;
    for turn in 1..=30 {
        forwards.push(gateway.forward(&format!("on_{turn}")).spawn());
        gateway.sleeps_until(pace.period * turn).await;
        gateway.advance_to(pace.period * turn);
        gateway.forwards_reach(34 + turn as usize).await;
    }
    all(forwards).await.iter().for_each(|answer| drop(answer.message_id()));
    let ledger = gateway.simulator.ledger();
    let late: Vec<u64> = ledger.of(Api::Forward).skip(34).map(|it| it.at_ns).collect();
    let expected: Vec<u64> =
        (1..=30).map(|turn| u64::try_from((pace.period * turn).as_nanos()).unwrap()).collect();
    assert_eq!(late, expected);
    assert!(ledger.max_in_any_span(None, SECOND) <= 50);
}

#[actix_web::test]
async fn who_does_not_want_to_wait_for_the_app_is_told_that_it_is_the_app() {
    let gateway = gateway().start().await;
    let burst = (0..34).map(|number| gateway.forward(&format!("ou_{number}")).spawn()).collect();
    all(burst).await.iter().for_each(|answer| drop(answer.message_id()));
    let answer = gateway.forward("ou_next").header("prefer", "wait=0").send().await;
    let problem = answer.problem(429, "app_rate_limited", "not_delivered");
    assert!(problem.get("feishu").is_none());
    assert_eq!(answer.header("retry-after"), Some("1"));
    // What the app refuses has not used up the receiver's turn.
    assert_eq!(answer.header("ratelimit"), Some("\"receiver\";r=5;t=0"));
    assert_eq!(gateway.forwards().len(), 34);
}

#[actix_web::test]
async fn a_receiver_whose_line_is_long_does_not_starve_the_others() {
    let gateway = gateway().start().await;
    let pace = default_pace();
    let burst = (0..34).map(|number| gateway.forward(&format!("ou_{number}")).spawn()).collect();
    all(burst).await.iter().for_each(|answer| drop(answer.message_id()));
    // One receiver wants twenty messages, which the app's pace alone lets through in 1.25 s ...
    let busy = gateway.queue_up(20, "oc_busy").await;
    // ... and others, who come later, want one each.
    let others = [gateway.forward("oc_a").spawn(), gateway.forward("oc_b").spawn()];
    gateway.so_many_wait(22).await;
    for turn in 1..=4 {
        gateway.sleeps_until(pace.period * turn).await;
        gateway.advance_to(pace.period * turn);
        gateway.forwards_reach(34 + turn as usize).await;
    }
    let served: Vec<_> = gateway.forwards().into_iter().filter_map(|it| it.receive_id).collect();
    for other in ["oc_a", "oc_b"] {
        assert!(served.contains(&other.to_owned()), "{other} waits behind oc_busy: {served:?}");
    }
    all(others.into()).await.iter().for_each(|answer| drop(answer.message_id()));
    drop(busy);
}

/// Load in small steps of simulated time; a step ends when everybody has an answer or waits.
struct Load {
    gateway: Gateway,
    /// The forwards without an answer yet, by receiver.
    open: Vec<(String, JoinHandle<Answer>)>,
    refused: usize,
    /// How many stand first in a line and sleep, when so many receivers wait.
    first_in_line: fn(usize) -> usize,
    /// A connection to each worker: connections are dealt out to them in turn.
    workers: Vec<reqwest::Client>,
}

const STEP: Duration = Duration::from_millis(50);
/// No multiple of a step, so that the moment at which a wait ends tells that it is one.
const MAX_WAIT: Duration = Duration::from_micros(3_000_007);
/// Tasks that always sleep: the one that renews the token, and the one that sweeps the limits.
const OTHER_SLEEPERS: usize = 2;

impl Load {
    async fn start(setup: Setup, first_in_line: fn(usize) -> usize) -> Self {
        let gateway = setup.set("limits.max_wait", "3s 7us").start().await;
        let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let workers = (0..workers).map(|_| client()).collect();
        let load = Self { gateway, open: Vec::new(), refused: 0, first_in_line, workers };
        load.hear_every_worker().await;
        load
    }

    fn send(&mut self, receive_id: &str) {
        let forward = self.gateway.forward(receive_id).spawn();
        self.open.push((receive_id.to_owned(), forward));
    }

    /// Returns once everybody who has no answer is asleep in a line, and those who are first in
    /// theirs until a moment to come: then nothing at all can happen before time passes.
    async fn settle(&mut self) {
        guarded(async {
            loop {
                if self.is_settled().await {
                    // One who has a turn may look asleep while its worker's thread is held up. A
                    // worker does one thing after the other: when it answers, that one has gone.
                    self.hear_every_worker().await;
                    if self.is_settled().await {
                        break;
                    }
                }
                self.collect().await;
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn hear_every_worker(&self) {
        for worker in &self.workers {
            let answer = worker.get(format!("{}/nope", self.gateway.api)).send().await;
            assert_eq!(answer.expect("an answer").status(), 404);
        }
    }

    async fn is_settled(&self) -> bool {
        let steps = |since: Duration| since.as_nanos().is_multiple_of(STEP.as_nanos());
        let waits = |moment: &&Duration| moment.checked_sub(MAX_WAIT).is_some_and(steps);
        let (now, sleepers) = (self.gateway.clock.now(), self.gateway.sleepers().await);
        let receivers: BTreeSet<_> = self.open.iter().map(|(receiver, _)| receiver).collect();
        let first = (self.first_in_line)(receivers.len());
        sleepers.iter().all(|moment| *moment > now)
            && sleepers.iter().filter(waits).count() == self.open.len()
            // Who was first until somebody joined who had begun earlier may sleep on.
            && sleepers.len() >= self.open.len() + first + OTHER_SLEEPERS
    }

    /// Takes in the answers that have come. Nothing but our own limiter may say no.
    async fn collect(&mut self) {
        let is_answered = |(_, forward): &mut (String, JoinHandle<Answer>)| forward.is_finished();
        let answered: Vec<_> = self.open.extract_if(.., is_answered).collect();
        for (_, forward) in answered {
            let answer = forward.await.expect("a request does not panic");
            if answer.status != 200 {
                let problem = answer.json();
                assert_eq!(answer.status, 429, "{problem:#}");
                assert!(problem.get("feishu").is_none(), "{problem:#}");
                self.refused += 1;
            }
        }
    }

    async fn step(&mut self) {
        self.settle().await;
        self.gateway.advance(STEP);
    }

    /// Lets time pass until all forwards are answered, and returns what Feishu saw.
    async fn ledger(&mut self) -> Ledger {
        for _ in 0..80 {
            self.step().await;
        }
        self.settle().await;
        assert!(self.open.is_empty());
        assert!(self.refused > 0, "the load was never too much");
        let ledger = self.gateway.simulator.ledger();
        assert_eq!(ledger.deliveries.len(), ledger.of(Api::Forward).count(), "Feishu refused some");
        ledger
    }
}

#[actix_web::test]
async fn no_load_makes_more_than_five_a_second_arrive_for_one_receiver() {
    let mut random = StdRng::seed_from_u64(20);
    // Each receiver has a line.
    let mut load = Load::start(gateway().no_app_limits(), |receivers| receivers).await;
    let receivers: Vec<String> = (0..6).map(|number| format!("oc_{number}")).collect();
    // Two minutes: quiet, busy and too busy by turns, now and then a burst to one receiver.
    for step in 0..2400 {
        let most = [0, 1, 2, 4][step / 150 % 4];
        for _ in 0..random.random_range(0..=most) {
            load.send(&receivers[random.random_range(0..receivers.len())]);
        }
        if random.random_range(0..100) == 0 {
            let receiver = &receivers[random.random_range(0..receivers.len())];
            (0..15).for_each(|_| load.send(receiver));
        }
        load.step().await;
    }
    let ledger = load.ledger().await;
    for receiver in &receivers {
        assert_eq!(ledger.max_in_any_span(Some(receiver), SECOND), 5, "{receiver}");
    }
}

#[actix_web::test]
async fn no_load_makes_more_than_the_apps_limits_arrive() {
    let mut random = StdRng::seed_from_u64(50);
    // Everybody has another receiver, and all stand in the line of the app.
    let mut load = Load::start(gateway(), |receivers| receivers.min(1)).await;
    let mut number = 0;
    // Two and a half minutes: nothing for a while, so that a burst is there to be had, then too much.
    for step in 0..3000 {
        let most = [0, 1, 3, 3, 3, 3][step / 100 % 6];
        for _ in 0..random.random_range(0..=most) {
            number += 1;
            load.send(&format!("ou_{number}"));
        }
        if step % 600 == 100 {
            (0..60).for_each(|extra| load.send(&format!("on_{step}_{extra}")));
        }
        load.step().await;
    }
    let ledger = load.ledger().await;
    let second = ledger.max_in_any_span(None, SECOND);
    let minute = ledger.max_in_any_span(None, MINUTE);
    assert!((40..=50).contains(&second), "{second} in a second");
    assert!((800..=1000).contains(&minute), "{minute} in a minute");
}
