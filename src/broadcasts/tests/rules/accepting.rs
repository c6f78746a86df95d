//! Accepting broadcasts, and reading them.

use crate::broadcasts::ReceiverState::{Delivered, Pending};
use crate::broadcasts::tests::TestStore;
use crate::broadcasts::tests::subject::{at, delivered, receiver};
use crate::broadcasts::{Acceptance, Counts, ReceiverRecord, State};
use crate::model::broadcast_id::BroadcastId;
use crate::model::fingerprint::fingerprint;
use crate::model::problem_kind::ProblemKind::AppRateLimited;
use crate::model::tenant_key::TenantKey;

pub(super) fn an_accepted_broadcast_is_there_as_it_was_given(test: &mut TestStore) {
    let mut new = test.new_broadcast("one", 3);
    new.retry_of = Some(BroadcastId::generate(at(1)));
    new.tenant = TenantKey::parse("2ed263bf32cf1651");
    let Acceptance::Accepted(accepted) = test.accept(new.clone()) else { panic!("not accepted") };
    test.die();
    let listed = test.wait(test.store().list("alice", None, 10));
    let active = test.wait(test.store().active("main"));
    for found in [&listed[..], &active, &[test.find(&new.id)]] {
        assert_eq!(found, std::slice::from_ref(&accepted));
    }
    assert_eq!((accepted.state, accepted.total), (State::Running, 3));
    assert_eq!(accepted.counts, Counts::pending(3));
    assert_eq!(accepted.created_at, new.created_at);
    assert_eq!(accepted.expires_at, new.created_at + new.expires_in);
    assert_eq!((accepted.message, accepted.retry_of), (new.message, new.retry_of));
    assert_eq!(accepted.tenant, new.tenant);
    assert_eq!((accepted.paused_by, accepted.finished_at), (None, None));
    let records = (0..3).map(|place| ReceiverRecord {
        place,
        receiver: receiver(place),
        state: Pending,
        message_id: None,
        problem: None,
        attempts: 0,
        ended_at: None,
    });
    assert_eq!(test.receivers(&new.id), records.collect::<Vec<_>>());
    test.claim(&new.id, 1);
    assert_eq!(test.find(&new.id).tenant, new.tenant, "a change leaves it as it is");
}

pub(super) fn a_key_is_that_of_one_broadcast(test: &mut TestStore) {
    let id = test.accepted("one", 1);
    test.claim(&id, 1);
    assert_eq!(test.accept(test.new_broadcast("one", 1)), Acceptance::Known(test.find(&id)));
    let mut other = test.new_broadcast("one", 1);
    other.content = fingerprint(["other"]);
    assert_eq!(test.accept(other), Acceptance::KeyReused);
    assert_eq!(test.wait(test.store().list("alice", None, 10)).len(), 1);
}

pub(super) fn only_so_many_broadcasts_of_a_caller_are_active(test: &mut TestStore) {
    let limited = |test: &TestStore, name| {
        let mut new = test.new_broadcast(name, 1);
        new.most_active = 1;
        test.accept(new)
    };
    let Acceptance::Accepted(first) = limited(test, "one") else { panic!("not accepted") };
    assert_eq!(limited(test, "two"), Acceptance::TooMany);
    assert!(matches!(limited(test, "one"), Acceptance::Known(_)));
    test.wait(test.store().pause(&first.id, Some(AppRateLimited)));
    assert_eq!(limited(test, "two"), Acceptance::TooMany);
    test.wait(test.store().cancel(&first.id, test.now));
    assert!(matches!(limited(test, "two"), Acceptance::Accepted(_)));
}

pub(super) fn what_is_unknown_is_nothing(test: &mut TestStore) {
    let id = BroadcastId::generate(test.now);
    assert_eq!(test.wait(test.store().find(&id)), None);
    assert_eq!(test.receivers(&id), []);
    assert_eq!(test.claim(&id, 10), []);
    assert_eq!(test.wait(test.store().cancel(&id, test.now)), None);
    test.settle(&id, 0, 1, delivered());
    test.wait(test.store().pause(&id, None));
    let known = test.accepted("one", 1);
    test.settle(&known, 1, 1, delivered());
    assert_eq!(test.states(&known), [Pending]);
}

pub(super) fn the_apps_with_active_broadcasts_are_known(test: &mut TestStore) {
    let apps = |after: &str| {
        let found = test.wait(test.store().active_apps(after));
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(apps("").is_empty());
    let mut ids = Vec::new();
    // A name that begins with another one, with a character before and after the separator of names.
    for (name, app) in [("1", "main"), ("2", "main"), ("3", "main-b"), ("4", "main0"), ("5", "a")] {
        let mut new = test.new_broadcast(name, 1);
        new.app = app.into();
        ids.push(new.id.clone());
        test.accept(new);
    }
    let all = apps("");
    assert_eq!(all.len(), 4, "{all:?}");
    for (at, app) in all.iter().enumerate() {
        assert_eq!(apps(app), all[at + 1..]);
    }
    let cancel = |id| test.wait(test.store().cancel(id, test.now));
    cancel(&ids[0]);
    assert_eq!(apps(""), all);
    cancel(&ids[1]);
    cancel(&ids[3]);
    let mut left = apps("");
    left.sort_unstable();
    assert_eq!(left, ["a", "main-b"]);
}

pub(super) fn lists_are_pages(test: &mut TestStore) {
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        ids.push(test.accepted(name, 4));
        test.advance(1);
    }
    let mut others = test.new_broadcast("bob's", 1);
    others.caller = "bob".into();
    test.accept(others);
    let list = |before, most| {
        let page = test.wait(test.store().list("alice", before, most));
        page.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, 2), [ids[2].clone(), ids[1].clone()]);
    assert_eq!(list(Some(&ids[1]), 2), [ids[0].clone()]);
    assert_eq!(list(Some(&ids[0]), 2), []);
    let active = test.wait(test.store().active("main"));
    assert_eq!(
        active.iter().map(|it| &it.id).take(3).collect::<Vec<_>>(),
        ids.iter().collect::<Vec<_>>()
    );

    test.claim(&ids[0], 2);
    test.settle(&ids[0], 1, 1, delivered());
    let page = |states: &[_], from, most| {
        let page = test.wait(test.store().receivers(&ids[0], states, from, most));
        page.into_iter().map(|it| it.place).collect::<Vec<_>>()
    };
    assert_eq!(page(&[Pending], 0, 10), [2, 3]);
    assert_eq!(page(&[Delivered, Pending], 0, 2), [1, 2]);
    assert_eq!(page(&[Delivered, Pending], 3, 2), [3]);
    assert!(page(&[], 0, 10).is_empty());
}
