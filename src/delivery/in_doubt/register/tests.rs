//! What stands under a `uuid`, and for whom.

use std::sync::Arc;

use super::*;
use crate::delivery::horizon::MOST;
use crate::delivery::request::ForwardRequest;
use crate::model::api_key::Caller;
use crate::model::dedup_key::DedupKey;
use crate::model::forward::Forward;
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;
use crate::model::share::{Budget, Weight};
use crate::model::urgency::Urgency;

/// A forward with a `uuid` that its caller has chosen.
fn chosen(caller: &str, app: &str, message: &str, receiver: &str, uuid: &str) -> Identity {
    Identity::of(&ForwardRequest {
        request_id: String::new(),
        caller: Caller {
            name: caller.into(),
            app: app.into(),
            tenant: None,
            policy: Arc::default(),
            weight: Weight::ONE,
            budget: Budget::default(),
        },
        forward: Forward::Message(MessageId::parse(message).unwrap()),
        receiver: Receiver::parse(receiver, None).unwrap(),
        uuid: DedupKey::parse(uuid).unwrap(),
        uuid_is_given: true,
        idempotent: None,
        broadcast: None,
        wait: Duration::ZERO,
        urgency: Urgency::Interactive,
    })
}

fn register() -> (InDoubtRegister, crate::clock::ManualClock) {
    let (clock, time) = Clock::manual();
    (InDoubtRegister::new(clock), time)
}

impl InDoubtRegister {
    fn attempt(&self, identity: &Identity, end: AttemptEnd) {
        let first_attempt = self.clock.stamp();
        assert_eq!(self.begin(identity, first_attempt), Ok(()));
        self.end(identity, first_attempt, end);
    }
}

#[test]
fn a_uuid_stands_for_one_app_message_and_receiver_of_its_caller_for_an_hour() {
    let (register, time) = register();
    assert_eq!(register.take(&chosen("a", "main", "om_1", "oc_1", "u")), Ok(()));
    for other in [
        chosen("a", "other", "om_1", "oc_1", "u"),
        chosen("a", "main", "om_2", "oc_1", "u"),
        chosen("a", "main", "om_1", "oc_2", "u"),
    ] {
        assert_eq!(
            (register.check(&other), register.take(&other)),
            (Err(UuidReused), Err(UuidReused))
        );
    }
    for free in [
        chosen("a", "main", "om_1", "oc_1", "u"),
        chosen("a", "main", "om_2", "oc_1", "v"),
        chosen("b", "main", "om_2", "oc_1", "u"),
    ] {
        assert_eq!(register.take(&free), Ok(()));
    }
    time.advance(HOUR);
    assert_eq!(register.take(&chosen("a", "other", "om_1", "oc_1", "u")), Ok(()));
}

#[test]
fn what_one_caller_has_sent_another_cannot_send_as_another_message() {
    for (end, is_in_the_way) in [
        (AttemptEnd::Delivered, true),
        (AttemptEnd::Unknown, true),
        (AttemptEnd::NotDelivered, false),
    ] {
        let (register, time) = register();
        let other = chosen("b", "main", "om_2", "oc_1", "u");
        register.attempt(&chosen("a", "main", "om_1", "oc_1", "u"), end);
        assert_eq!(register.check(&other).is_err(), is_in_the_way, "{end:?}");
        assert_eq!(register.begin(&other, hand_stamp(&register)).is_err(), is_in_the_way);
        // To another receiver, or with another app, it is another forward to Feishu too.
        register.attempt(&chosen("b", "main", "om_2", "oc_2", "u"), AttemptEnd::Delivered);
        register.attempt(&chosen("b", "other", "om_2", "oc_1", "u"), AttemptEnd::Delivered);
        time.advance(HOUR + LINGERS);
        assert_eq!(register.check(&other), Ok(()));
    }
}

fn hand_stamp(register: &InDoubtRegister) -> Stamp {
    register.clock.stamp()
}

