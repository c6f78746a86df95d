//! Each fault does what it says.

use std::time::Duration;

use jiff::SignedDuration;
use redis::Script;

use super::*;
use crate::clock::ManualClock;
use crate::redis::{RedisClient, TIMEOUT, Unavailable};
use crate::telemetry::metrics::Metrics;

const COUNT: &str =
    "return redis.call('HSET', KEYS[1], ARGV[1], 'x') + redis.call('HLEN', KEYS[1])";

/// A server with a replica, and a gateway that is connected to it.
struct Stage {
    redis: SimulatedRedis,
    client: RedisClient,
    hand: ManualClock,
}

impl Stage {
    async fn new() -> Self {
        let (clock, hand) = Clock::manual();
        let redis = SimulatedRedis::new(clock.clone());
        redis.add_replica();
        let client = RedisClient::simulated(redis.clone(), clock, Metrics::new());
        client.connect().await.expect("a connection");
        Self { redis, client, hand }
    }

    /// Adds a field to a hash. Returns 1 and the number of fields.
    async fn add(&self, name: &str) -> Result<u64, Unavailable> {
        let script = Script::new(COUNT);
        let mut call = script.key("hash");
        self.client.run("test", call.arg(name)).await
    }

    /// The next request has this fate, and those after it none.
    fn next(&self, fate: Fate) {
        let mut fate = Some(fate);
        self.redis.decide_by(move || fate.take().unwrap_or_default());
    }

    fn has(&self, name: &str) -> bool {
        let command = ["HEXISTS", "hash", name].map(|it| it.as_bytes().to_vec());
        self.redis.ask(&command) == Reply::Number(1)
    }
}

#[tokio::test]
async fn what_fails_on_the_way_has_its_effect_or_has_none_as_its_fate_says() {
    for (failure, has_effect) in [(Failure::NotSent, false), (Failure::AnswerLost, true)] {
        let stage = Stage::new().await;
        assert_eq!(stage.add("a").await.unwrap(), 2);
        stage.next(Fate { failure: Some(failure), ..Fate::default() });
        assert!(matches!(stage.add("b").await, Err(Unavailable::Failed(_))), "{failure:?}");
        assert_eq!(stage.has("b"), has_effect, "{failure:?}");
        assert!(!stage.client.is_connected());
        stage.client.connect().await.unwrap();
        assert_eq!(stage.add("c").await.unwrap(), if has_effect { 4 } else { 3 });
    }
}

#[tokio::test]
async fn a_late_answer_comes_after_the_effect_or_before_it() {
    for (there, back) in [(TIMEOUT * 2, Duration::ZERO), (Duration::ZERO, TIMEOUT * 2)] {
        let stage = Stage::new().await;
        assert_eq!(stage.add("a").await.unwrap(), 2);
        stage.next(Fate { there, back, ..Fate::default() });
        let late = async {
            stage.hand.wait_for_sleepers(|all| all.len() > 1).await;
            assert_eq!(stage.has("b"), there.is_zero());
            stage.hand.advance(TIMEOUT);
        };
        let (answer, ()) = tokio::join!(stage.add("b"), late);
        assert!(matches!(answer, Err(Unavailable::Late)));
        stage.hand.advance(TIMEOUT);
        // Nothing overtakes what was sent before it.
        assert_eq!(stage.add("c").await.unwrap(), 4);
    }
}

#[tokio::test]
async fn a_server_that_took_over_lacks_the_last_writes_and_all_scripts() {
    let stage = Stage::new().await;
    for name in ["a", "b", "c"] {
        stage.add(name).await.unwrap();
    }
    stage.redis.happens(Event::FailedOver(2));
    assert!(stage.add("d").await.is_err(), "the connection was closed");
    assert!(stage.has("a") && !stage.has("b") && !stage.has("c"));
    let sha = Script::new(COUNT).get_hash().to_owned();
    let command = ["EVALSHA", &sha, "1", "hash", "d"].map(|it| it.as_bytes().to_vec());
    assert!(matches!(stage.redis.ask(&command), Reply::Error(it) if it.starts_with("NOSCRIPT")));
    stage.client.connect().await.unwrap();
    assert_eq!(stage.add("d").await.unwrap(), 3);
}

#[tokio::test]
async fn only_a_server_that_ends_closes_its_connections() {
    let stage = Stage::new().await;
    stage.add("a").await.unwrap();
    stage.redis.happens(Event::ScriptsForgotten);
    assert_eq!(stage.add("b").await.unwrap(), 3);
    stage.redis.happens(Event::Restarted);
    assert!(stage.add("c").await.is_err());
    stage.client.connect().await.unwrap();
    assert_eq!(stage.add("c").await.unwrap(), 4);
}

#[tokio::test]
async fn a_server_that_takes_no_writes_says_why_and_goes_on_later() {
    for (why, code) in [(NoWrites::Full, "OOM"), (NoWrites::ReadOnly, "READONLY")] {
        let stage = Stage::new().await;
        stage.redis.happens(Event::Writes(Some(why)));
        let refused = stage.add("a").await.unwrap_err();
        assert!(refused.to_string().contains(code), "{refused}");
        stage.redis.happens(Event::Writes(None));
        stage.client.connect().await.unwrap();
        assert_eq!(stage.add("a").await.unwrap(), 2);
    }
}

#[tokio::test]
async fn keys_expire_by_the_servers_own_clock_which_can_be_wrong() {
    let stage = Stage::new().await;
    let ask = |command: &[&str]| {
        let parts: Vec<_> = command.iter().map(|it| it.as_bytes().to_vec()).collect();
        stage.redis.ask(&parts)
    };
    ask(&["SET", "key", "x", "PX", "1000"]);
    stage.hand.advance(Duration::from_secs(1));
    assert_eq!(ask(&["EXISTS", "key"]), Reply::Number(1));
    stage.redis.happens(Event::ClockStepped(SignedDuration::from_millis(-500)));
    assert_eq!(ask(&["PTTL", "key"]), Reply::Number(500));
    stage.redis.happens(Event::ClockDrifts(100_000));
    stage.hand.advance(Duration::from_millis(100));
    assert_eq!(ask(&["PTTL", "key"]), Reply::Number(390));
    stage.redis.happens(Event::ClockStepped(SignedDuration::from_millis(391)));
    assert_eq!(ask(&["EXISTS", "key"]), Reply::Number(0));
}

#[tokio::test]
async fn one_gateway_can_be_cut_off_while_another_one_is_not() {
    let stage = Stage::new().await;
    let (other, clock) = (stage.redis.for_another(), Clock::manual().0);
    let client = RedisClient::simulated(other, clock, Metrics::new());
    client.connect().await.unwrap();
    stage.redis.set_reach(Reach::Refused);
    assert!(stage.add("a").await.is_err());
    assert!(stage.client.connect().await.is_err());
    let (script, before) = (Script::new(COUNT), stage.redis.micros());
    assert_eq!(client.run::<u64>("test", script.key("hash").arg("b")).await.unwrap(), 2);
    stage.redis.set_reach(Reach::Open);
    stage.client.connect().await.unwrap();
    stage.redis.happens(Event::Emptied);
    assert_eq!((stage.add("a").await.unwrap(), stage.redis.micros()), (2, before));
}

#[tokio::test]
async fn a_request_that_is_sent_again_has_its_effect_twice() {
    let stage = Stage::new().await;
    let failure = Some(Failure::AnswerLostAndSentAgain);
    stage.redis.decide_by(move || Fate { failure, ..Fate::default() });
    // The second time nothing is added to what is there.
    assert_eq!(stage.add("a").await.unwrap(), 1);
}
