//! Keys in a real Redis.

mod repeated;

use super::super::sealed::LARGEST;
use super::*;
use crate::delivery::conclusion::Known;
use crate::delivery::error::ForwardError;
use crate::feishu::error::{CallError, FieldViolation, Forwarded, Refusal};
use crate::model::forward::Forward;
use crate::model::idempotency_key::IdempotencyKey;
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;
use crate::redis::testing::{FOREIGN, TestRedis};

const APP: &str = "main";
const LONG: Duration = Duration::from_mins(1);

struct Stage(TestRedis);

impl Stage {
    fn new() -> Self {
        Self(TestRedis::new())
    }

    /// One that believes for so long that another one is at work.
    fn replica(&self, lease: Duration, secret: &str) -> Arc<SharedIdempotency> {
        let secrets = [(APP.to_owned(), SecretString::from(secret))];
        let secrets = secrets.iter().map(|(app, secret)| (app, secret));
        let (clock, checkpoint) =
            (Clock::system(), Checkpoint::new(self.0.store(), &self.0.prefix));
        let (store, prefix) = (self.0.store(), &self.0.prefix);
        let keys = SharedIdempotency::new(
            store,
            prefix,
            secrets,
            Duration::ZERO,
            clock,
            checkpoint.into(),
        );
        Arc::new(SharedIdempotency { lease, ..keys })
    }

    fn claim(&self, keys: &Arc<SharedIdempotency>, named: IdempotentForward) -> LeaseReply {
        self.0.wait(keys.lease(named, &APP.into()).acquire())
    }

    fn leads(
        &self,
        keys: &Arc<SharedIdempotency>,
        named: IdempotentForward,
    ) -> (Lease, Option<Duration>) {
        let claimed = keys.lease(named, &APP.into());
        match self.0.wait(claimed.acquire()) {
            LeaseReply::Lead { age, .. } => (claimed, age),
            other => panic!("not to be led: {other:?}"),
        }
    }

    /// Tells it and waits until that has arrived.
    fn end(&self, claimed: &Lease, outcome: Option<&Conclusion>, in_doubt: bool) {
        self.0.wait(async {
            claimed.end(outcome, in_doubt);
            // During the first question it is sent; the second one is answered after it.
            claimed.keys.look(claimed.forward, APP).await?;
            claimed.keys.look(claimed.forward, APP).await
        });
    }
}

fn named(key: &str, message: &str) -> IdempotentForward {
    let forward = Forward::Message(MessageId::parse(message).unwrap());
    let to = Receiver::parse("oc_1", None).unwrap();
    IdempotencyKey::parse(key).unwrap().names("caller", APP, &forward, &to)
}

fn delivered() -> Conclusion {
    let forwarded = Forwarded {
        data: r#"{"message_id":"om_new","secret":"words"}"#.into(),
        message_id: "om_new".to_owned(),
        invalid_message_ids: vec!["om_3".to_owned()],
        log_id: Some("log".to_owned()),
    };
    Conclusion { result: Ok(forwarded), in_doubt_since: None, known: Known::Wholly }
}

fn refused() -> Conclusion {
    let refusal = Refusal { code: 230002, http_status: 400, ..Refusal::default() };
    Conclusion::failed(ForwardError::Failed(CallError::Refused(Box::new(refusal))))
}

#[test]
fn one_leads_others_hear_that_it_is_busy_and_then_what_became_of_it() {
    let stage = Stage::new();
    let (one, other) = (stage.replica(LONG, "hush"), stage.replica(LONG, "hush"));
    let (claimed, age) = stage.leads(&one, named("key", "om_1"));
    assert_eq!(age, None);
    assert!(matches!(stage.claim(&other, named("key", "om_1")), LeaseReply::Busy(_)));
    assert!(matches!(stage.claim(&one, named("key", "om_1")), LeaseReply::Busy(_)));
    assert!(matches!(stage.claim(&other, named("key", "om_2")), LeaseReply::Reused));
    assert!(matches!(stage.0.wait(claimed.acquire()), LeaseReply::Lead { age: None, .. }));
    stage.end(&claimed, Some(&delivered()), false);
    for replica in [&one, &other] {
        let LeaseReply::Done(outcome) = stage.claim(replica, named("key", "om_1")) else {
            panic!("not done");
        };
        let forwarded = outcome.result.unwrap();
        assert_eq!(forwarded.message_id, "om_new");
        assert_eq!(forwarded.log_id.as_deref(), Some("log"));
        assert_eq!(forwarded.invalid_message_ids, ["om_3"]);
        assert_eq!(forwarded.data, delivered().result.unwrap().data);
    }
    assert!(matches!(stage.claim(&other, named("key", "om_2")), LeaseReply::Reused));
    // Who has another secret cannot read it, and leads.
    let stranger = stage.replica(LONG, "other");
    assert!(stage.0.wait(stranger.look(named("key", "om_1"), APP)).is_none());
}

#[test]
fn a_refusal_of_feishus_that_is_final_is_told_again_whole() {
    let stage = Stage::new();
    let replica = stage.replica(LONG, "hush");
    let refusal = Refusal {
        code: 230002,
        msg: "no".to_owned(),
        log_id: None,
        http_status: 400,
        troubleshooter: Some("help".to_owned()),
        reset: None,
        fields: vec![FieldViolation { field: "a".to_owned(), description: "b".to_owned() }],
        details: Some("{}".to_owned()),
    };
    let failed = ForwardError::Failed(CallError::Refused(Box::new(refusal.clone())));
    let (claimed, _) = stage.leads(&replica, named("key", "om_1"));
    stage.end(&claimed, Some(&Conclusion::failed(failed)), false);
    let LeaseReply::Done(outcome) = stage.claim(&replica, named("key", "om_1")) else {
        panic!("not done");
    };
    let Err(ForwardError::Failed(CallError::Refused(again))) = outcome.result else {
        panic!("not refused");
    };
    assert_eq!(*again, refusal);
}

