//! A token in a real Redis.

use super::*;
use crate::redis::testing::TestRedis;

const HOUR: Duration = Duration::from_hours(1);

fn replica(redis: &TestRedis, secret: &str) -> SharedToken {
    let app_secret = SecretString::from(secret);
    let credentials = Credentials { app_id: "cli_a".to_owned(), app_secret };
    SharedToken::self_built(redis.store(), &redis.prefix, &credentials)
}

#[test]
fn one_fetches_it_and_the_others_wait_for_it() {
    let redis = TestRedis::new();
    let (one, other) = (replica(&redis, "hush"), replica(&redis, "hush"));
    assert!(matches!(redis.wait(one.ask(Duration::ZERO)), SharedTokenReply::FetchIt));
    assert!(matches!(redis.wait(other.ask(Duration::ZERO)), SharedTokenReply::Wait));
    // Whoever asked first may have hung up.
    assert!(matches!(redis.wait(one.ask(Duration::ZERO)), SharedTokenReply::FetchIt));
    redis.wait(one.give(&"t-1".to_owned().into(), HOUR));
    let SharedTokenReply::Token(token, lives) = redis.wait(other.ask(Duration::ZERO)) else {
        panic!("no token")
    };
    assert_eq!(token.expose_secret(), "t-1");
    assert!(lives <= HOUR && lives > HOUR / 2);
}

#[test]
fn a_token_that_does_not_live_long_enough_is_fetched_by_one() {
    let redis = TestRedis::new();
    let (one, other) = (replica(&redis, "hush"), replica(&redis, "hush"));
    redis.wait(one.give(&"t-1".to_owned().into(), HOUR));
    assert!(matches!(redis.wait(one.ask(HOUR * 2)), SharedTokenReply::FetchIt));
    assert!(matches!(redis.wait(other.ask(HOUR * 2)), SharedTokenReply::Wait));
    assert!(matches!(redis.wait(other.ask(Duration::ZERO)), SharedTokenReply::Token(..)));
}

#[test]
fn whoever_cannot_fetch_it_lets_another_one_try() {
    let redis = TestRedis::new();
    let (one, other) = (replica(&redis, "hush"), replica(&redis, "hush"));
    assert!(matches!(redis.wait(one.ask(Duration::ZERO)), SharedTokenReply::FetchIt));
    // Only the one who is at it can give it up.
    redis.wait(other.give_up());
    assert!(matches!(redis.wait(other.ask(Duration::ZERO)), SharedTokenReply::Wait));
    redis.wait(one.give_up());
    assert!(matches!(redis.wait(other.ask(Duration::ZERO)), SharedTokenReply::FetchIt));
}

#[test]
fn a_token_of_another_secret_is_none() {
    let redis = TestRedis::new();
    let (one, other) = (replica(&redis, "hush"), replica(&redis, "changed"));
    redis.wait(one.give(&"t-1".to_owned().into(), HOUR));
    assert!(matches!(redis.wait(other.ask(Duration::ZERO)), SharedTokenReply::FetchIt));
}

#[test]
fn what_is_no_token_of_ours_is_as_if_absent() {
    let redis = TestRedis::new();
    let one = replica(&redis, "hush");
    for what in [
        // For a lease that is longer than any of ours.
        "redis.call('SET', KEYS[1], 'garbage', 'EX', 3600)",
        "redis.call('HSET', KEYS[1], 'a', 'b')",
        "redis.call('SET', KEYS[1], 'garbage')",
        "redis.call('SET', KEYS[1], string.rep('x', 10000), 'EX', 3600)",
        "redis.call('SET', KEYS[1], 'garbage', 'PX', 9007199254740000)",
    ] {
        for key in [&one.key, &one.lease] {
            let write = Script::new(&format!("redis.call('DEL', KEYS[1]) {what}"));
            let (): () = redis.wait(one.app.redis.run("test", &write.key(key)));
            assert!(
                matches!(redis.wait(one.ask(Duration::ZERO)), SharedTokenReply::FetchIt),
                "{what}"
            );
            redis.wait(one.give(&"t-1".to_owned().into(), HOUR));
            assert!(
                matches!(redis.wait(one.ask(Duration::ZERO)), SharedTokenReply::Token(..)),
                "{what}"
            );
            let remove = Script::new("redis.call('DEL', KEYS[1])");
            let (): () = redis.wait(one.app.redis.run("test", &remove.key(&one.key)));
        }
    }
}
