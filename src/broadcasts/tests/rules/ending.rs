//! How broadcasts end, and what becomes of them then.

use std::time::Duration;

use crate::broadcasts::ReceiverState::{Canceled, Delivered, Expired, InDoubt, Pending, Unknown};
use crate::broadcasts::tests::TestStore;
use crate::broadcasts::tests::subject::{delivered, problem};
use crate::broadcasts::{Settlement, State};
use crate::model::problem_kind::ProblemKind::{AppRateLimited, BotNotInChat, FeishuTimeout};

pub(super) fn a_broadcast_is_completed_with_its_last_receiver(test: &mut TestStore) {
    let id = test.accepted("one", 2);
    test.claim(&id, 2);
    test.settle(&id, 0, 1, delivered());
    test.wait(test.store().pause(&id, Some(AppRateLimited)));
    test.advance(5);
    let before = test.find(&id);
    assert_eq!((before.state, before.finished_at), (State::Paused, None));
    test.settle(&id, 1, 1, Settlement::NotDelivered(problem(BotNotInChat)));
    let ended = test.find(&id);
    assert_eq!((ended.state, ended.finished_at), (State::Completed, Some(test.now)));
    assert_eq!(ended.paused_by, None);
    assert!(ended.revision > before.revision);
    assert_eq!(test.wait(test.store().active("main")), []);
}

pub(super) fn a_canceled_broadcast_finishes_with_its_last_doubt(test: &mut TestStore) {
    let id = test.accepted("one", 5);
    test.claim(&id, 3);
    let canceled = test.wait(test.store().cancel(&id, test.now)).unwrap();
    assert_eq!(canceled, test.find(&id));
    assert_eq!((canceled.state, canceled.finished_at), (State::Canceled, None));
    assert_eq!(test.states(&id), [InDoubt, InDoubt, InDoubt, Canceled, Canceled]);
    assert_eq!(test.receivers(&id)[3].ended_at, Some(test.now));
    assert_eq!(test.wait(test.store().active("main")), []);
    test.advance(1);
    test.settle(&id, 0, 1, delivered());
    test.settle(&id, 1, 1, Settlement::NotSent(problem(AppRateLimited), Duration::ZERO));
    test.settle(&id, 2, 1, Settlement::InDoubt(problem(FeishuTimeout), Duration::ZERO));
    assert_eq!(test.states(&id), [Delivered, Canceled, InDoubt, Canceled, Canceled]);
    assert_eq!(test.claim(&id, 5), []);
    test.settle(&id, 2, 1, delivered());
    let ended = test.find(&id);
    assert_eq!((ended.state, ended.finished_at), (State::Canceled, Some(test.now)));
}

pub(super) fn cancelling_what_has_ended_changes_nothing(test: &mut TestStore) {
    let (one, other) = (test.accepted("one", 1), test.accepted("two", 1));
    test.claim(&one, 1);
    test.settle(&one, 0, 1, delivered());
    test.wait(test.store().cancel(&other, test.now));
    let before = [test.find(&one), test.find(&other)];
    assert_eq!(before.clone().map(|it| it.state), [State::Completed, State::Canceled]);
    test.advance(1);
    for ended in before {
        let id = &ended.id;
        assert_eq!(test.wait(test.store().cancel(id, test.now)).as_ref(), Some(&ended));
        test.wait(test.store().pause(id, Some(AppRateLimited)));
        assert_eq!(test.find(id), ended);
    }
}

pub(super) fn what_is_pending_expires_and_is_not_claimed_then(test: &mut TestStore) {
    let id = test.accepted("one", 3);
    test.claim(&id, 1);
    test.advance(3_599_999);
    test.tidy(10_000_000, 10_000_000);
    assert_eq!(test.states(&id), [InDoubt, Pending, Pending]);
    test.advance(1);
    assert_eq!(test.claim(&id, 3), []);
    test.tidy(10_000_000, 10_000_000);
    assert_eq!(test.states(&id), [InDoubt, Expired, Expired]);
    assert_eq!(test.find(&id).counts.of(Expired), 2);
    assert_eq!(test.receivers(&id)[1].ended_at, Some(test.now));
    test.settle(&id, 0, 1, delivered());
    assert_eq!(test.find(&id).state, State::Completed);
}

