//! What becomes of the gateways and of the Redis that they share: one thing after the other, in turn.

use std::sync::Arc;
use std::time::Duration;

use feishu_forward_gateway::clock::Moment;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::faults::Faults;
use crate::gateway::Gateway;
use crate::redis::Redis;
use crate::signal::Signal;

pub(super) struct Upheaval {
    gateway: Arc<Gateway>,
    redis: Redis,
    dice: StdRng,
    happened: Faults,
}

/// Time between the end of one thing and the beginning of the next one: all can come right meanwhile.
const CALM: Duration = Duration::from_secs(5);
/// Longest time for a gateway to drain.
const DRAINED_WITHIN: Duration = Duration::from_secs(30);

/// What happens.
///
/// A gateway that is killed and a Redis that is emptied are far apart: what only those two knew is lost, and the
/// README's promise excludes that.
#[derive(Clone, Copy, Debug)]
enum Event {
    GatewayKilled,
    GatewayStandsStill,
    RedisStandsStill,
    RedisKilledAndComesBackEmpty,
    GatewayDrains,
    RedisFull,
}

const EVENTS: [Event; 6] = [
    Event::GatewayKilled,
    Event::GatewayStandsStill,
    Event::RedisStandsStill,
    Event::RedisKilledAndComesBackEmpty,
    Event::GatewayDrains,
    Event::RedisFull,
];

impl Upheaval {
    pub(super) fn new(gateway: &Arc<Gateway>, redis: Redis, seed: u64) -> Self {
        let dice = StdRng::seed_from_u64(!seed);
        Self { gateway: Arc::clone(gateway), redis, dice, happened: Faults::new() }
    }

    /// Lets things happen until `ends`; then all gateways run, and Redis does.
    pub(super) async fn reign(mut self, ends: Moment) -> (Faults, Redis) {
        for event in EVENTS.into_iter().cycle() {
            self.gateway.pause(CALM).await;
            if self.gateway.clock.now() + CALM > ends {
                break;
            }
            let began = self.gateway.clock.now();
            self.happen(event).await;
            println!("  from {began:.1?} to {:.1?} {event:?}", self.gateway.clock.now());
            *self.happened.entry(format!("{event:?}")).or_default() += 1;
        }
        (self.happened, self.redis)
    }

    async fn happen(&mut self, event: Event) {
        let replicas = Arc::clone(&self.gateway.replicas);
        let number = self.dice.random_range(0..replicas.count());
        let a_while = Duration::from_millis(self.dice.random_range(200..4000));
        match event {
            Event::GatewayKilled => {
                // Nothing announces it, so callers notice first.
                replicas.program(number).signal(Signal::Kill);
                replicas.replace(number).await;
            }
            Event::GatewayStandsStill => {
                replicas.program(number).signal(Signal::Stop);
                self.gateway.pause(a_while).await;
                replicas.program(number).signal(Signal::Continue);
            }
            Event::GatewayDrains => {
                replicas.withdraw(number);
                replicas.program(number).signal(Signal::Terminate);
                let until = self.gateway.clock.now() + DRAINED_WITHIN;
                let has_ended = async || replicas.program(number).has_ended();
                assert!(self.gateway.holds_by(until, has_ended).await, "a gateway does not drain");
                replicas.replace(number).await;
            }
            Event::RedisStandsStill => {
                self.redis.signal(Signal::Stop);
                self.gateway.pause(a_while).await;
                self.redis.signal(Signal::Continue);
            }
            Event::RedisKilledAndComesBackEmpty => {
                self.redis.signal(Signal::Kill);
                self.gateway.pause(a_while).await;
                self.redis.restart().await;
            }
            Event::RedisFull => {
                self.redis.command("CONFIG SET maxmemory 1");
                self.gateway.pause(a_while).await;
                self.redis.command("CONFIG SET maxmemory 0");
            }
        }
    }
}
