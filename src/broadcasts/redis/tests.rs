//! Broadcasts in a real Redis: what is special there.

mod foreign;
mod owners;
mod rules;

use rand::RngExt;
use redis::Script;

use super::*;
use crate::broadcasts::broadcast::{ReceiverProblem, State};
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;
use crate::random::generator;
use crate::redis::testing::TestRedis;

const APP: &str = "main";
const KEEP: Duration = Duration::from_hours(1);
const PAUSE: Duration = Duration::from_secs(7);

/// A Redis, and the replicas that share it.
struct Stage(TestRedis);

impl Stage {
    fn new() -> Self {
        Self(TestRedis::new())
    }

    /// Another replica.
    fn replica(&self) -> RedisStore {
        self.with_secret("secret")
    }

    fn with_secret(&self, secret: &str) -> RedisStore {
        // The names of the rules: some begin with another one.
        let secrets = [APP, "other", "main-b", "main0", "a"]
            .map(|app| (app.to_owned(), SecretString::from(secret)));
        let secrets = secrets.iter().map(|(app, secret)| (app, secret));
        RedisStore::new(self.0.store(), &self.0.prefix, secrets, KEEP)
    }

    fn run<T>(&self, answer: Answer<'_, T>) -> T {
        self.0.run(answer).expect("the store answers")
    }

    fn error<T: std::fmt::Debug>(&self, answer: Answer<'_, T>) -> StoreError {
        self.0.run(answer).expect_err("the store fails")
    }

    /// A broadcast to so many that was accepted at second 1.
    fn accepted(&self, store: &RedisStore, total: u32) -> Broadcast {
        match self.run(store.accept(new(total))) {
            Acceptance::Accepted(broadcast) => broadcast,
            other => panic!("{other:?}"),
        }
    }

    fn find(&self, store: &RedisStore, id: &BroadcastId) -> Broadcast {
        self.run(store.find(id)).expect("it is there")
    }

    /// Claims and delivers everything, as at this second.
    fn deliver(&self, store: &RedisStore, id: &BroadcastId, second: i64) {
        loop {
            let claimed = self.run(store.claim(id, 1000, at(second)));
            if claimed.is_empty() {
                break;
            }
            let settled = claimed.iter().map(|it| delivered(it, "om_new")).collect();
            self.run(store.settle(id, settled, at(second)));
        }
    }

    /// What this Lua returns, with the keys that begin with this name.
    fn lua<T: redis::FromRedisValue>(&self, lua: &str, key: &str) -> T {
        let script = Script::new(lua);
        let key = format!("{{{}}}:{key}", self.0.prefix);
        self.0.wait(self.0.store().run("test", &script.key(key)))
    }