pub(super) fn an_old_doubt_that_nobody_holds_is_unknown(test: &mut TestStore) {
    let id = test.accepted("one", 3);
    test.claim(&id, 2);
    test.settle(&id, 0, 1, Settlement::InDoubt(problem(FeishuTimeout), Duration::ZERO));
    test.advance(100);
    test.tidy(100, 1_000_000);
    assert_eq!(test.states(&id), [InDoubt, InDoubt, Pending]);
    test.advance(1);
    test.tidy(100, 1_000_000);
    assert_eq!(test.states(&id), [Unknown, InDoubt, Pending]);
    let given_up = &test.receivers(&id)[0];
    assert_eq!(given_up.ended_at, Some(test.now));
    assert_eq!(given_up.problem, Some(problem(FeishuTimeout)));
    test.die();
    test.tidy(100, 1_000_000);
    assert_eq!(test.states(&id), [Unknown, Unknown, Pending]);
}

pub(super) fn a_doubt_of_a_canceled_broadcast_is_unknown_once_nobody_holds_it(
    test: &mut TestStore,
) {
    let id = test.accepted("one", 2);
    test.claim(&id, 2);
    test.settle(&id, 0, 1, Settlement::InDoubt(problem(FeishuTimeout), Duration::ZERO));
    test.wait(test.store().cancel(&id, test.now));
    test.tidy(1_000_000, 1_000_000);
    assert_eq!(test.states(&id), [Unknown, InDoubt]);
    test.die();
    test.tidy(1_000_000, 1_000_000);
    assert_eq!(test.states(&id), [Unknown, Unknown]);
    let ended = test.find(&id);
    assert_eq!((ended.state, ended.finished_at), (State::Canceled, Some(test.now)));
}

pub(super) fn a_broadcast_that_finished_long_ago_is_forgotten_with_its_key(test: &mut TestStore) {
    let (one, running) = (test.accepted("one", 1), test.accepted("two", 1));
    test.wait(test.store().cancel(&one, test.now));
    test.advance(100);
    test.tidy(1_000_000, 100);
    assert_eq!(test.find(&one).state, State::Canceled);
    test.advance(1);
    test.tidy(1_000_000, 100);
    assert_eq!(test.wait(test.store().find(&one)), None);
    assert_eq!(test.receivers(&one), []);
    assert_eq!(test.wait(test.store().list("alice", None, 10)), [test.find(&running)]);
    let again = test.accepted("one", 2);
    assert_eq!(test.states(&again), [Pending, Pending]);
}

pub(super) fn an_end_is_announced_until_it_was(test: &mut TestStore) {
    let (one, other) = (test.accepted("one", 1), test.accepted("two", 2));
    let take = |test: &TestStore, most| {
        let pause = Duration::from_millis(10);
        let taken = test.wait(test.store().announcements(most, test.now, pause));
        taken.into_iter().map(|it| (it.broadcast.id, it.attempts)).collect::<Vec<_>>()
    };
    test.claim(&other, 1);
    test.wait(test.store().cancel(&other, test.now));
    assert_eq!(take(test, 10), [], "a canceled broadcast in doubt has not ended");
    test.claim(&one, 1);
    test.settle(&one, 0, 1, delivered());
    test.advance(1);
    test.settle(&other, 0, 1, delivered());
    assert_eq!(take(test, 1), [(one.clone(), 0)]);
    assert_eq!(take(test, 10), [(other.clone(), 0)]);
    assert_eq!(take(test, 10), []);
    test.wait(test.store().announced(&one, None, test.now));
    test.advance(10);
    test.die();
    assert_eq!(take(test, 10), [(other.clone(), 1)]);
    let pause = Duration::from_millis(20);
    test.wait(test.store().announced(&other, Some(pause), test.now));
    test.advance(19);
    assert_eq!(take(test, 10), []);
    test.advance(1);
    assert_eq!(take(test, 10), [(other, 2)]);
}
