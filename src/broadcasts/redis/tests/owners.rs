//! Two replicas, and one that dies.

use super::*;

impl Stage {
    /// As if this replica had not beaten for longer than its claims hold.
    fn dies(&self, store: &RedisStore) {
        let gone = format!("return redis.call('ZREM', KEYS[1], '{}')", store.owners.current());
        assert_eq!(self.lua::<u32>(&gone, "broadcast:owners"), 1);
    }

    fn places(&self, store: &RedisStore, id: &BroadcastId, second: i64) -> Vec<u32> {
        self.run(store.claim(id, 1000, at(second))).iter().map(|it| it.place).collect()
    }
}

#[test]
fn two_replicas_never_hold_the_same_receiver() {
    let stage = Stage::new();
    let (one, other) = (stage.replica(), stage.replica());
    let id = stage.accepted(&one, 100).id;
    let first: Vec<_> = stage.run(one.claim(&id, 40, at(2))).iter().map(|it| it.place).collect();
    assert!(first.into_iter().eq(0..40));
    assert!(stage.places(&other, &id, 2).into_iter().eq(40..100));
    assert!(stage.places(&one, &id, 2).is_empty() && stage.places(&other, &id, 3).is_empty());
}

#[test]
fn redis_itself_ends_the_life_of_a_replica_that_does_not_beat() {
    let stage = Stage::new();
    let store = stage.replica();
    let id = stage.accepted(&store, 1).id;
    let left = || -> i64 { stage.lua("return redis.call('PTTL', KEYS[1])", "broadcast:owners") };
    let longest = i64::try_from(CLAIM_OUTLIVES.as_millis()).unwrap();
    stage.run(store.claim(&id, 1, at(2)));
    assert!((1..=longest).contains(&left()));
    stage.run(store.beat(at(3)));
    assert!((1..=longest).contains(&left()));
    // One that was set before the server's clock went back by an hour counts for nothing either.
    let set = format!(
        "return redis.call('ZADD', KEYS[1], redis.call('TIME')[1] * 1000 + 3600000, '{}')",
        store.owners.current()
    );
    stage.lua::<u32>(&set, "broadcast:owners");
    assert_eq!(stage.places(&stage.replica(), &id, 3), [0]);
}

#[test]
fn what_a_dead_replica_held_is_claimed_by_another_one_with_its_first_attempt() {
    let stage = Stage::new();
    let (one, other) = (stage.replica(), stage.replica());
    let id = stage.accepted(&one, 2).id;
    let claimed = stage.run(one.claim(&id, 1, at(2)));
    assert_eq!((claimed[0].claim, claimed[0].in_doubt_since), (1, None));
    stage.dies(&one);
    let claimed = stage.run(other.claim(&id, 10, at(9)));
    let seen: Vec<_> = claimed.iter().map(|it| (it.place, it.claim, it.in_doubt_since)).collect();
    assert_eq!(seen, [(0, 2, Some(at(2))), (1, 1, None)]);
}

#[test]
fn a_settlement_by_an_older_claim_is_ignored_unless_it_says_delivered() {
    let stage = Stage::new();
    let (one, other) = (stage.replica(), stage.replica());
    let id = stage.accepted(&one, 3).id;
    let old = stage.run(one.claim(&id, 3, at(2)));
    stage.dies(&one);
    let new = stage.run(other.claim(&id, 3, at(9)));
    let before = stage.find(&one, &id);
    let late = vec![
        settled(&old[0], Settlement::NotDelivered(problem())),
        settled(&old[1], Settlement::NotSent(problem(), Duration::ZERO)),
        settled(&old[2], Settlement::Unknown(problem())),
    ];
    stage.run(one.settle(&id, late, at(10)));
    assert_eq!(stage.find(&one, &id), before);
    stage.run(one.settle(&id, vec![delivered(&old[0], "om_old")], at(10)));
    // What is final stays as it is.
    let newer = settled(&new[0], Settlement::NotDelivered(problem()));
    stage.run(other.settle(
        &id,
        vec![newer, delivered(&new[1], "om_b"), delivered(&new[2], "om_c")],
        at(11),
    ));
    stage.run(one.settle(&id, vec![delivered(&old[1], "om_late")], at(12)));
    let all = stage.run(one.receivers(&id, &ReceiverState::ALL, 0, 10));
    let messages: Vec<_> = all.iter().map(|it| it.message_id.as_deref().unwrap()).collect();
    assert_eq!(messages, ["om_old", "om_b", "om_c"]);
    let ended = stage.find(&one, &id);
    assert_eq!((ended.state, ended.finished_at), (State::Completed, Some(at(11))));
}

#[test]
fn a_delivery_counts_although_redis_has_lost_its_claim() {
    let stage = Stage::new();
    let store = stage.replica();
    let id = stage.accepted(&store, 3).id;
    // A server took over that had not heard of the claim.
    let lost = Claimed { place: 1, receiver: receiver(1), claim: 1, in_doubt_since: None };
    stage.run(store.settle(&id, vec![delivered(&lost, "om_new")], at(2)));
    assert_eq!(stage.places(&store, &id, 2), [0, 2]);
}

#[test]
fn a_clock_that_is_behind_writes_no_time_that_is_before_what_was_seen() {
    let stage = Stage::new();
    let (ahead, behind) = (stage.replica(), stage.replica());
    stage.run(ahead.beat(at(100)));
    let accepted = stage.accepted(&behind, 1);
    assert_eq!(accepted.created_at, at(100));
    assert_eq!(stage.find(&ahead, &accepted.id), accepted);
    let canceled = stage.run(behind.cancel(&accepted.id, at(7))).unwrap();
    assert_eq!(canceled.finished_at, Some(at(100)));
}

#[test]
fn only_one_replica_takes_an_announcement() {
    let stage = Stage::new();
    let (one, other) = (stage.replica(), stage.replica());
    let id = stage.accepted(&one, 1).id;
    stage.deliver(&one, &id, 2);
    let taken = stage.run(one.announcements(10, at(3), PAUSE));
    assert_eq!((taken[0].broadcast.clone(), taken[0].attempts), (stage.find(&one, &id), 0));
    assert!(stage.run(other.announcements(10, at(9), PAUSE)).is_empty());
    assert_eq!(stage.run(other.announcements(10, at(10), PAUSE))[0].attempts, 1);
    stage.run(other.announced(&id, None, at(10)));
    assert!(stage.run(one.announcements(10, at(100), PAUSE)).is_empty());
}