    /// All keys of the broadcasts.
    fn keys(&self) -> Vec<String> {
        self.lua("return redis.call('KEYS', KEYS[1])", "broadcast:*")
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A broadcast of second 1 to so many, with a key of its own, that may be delivered until second 1000.
fn new(total: u32) -> NewBroadcast {
    NewBroadcast {
        id: BroadcastId::generate(at(1)),
        caller: "caller".into(),
        app: APP.into(),
        tenant: None,
        message: MessageId::parse("om_message").unwrap(),
        receivers: (0..total).map(receiver).collect(),
        key: generator().random(),
        content: [1; 32],
        created_at: at(1),
        expires_in: Duration::from_secs(999),
        retry_of: None,
        most_active: 10,
    }
}

fn receiver(place: u32) -> Receiver {
    Receiver::parse(&format!("oc_{place:032}"), None).unwrap()
}

fn problem() -> ReceiverProblem {
    let log_id = Some("log-of-feishu".into());
    ReceiverProblem { kind: ProblemKind::BotNotInChat, feishu_code: Some(230_002), log_id }
}

fn settled(claimed: &Claimed, result: Settlement) -> Settled {
    Settled { place: claimed.place, claim: claimed.claim, result }
}

fn delivered(claimed: &Claimed, message: &str) -> Settled {
    settled(claimed, Settlement::Delivered(message.into()))
}

#[test]
fn what_was_accepted_in_parts_is_there_whole_for_another_replica() {
    let stage = Stage::new();
    let accepted = stage.accepted(&stage.replica(), 2100);
    let other = stage.replica();
    assert_eq!(stage.find(&other, &accepted.id), accepted);
    let mut seen = Vec::new();
    for from in [0, 1000, 2000] {
        seen.extend(stage.run(other.receivers(
            &accepted.id,
            &[ReceiverState::Pending],
            from,
            1000,
        )));
    }
    assert!(seen.iter().map(|it| it.receiver.clone()).eq((0..2100).map(receiver)));
    assert!((0..).zip(&seen).all(|(place, it)| it.place == place && it.attempts == 0));
}

#[test]
fn a_broadcast_whose_last_part_never_came_is_nowhere_and_its_parts_expire() {
    let stage = Stage::new();
    let (store, new) = (stage.replica(), new(40_000));
    let (redis, key) = (stage.0.store(), format!("{}:staged", store.scripts.key(&new.id)));
    let look = Script::new("return redis.call('EXISTS', KEYS[1])");
    let accept = store.accept(new.clone());
    stage.0.run(async {
        let staged =
            async { while redis.run::<u32>("test", &look.key(&key)).await.unwrap() == 0 {} };
        // It is dropped as soon as a part has arrived, with tens of parts to come.
        tokio::select! {
            biased;
            () = staged => {}
            _ = accept => panic!("it was accepted before anybody looked"),
        }
    });
    assert_eq!(stage.run(store.find(&new.id)), None);
    assert!(stage.run(store.list("caller", None, 10)).is_empty());
    assert!(stage.run(store.active(APP)).is_empty());
    let left: i64 =
        stage.lua("return redis.call('PTTL', KEYS[1])", &format!("broadcast:{}:staged", new.id));
    assert!((1..=60_000).contains(&left), "{left}");
    assert!(matches!(stage.run(store.accept(new)), Acceptance::Accepted(_)));
}

#[test]
fn a_second_request_with_the_same_key_is_the_same_broadcast_or_refused() {
    let stage = Stage::new();
    let (store, first) = (stage.replica(), new(2));
    stage.run(store.accept(first.clone()));
    let other = stage.replica();
    let again = NewBroadcast { key: first.key, ..new(2000) };
    let known = stage.find(&store, &first.id);
    assert_eq!(stage.run(other.accept(again)), Acceptance::Known(known.clone()));
    let another = NewBroadcast { key: first.key, content: [2; 32], ..new(2) };
    assert_eq!(stage.run(other.accept(another)), Acceptance::KeyReused);
    // The answer was lost, or the cluster's client asked twice.
    assert_eq!(stage.run(store.accept(first)), Acceptance::Known(known));
    assert_eq!(stage.run(store.list("caller", None, 10)).len(), 1);
}

#[test]
fn who_reads_redis_learns_no_receiver_and_no_message() {
    let stage = Stage::new();
    let store = stage.replica();
    let id = stage.accepted(&store, 40).id;
    let claimed = stage.run(store.claim(&id, 2, at(2)));
    let refused = settled(&claimed[1], Settlement::NotDelivered(problem()));
    stage.run(store.settle(&id, vec![delivered(&claimed[0], "om_the_new_one"), refused], at(3)));
    let dump = "local all = {} for _, key in ipairs(redis.call('KEYS', KEYS[1])) do \
        all[#all + 1] = key all[#all + 1] = redis.call('DUMP', key) \
        if redis.call('TYPE', key).ok == 'hash' then \
        for _, value in ipairs(redis.call('HGETALL', key)) do all[#all + 1] = value end end end return all";
    let all: Vec<Vec<u8>> = stage.lua(dump, "broadcast:*");
    assert!(all.len() > 20);
    let all = all.concat();
    for secret in ["oc_0", "om_message", "om_the_new_one", "log-of-feishu", "00000000003"] {
        assert!(!all.windows(secret.len()).any(|it| it == secret.as_bytes()), "{secret}");
    }
    // It is not lost, though.
    let states = [ReceiverState::Delivered, ReceiverState::NotDelivered];
    let ended = stage.run(store.receivers(&id, &states, 0, 10));
    assert_eq!(ended[0].message_id.as_deref(), Some("om_the_new_one"));
    assert_eq!((ended[1].problem.clone(), ended[1].ended_at), (Some(problem()), Some(at(3))));
    let stranger = stage.with_secret("another");
    assert!(stage.0.run(stranger.find(&id)).is_err());
    assert!(stage.run(stranger.list("caller", None, 10)).is_empty());
}

#[test]
fn only_what_has_finished_expires_by_itself() {
    let stage = Stage::new();
    let store = stage.replica();
    let (one, other) = (stage.accepted(&store, 2).id, stage.accepted(&store, 2).id);
    let left = |key: &str| -> i64 { stage.lua("return redis.call('PTTL', KEYS[1])", key) };
    let longest = i64::try_from((KEEP + SPARE).as_millis()).unwrap();
    stage.deliver(&store, &one, 2);
    assert!((longest - 60_000..=longest).contains(&left(&format!("broadcast:{one}"))));
    let lasting = || {
        let keys = stage.keys().into_iter().filter(|it| !it.ends_with("owners"));
        let keys = keys.map(|it| it.split_once(':').unwrap().1.to_owned());
        keys.filter(|key| left(key) == -1).count()
    };
    // All, index, requests, catalog, ends and notes, and the other broadcast.
    assert_eq!(lasting(), 7);
    stage.deliver(&store, &other, 2);
    assert_eq!(lasting(), 0);
    stage.accepted(&store, 2);
    assert_eq!(lasting(), 7);
}

#[test]
fn the_store_has_bounds_and_the_oldest_finished_ones_make_room() {
    let stage = Stage::new();
    let store = stage.replica();
    assert!(stage.error(store.accept(new(MOST_RECEIVERS + 1))).0.contains("it is full: "));
    let oldest = stage.accepted(&store, 1).id;
    stage.deliver(&store, &oldest, 2);
    let newer = stage.accepted(&store, 1).id;
    stage.deliver(&store, &newer, 3);
    let active = stage.accepted(&store, 1).id;
    let note = |many: u32| {
        let set = format!("return redis.call('HSET', KEYS[1], 'receivers', {many})");
        stage.lua::<u32>(&set, "broadcast:notes")
    };
    note(MOST_RECEIVERS);
    assert!(stage.error(store.accept(new(1))).0.contains("it is full: "));
    note(MOST_RECEIVERS / 100 * tidy::FULL + 1);
    stage.run(store.tidy(at(4), at(0), at(0)));
    assert_eq!(stage.run(store.find(&oldest)), None);
    for id in [newer, active] {
        stage.find(&store, &id);
    }
}

#[test]
fn nothing_is_left_of_what_was_forgotten() {
    let stage = Stage::new();
    let store = stage.replica();
    let first = new(40);
    let id = first.id.clone();
    stage.run(store.accept(first.clone()));
    stage.deliver(&store, &id, 2);
    assert_eq!(stage.run(store.announcements(10, at(3), PAUSE)).len(), 1);
    stage.run(store.tidy(at(10), at(0), at(2)));
    stage.find(&store, &id);
    stage.run(store.tidy(at(10), at(0), at(3)));
    assert_eq!(stage.run(store.find(&id)), None);
    let names: Vec<_> = stage.keys();
    assert!(names.iter().all(|it| it.ends_with("notes") || it.ends_with("owners")), "{names:?}");
    let again = NewBroadcast { key: first.key, content: [9; 32], ..new(1) };
    assert!(matches!(stage.run(store.accept(again)), Acceptance::Accepted(_)));
}

#[test]
fn a_redis_that_was_emptied_knows_nothing_and_takes_new_broadcasts() {
    let stage = Stage::new();
    let store = stage.replica();
    let first = new(40);
    let id = first.id.clone();
    stage.run(store.accept(first.clone()));
    let claimed = stage.run(store.claim(&id, 10, at(2)));
    let flush = "for _, key in ipairs(redis.call('KEYS', KEYS[1])) do redis.call('DEL', key) end";
    stage.lua::<()>(flush, "broadcast:*");
    stage.run(store.settle(&id, vec![delivered(&claimed[0], "om_new")], at(3)));
    assert_eq!(stage.run(store.find(&id)), None);
    assert_eq!(stage.run(store.cancel(&id, at(3))), None);
    assert!(stage.run(store.claim(&id, 10, at(3))).is_empty());
    assert!(stage.run(store.receivers(&id, &ReceiverState::ALL, 0, 10)).is_empty());
    stage.run(store.pause(&id, None));
    stage.run(store.announced(&id, Some(PAUSE), at(3)));
    stage.run(store.tidy(at(4), at(0), at(0)));
    assert!(stage.run(store.announcements(10, at(10), PAUSE)).is_empty());
    assert!(matches!(stage.run(store.accept(first)), Acceptance::Accepted(_)));
}

#[test]
fn what_redis_has_lost_a_part_of_goes_on_or_is_forgotten() {
    let stage = Stage::new();
    let store = stage.replica();
    let lost = |key: &str| stage.lua::<u32>("return redis.call('DEL', KEYS[1])", key);
    // The receivers that wait are found again.
    let id = stage.accepted(&store, 3).id;
    let claimed = stage.run(store.claim(&id, 2, at(2)));
    let again = settled(&claimed[0], Settlement::NotSent(problem(), Duration::ZERO));
    let doubtful = settled(&claimed[1], Settlement::InDoubt(problem(), Duration::ZERO));
    stage.run(store.settle(&id, vec![again, doubtful], at(2)));
    assert_eq!(lost(&format!("broadcast:{id}:again")), 1);
    assert_eq!(lost(&format!("broadcast:{id}:doubtful")), 1);
    stage.run(store.tidy(at(3), at(0), at(0)));
    let places: Vec<_> = stage.run(store.claim(&id, 9, at(3))).iter().map(|it| it.place).collect();
    assert_eq!(places, [0, 1, 2]);
    // A broadcast of which nothing else is left does not count as active.
    assert_eq!(lost(&format!("broadcast:{id}")), 1);
    stage.run(store.tidy(at(3), at(0), at(0)));
    let only = NewBroadcast { most_active: 1, ..new(1) };
    assert!(matches!(stage.run(store.accept(only)), Acceptance::Accepted(_)));
}
