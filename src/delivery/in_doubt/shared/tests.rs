//! `uuid`s in a real Redis.

use super::*;
use crate::delivery::sent::Fate;
use crate::redis::testing::TestRedis;

const MILLISECOND: Duration = Duration::from_millis(1);
const IDENTITY: Identity =
    Identity { name: 7, content: 1, at_feishu: 3, idempotent: None, is_chosen: true };

struct Stage(TestRedis, Arc<SharedUuids>);

impl Stage {
    fn new() -> Self {
        let redis = TestRedis::new();
        let checkpoint = Arc::new(Checkpoint::new(redis.store(), &redis.prefix));
        let uuids = SharedUuids::new(redis.store(), &redis.prefix, Clock::system(), checkpoint);
        Self(redis, Arc::new(uuids))
    }

    fn join(&self, identity: Identity) -> (UuidClaim, Result<RemoteUuid, UuidReused>) {
        let joined = self.1.claim(identity, self.1.clock.stamp());
        let heard = self.0.wait(joined.join());
        (joined, heard)
    }

    /// Leaves and waits until that has arrived.
    fn leave(&self, joined: UuidClaim, end: Option<AttemptEnd>) {
        self.0.wait(async {
            if let Some(end) = end {
                joined.sends();
                joined.ended(end);
            }
            drop(joined);
            // During the first question it is sent; the second one is answered after it.
            for _ in 0..2 {
                let Identity { name, content, .. } = IDENTITY;
                self.1.run(&self.1.call("look", name, content, "", self.1.clock.stamp())).await?;
            }
            Ok(())
        });
    }

    /// Whether something is known to have gone out, if it may have.
    fn earlier(&self) -> Option<bool> {
        let (joined, heard) = self.join(IDENTITY);
        self.leave(joined, None);
        let earlier = heard.expect("not reused").prior;
        earlier.map(|it| matches!(it, Prior::Delivered(_)))
    }

    fn empty(&self) {
        let Identity { name, .. } = IDENTITY;
        self.0.plant(&format!("uuid:{name:032x}"), "");
    }

    /// Writes that Redis has begun to know all so long ago.
    fn is_born(&self, ago: Duration) {
        let micros = ago.as_micros();
        let born = format!(
            "local time = redis.call('TIME') \
             redis.call('SET', KEYS[1], time[1] * 1000000 + time[2] - {micros})"
        );
        self.0.plant("born", &born);
    }
}

#[test]
fn what_one_replica_has_sent_the_others_know_and_a_refusal_does_not_undo_it() {
    let stage = Stage::new();
    assert_eq!(stage.earlier(), None);
    let ends = [
        (AttemptEnd::NotDelivered, None),
        (AttemptEnd::Unknown, Some(false)),
        (AttemptEnd::NotDelivered, Some(false)),
        (AttemptEnd::Delivered, Some(true)),
        (AttemptEnd::NotDelivered, Some(true)),
    ];
    for (end, earlier) in ends {
        let (joined, _) = stage.join(IDENTITY);
        stage.leave(joined, Some(end));
        assert_eq!(stage.earlier(), earlier, "{end:?}");
    }
}

#[test]
fn another_message_is_refused_while_one_is_at_work_and_after_it() {
    let stage = Stage::new();
    let other = Identity { content: 2, ..IDENTITY };
    let (joined, _) = stage.join(IDENTITY);
    let (refused, heard) = stage.join(other);
    assert_eq!(heard, Err(UuidReused));
    // Who was refused is not among those at work, and takes nothing away from them.
    stage.leave(refused, None);
    let (also, heard) = stage.join(IDENTITY);
    assert!(matches!(heard.unwrap().prior, Some(Prior::InDoubt(_))));
    stage.leave(also, None);
    stage.leave(joined, Some(AttemptEnd::Delivered));
    let (refused, heard) = stage.join(other);
    assert_eq!(heard, Err(UuidReused));
    stage.leave(refused, None);
}

#[test]
fn who_asks_again_is_no_doubt_to_itself_and_hears_of_others() {
    let stage = Stage::new();
    let (joined, _) = stage.join(IDENTITY);
    assert_eq!(stage.0.wait(joined.join()).unwrap().prior, None);
    let (other, _) = stage.join(IDENTITY);
    let again = stage.0.wait(joined.join()).unwrap();
    assert!(matches!(again.prior, Some(Prior::InDoubt(_))));
    stage.leave(other, Some(AttemptEnd::Unknown));
    let again = stage.0.wait(joined.join()).unwrap();
    assert!(matches!(again.prior, Some(Prior::InDoubt(_))));
    stage.leave(joined, None);
}

#[test]
fn what_a_redis_that_was_emptied_is_told_counts_however_it_hears_of_it() {
    let stage = Stage::new();
    for (end, earlier) in [
        (AttemptEnd::NotDelivered, None),
        (AttemptEnd::Unknown, Some(false)),
        (AttemptEnd::Delivered, Some(true)),
    ] {
        let (joined, _) = stage.join(IDENTITY);
        stage.empty();
        stage.leave(joined, Some(end));
        assert_eq!(stage.earlier(), earlier, "{end:?}");
        stage.empty();
    }
    let hour_ago = stage.1.clock.stamp().earlier_by(HOUR);
    for (fate, is_out) in [(Fate::Delivered, true), (Fate::Unknown, false)] {
        let name = (IDENTITY.name, IDENTITY.content);
        stage.0.wait(stage.1.repeat(&Sent { name, first_attempt: hour_ago, fate }));
        assert_eq!(stage.earlier(), Some(is_out));
        let (joined, heard) = stage.join(IDENTITY);
        let first_attempt = heard.unwrap().prior.unwrap().first_attempt();
        assert!(stage.1.clock.age(first_attempt) >= HOUR);
        stage.leave(joined, None);
    }
}

#[test]
fn redis_knows_all_once_the_others_have_had_the_time_to_repeat_what_they_know() {
    let stage = Stage::new();
    let is_whole = || {
        let (joined, heard) = stage.join(IDENTITY);
        stage.leave(joined, None);
        heard.unwrap().is_whole
    };
    assert!(!is_whole(), "nobody knows since when");
    for (ago, expected) in
        [(Duration::ZERO, false), (REPEATING / 2, false), (REPEATING + MILLISECOND, true)]
    {
        stage.is_born(ago);
        assert_eq!(is_whole(), expected, "{ago:?}");
    }
    stage.0.plant("born", "redis.call('SET', KEYS[1], 'words')");
    assert!(!is_whole());
}

#[test]
fn what_is_under_way_is_no_doubt_where_redis_knows_of_it() {
    let stage = Stage::new();
    let first_attempt = stage.1.clock.stamp();
    let name = (IDENTITY.name, IDENTITY.content);
    let repeat = || {
        let sent = Sent { name, first_attempt, fate: Fate::UnderWay };
        stage.0.wait(stage.1.repeat(&sent));
    };
    let (joined, _) = stage.join(IDENTITY);
    repeat();
    stage.leave(joined, Some(AttemptEnd::NotDelivered));
    assert_eq!(stage.earlier(), None);
    stage.empty();
    repeat();
    assert_eq!(stage.earlier(), Some(false));
}
