//! A ticket in a real Redis.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::redis::testing::{FOREIGN, TestRedis};

fn replica(redis: &TestRedis) -> RedisTicket {
    RedisTicket::new(redis.store(), &redis.prefix, "cli_1")
}

fn seal(secret: &str) -> Seal {
    Seal::new(&SecretString::from(secret))
}

fn ticket(text: &str, seconds: i64) -> AppTicket {
    let sent_at = Timestamp::from_second(1_700_000_000 + seconds).unwrap();
    AppTicket { ticket: text.into(), sent_at }
}

fn found(redis: &TestRedis, at: &RedisTicket, secret: &str) -> Option<String> {
    let ticket = redis.run(at.load(&seal(secret))).unwrap()?;
    Some(ticket.ticket.expose_secret().to_owned())
}

#[test]
fn a_ticket_that_one_replica_hears_is_known_to_those_with_the_same_secret() {
    let redis = TestRedis::new();
    let (one, other) = (replica(&redis), replica(&redis));
    assert_eq!(found(&redis, &other, "hush"), None);
    redis.run(one.keep(&seal("hush"), &ticket("one", 0))).unwrap();
    assert_eq!(found(&redis, &other, "hush").as_deref(), Some("one"));
    let loaded = redis.run(other.load(&seal("hush"))).unwrap().unwrap();
    assert_eq!(loaded.sent_at, ticket("one", 0).sent_at);
    assert_eq!(found(&redis, &other, "changed"), None);
}

#[test]
fn only_a_later_ticket_replaces_one_and_only_an_earlier_one_is_forgotten() {
    let redis = TestRedis::new();
    let one = replica(&redis);
    let [early, middle, late] = [ticket("early", 0), ticket("middle", 1), ticket("late", 2)];
    redis.run(one.keep(&seal("hush"), &middle)).unwrap();
    redis.run(one.keep(&seal("hush"), &early)).unwrap();
    assert_eq!(found(&redis, &one, "hush").as_deref(), Some("middle"));
    redis.run(one.keep(&seal("hush"), &late)).unwrap();
    redis.run(one.forget(&middle)).unwrap();
    assert_eq!(found(&redis, &one, "hush").as_deref(), Some("late"));
    redis.run(one.forget(&late)).unwrap();
    assert_eq!(found(&redis, &one, "hush"), None);
}

#[test]
fn what_is_no_ticket_of_ours_is_as_if_absent() {
    let redis = TestRedis::new();
    let one = replica(&redis);
    let ours = [
        "redis.call('HSET', KEYS[1], 'sent_at', '1', 'sealed', 'words')",
        "redis.call('HSET', KEYS[1], 'sent_at', '9e99', 'sealed', 'words') redis.call('EXPIRE', KEYS[1], 60)",
        "redis.call('HSET', KEYS[1], 'sent_at', '99999999999999999999', 'sealed', 'words') \
         redis.call('EXPIRE', KEYS[1], 60)",
        "redis.call('HSET', KEYS[1], 'sent_at', '2000000000000', 'sealed', 'words') \
         redis.call('EXPIRE', KEYS[1], 86400)",
        "redis.call('HSET', KEYS[1], 'sealed', 'words') redis.call('EXPIRE', KEYS[1], 60)",
        "redis.call('HSET', KEYS[1], 'sent_at', '1') redis.call('EXPIRE', KEYS[1], 60)",
    ];
    for lua in FOREIGN.iter().copied().chain(ours) {
        redis.plant("app_ticket:cli_1", lua);
        assert_eq!(found(&redis, &one, "hush"), None, "{lua}");
        redis.run(one.forget(&ticket("one", 0))).unwrap();
        redis.run(one.keep(&seal("hush"), &ticket("one", 0))).unwrap();
        assert_eq!(found(&redis, &one, "hush").as_deref(), Some("one"), "{lua}");
    }
}