#[test]
fn what_may_pass_is_led_again_in_doubt_only_if_it_is() {
    let stage = Stage::new();
    let replica = stage.replica(LONG, "hush");
    let draining = Conclusion::failed(ForwardError::Draining);
    let (claimed, _) = stage.leads(&replica, named("key", "om_1"));
    stage.end(&claimed, Some(&draining), false);
    let (claimed, age) = stage.leads(&replica, named("key", "om_1"));
    assert_eq!(age, None);
    stage.end(&claimed, Some(&draining), true);
    let (claimed, age) = stage.leads(&replica, named("key", "om_1"));
    assert!(age.is_some());
    // Whoever hangs up leaves it as it was, also without having sent.
    stage.end(&claimed, None, false);
    let (claimed, age) = stage.leads(&replica, named("key", "om_1"));
    assert!(age.is_some());
    // And so does one that never heard that it had claimed it.
    stage.end(&claimed, None, false);
    let unheard = replica.lease(named("other", "om_1"), &APP.into());
    assert!(matches!(stage.0.wait(unheard.acquire()), LeaseReply::Lead { age: None, .. }));
    stage.end(&unheard, None, false);
    assert_eq!(stage.leads(&replica, named("other", "om_1")).1, None);
}

#[test]
fn a_replica_that_is_believed_dead_leaves_a_doubt_when_its_lease_ends() {
    let stage = Stage::new();
    let dies = stage.replica(Duration::from_millis(1), "hush");
    let (dead, _) = stage.leads(&dies, named("key", "om_1"));
    let other = stage.replica(LONG, "hush");
    let age = loop {
        match stage.claim(&other, named("key", "om_1")) {
            LeaseReply::Lead { age, .. } => break age,
            LeaseReply::Busy(_) => stage.0.tick(),
            other => panic!("{other:?}"),
        }
    };
    assert!(age.is_some());
    // That it has not sent is no news of the other one.
    stage.end(&dead, Some(&Conclusion::failed(ForwardError::Draining)), false);
    assert!(matches!(stage.claim(&other, named("key", "om_1")), LeaseReply::Busy(_)));
    // That it has is news to all.
    stage.end(&dead, Some(&delivered()), false);
    assert!(matches!(stage.claim(&other, named("key", "om_1")), LeaseReply::Done(_)));
}

#[test]
fn what_is_no_record_of_ours_is_as_if_absent() {
    let stage = Stage::new();
    let replica = stage.replica(LONG, "hush");
    for foreign in FOREIGN {
        let named = named("key", "om_1");
        let key = replica.place(named).split_once("}:").unwrap().1.to_owned();
        stage.0.plant(&key, foreign);
        assert!(stage.0.wait(replica.look(named, APP)).is_none(), "{foreign}");
        stage.0.plant(&key, foreign);
        let (claimed, age) = stage.leads(&replica, named);
        assert_eq!(age, None, "{foreign}");
        stage.0.plant(&key, foreign);
        stage.end(&claimed, Some(&delivered()), false);
        stage.0.plant(&key, "");
    }
}

/// Milliseconds for which a key is kept, and the bytes that it takes.
fn kept(stage: &Stage, replica: &SharedIdempotency, named: IdempotentForward) -> (u64, u64) {
    let script = "return { redis.call('PTTL', KEYS[1]), redis.call('MEMORY', 'USAGE', KEYS[1]) }";
    let script = redis::Script::new(script);
    stage.0.wait(stage.0.store().run("test", &script.key(replica.place(named))))
}

#[test]
fn what_never_went_out_and_may_yet_is_kept_for_seconds() {
    let stage = Stage::new();
    let replica = stage.replica(LONG, "hush");
    let draining = Conclusion {
        result: Err(ForwardError::Draining),
        in_doubt_since: None,
        known: Known::Wholly,
    };
    for (key, in_doubt, at_most) in [("a", false, 10_000), ("b", true, 86_400_000)] {
        let (claimed, _) = stage.leads(&replica, named(key, "om_1"));
        stage.end(&claimed, Some(&draining), in_doubt);
        let (kept, bytes) = kept(&stage, &replica, named(key, "om_1"));
        assert!((at_most / 2..=at_most).contains(&kept), "{key} for {kept} ms");
        assert!(bytes < 500, "{key} takes {bytes}");
    }
}

#[test]
fn an_outcome_that_is_too_large_is_not_kept_but_that_it_went_out_is() {
    let stage = Stage::new();
    let replica = stage.replica(LONG, "hush");
    let data =
        format!("{{\"message_id\":\"om_new\",\"words\":\"{}\"}}", "x".repeat(LARGEST)).into();
    let forwarded = Forwarded { data, message_id: "om_new".to_owned(), ..Forwarded::default() };
    let (claimed, _) = stage.leads(&replica, named("key", "om_1"));
    stage.end(
        &claimed,
        Some(&Conclusion { result: Ok(forwarded), in_doubt_since: None, known: Known::Wholly }),
        false,
    );
    assert!(stage.leads(&replica, named("key", "om_1")).1.is_some());
    assert!(kept(&stage, &replica, named("key", "om_1")).1 < 600);
}