#[test]
fn a_refusal_undoes_neither_a_doubt_nor_a_delivery_and_each_is_its_callers_own() {
    let (register, time) = register();
    let (mine, others) =
        (chosen("a", "main", "om_1", "oc_1", "u"), chosen("b", "main", "om_1", "oc_1", "u"));
    let first = register.clock.stamp();
    assert_eq!(register.take(&mine), Ok(()));
    register.attempt(&mine, AttemptEnd::NotDelivered);
    assert_eq!(register.prior(&mine), None);
    register.attempt(&mine, AttemptEnd::Unknown);
    register.attempt(&mine, AttemptEnd::NotDelivered);
    assert_eq!(register.prior(&mine), Some(Prior::InDoubt(first)));
    register.attempt(&mine, AttemptEnd::Delivered);
    register.attempt(&mine, AttemptEnd::NotDelivered);
    assert_eq!(register.prior(&mine), Some(Prior::Delivered(first)));
    assert_eq!(register.prior(&others), None);
    time.advance(HOUR);
    assert_eq!(register.prior(&mine), None);
}

#[test]
fn what_is_forgotten_for_want_of_room_is_known_to_be_forgotten() {
    let (register, time) = register();
    assert_eq!(register.known_since(), None);
    let register = register.after_predecessor();
    assert_eq!(register.known_since(), Some(Moment::ZERO));
    time.advance(HOUR);
    assert_eq!(register.known_since(), None);
    for number in 0..MOST {
        let _ = register.take(&chosen("a", "main", "om_1", "oc_1", &number.to_string()));
    }
    time.advance(HOUR / 2);
    assert_eq!(register.known_since(), None);
    for number in 0..1000 {
        let _ = register.take(&chosen("b", "main", "om_1", "oc_1", &number.to_string()));
    }
    register.uses.run_pending_tasks();
    assert!(register.uses.entry_count() <= MOST);
    assert_eq!(register.known_since(), Some(HOUR));
}

#[test]
fn a_doubt_keeps_the_date_of_its_first_attempt_and_a_day_later_is_none() {
    let (register, time) = register();
    let forward = chosen("a", "main", "om_1", "oc_1", "u");
    let first_attempt = register.clock.stamp();
    register.attempt(&forward, AttemptEnd::Unknown);
    time.advance(HOUR / 2);
    register.may_be_delivered(&forward, register.clock.stamp());
    register.attempt(&forward, AttemptEnd::Unknown);
    assert_eq!(register.in_doubt_since(&forward), Some(first_attempt));
    time.advance(REMEMBERED);
    assert_eq!(register.in_doubt_since(&forward), None);
    let later = register.clock.stamp();
    register.attempt(&forward, AttemptEnd::Unknown);
    assert_eq!(register.in_doubt_since(&forward), Some(later));
}

#[test]
fn what_has_changed_is_told_by_uuid_and_by_key() {
    let (register, time) = register();
    let idempotent = Some(IdempotentForward { key: [1; 32], fingerprint: [2; 32] });
    let by_key =
        Identity { idempotent, is_chosen: false, ..chosen("a", "main", "om_1", "oc_1", "u") };
    let by_uuid = chosen("a", "main", "om_2", "oc_1", "v");
    let refused = chosen("a", "main", "om_3", "oc_1", "w");
    for identity in [&by_uuid, &refused] {
        assert_eq!(register.take(identity), Ok(()));
    }
    register.attempt(&by_key, AttemptEnd::Unknown);
    register.attempt(&refused, AttemptEnd::NotDelivered);
    let fates = |since| {
        let ChangedSince { by_uuid: uuids, by_key: keys } = register.changed_since(since);
        let mut fates = uuids.iter().map(|it| (it.name, it.fate)).collect::<Vec<_>>();
        fates.sort_by_key(|(name, _)| *name != by_uuid.whole());
        (fates, keys.iter().map(|it| (it.name.key, it.fate)).collect::<Vec<_>>())
    };
    let doubt = (by_key.whole(), Fate::Unknown);
    assert_eq!(fates(Moment::ZERO), (vec![doubt], vec![([1; 32], Fate::Unknown)]));
    time.advance(HOUR / 2);
    let since = register.clock.now();
    register.attempt(&by_uuid, AttemptEnd::Delivered);
    assert_eq!(fates(since), (vec![(by_uuid.whole(), Fate::Delivered)], vec![]));
    let first_attempt = register.clock.stamp();
    assert_eq!(register.begin(&by_key, first_attempt), Ok(()));
    register.end(&by_key, first_attempt, AttemptEnd::Delivered);
    // Its caller was told the `uuid`.
    let out = [by_uuid, by_key].map(|it| (it.whole(), Fate::Delivered));
    assert_eq!(fates(Moment::ZERO), (out.to_vec(), vec![]));
}
