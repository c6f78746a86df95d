//! Claiming receivers, and settling what was claimed.

use std::time::Duration;

use crate::broadcasts::ReceiverState::{Delivered, InDoubt, NotDelivered, Pending, Unknown};
use crate::broadcasts::tests::TestStore;
use crate::broadcasts::tests::subject::{delivered, problem, receiver};
use crate::broadcasts::{Settlement, State};
use crate::model::problem_kind::ProblemKind::{AppRateLimited, BotNotInChat, FeishuTimeout};

pub(super) fn receivers_are_claimed_by_place_and_are_in_doubt_then(test: &mut TestStore) {
    let id = test.accepted("one", 5);
    let claimed = test.claim(&id, 2);
    assert_eq!(claimed.iter().map(|it| it.place).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(claimed[1].receiver, receiver(1));
    assert!(claimed.iter().all(|it| it.claim == 1 && it.in_doubt_since.is_none()));
    assert_eq!(test.states(&id), [InDoubt, InDoubt, Pending, Pending, Pending]);
    let counts = test.find(&id).counts;
    assert_eq!((counts.of(InDoubt), counts.of(Pending)), (2, 3));
    assert_eq!(test.receivers(&id)[0].attempts, 1);
    assert_eq!(test.claim_places(&id), [2, 3, 4]);
}

pub(super) fn what_is_claimed_is_not_claimed_again_while_its_process_lives(test: &mut TestStore) {
    let id = test.accepted("one", 2);
    test.claim(&id, 1);
    for _ in 0..10 {
        test.advance(1000);
    }
    assert_eq!(test.claim_places(&id), [1]);
    test.tidy(0, 0);
    assert_eq!(test.states(&id), [InDoubt, InDoubt]);
}

pub(super) fn what_a_dead_process_held_is_claimed_again_with_its_doubt(test: &mut TestStore) {
    let id = test.accepted("one", 3);
    let first_attempt = test.now;
    test.claim(&id, 2);
    test.settle(&id, 0, 1, delivered());
    test.die();
    let claimed = test.claim(&id, 10);
    let claims: Vec<_> = claimed.iter().map(|it| (it.place, it.claim, it.in_doubt_since)).collect();
    assert_eq!(claims, [(1, 2, Some(first_attempt)), (2, 1, None)]);
    assert!(test.claim_places(&id).is_empty());
    assert_eq!(test.find(&id).counts.of(InDoubt), 2);
}

pub(super) fn each_settlement_is_written_down(test: &mut TestStore) {
    let id = test.accepted("one", 5);
    test.claim(&id, 5);
    test.advance(10);
    let (ended_at, pause) = (test.now, Duration::from_secs(1));
    let results = [
        delivered(),
        Settlement::NotDelivered(problem(BotNotInChat)),
        Settlement::Unknown(problem(FeishuTimeout)),
        Settlement::NotSent(problem(AppRateLimited), pause),
        Settlement::InDoubt(problem(FeishuTimeout), pause),
    ];
    for (place, result) in (0..).zip(results) {
        test.settle(&id, place, 1, result);
    }
    test.die();
    assert_eq!(test.states(&id), [Delivered, NotDelivered, Unknown, Pending, InDoubt]);
    let records = test.receivers(&id);
    let problems: Vec<_> = records.iter().map(|it| it.problem.clone()).collect();
    let kinds = [BotNotInChat, FeishuTimeout, AppRateLimited, FeishuTimeout];
    assert_eq!(problems[0], None);
    assert_eq!(problems[1..], kinds.map(|it| Some(problem(it))));
    assert_eq!(records[0].message_id.as_deref(), Some("om_new"));
    assert!(records[1..].iter().all(|it| it.message_id.is_none()));
    assert!(records[..3].iter().all(|it| it.ended_at == Some(ended_at)));
    assert!(records[3..].iter().all(|it| it.ended_at.is_none()));
    let counts = test.find(&id).counts;
    assert_eq!(
        [Pending, InDoubt, Delivered, NotDelivered, Unknown].map(|it| counts.of(it)),
        [1; 5]
    );
}

pub(super) fn what_was_not_sent_is_pending_without_a_doubt_and_claimed_when_due(
    test: &mut TestStore,
) {
    let id = test.accepted("one", 1);
    test.claim(&id, 1);
    let pause = Duration::from_secs(2);
    test.settle(&id, 0, 1, Settlement::NotSent(problem(AppRateLimited), pause));
    test.advance(1999);
    assert_eq!(test.claim(&id, 1), []);
    test.advance(1);
    let claimed = test.claim(&id, 1);
    assert_eq!((claimed[0].claim, claimed[0].in_doubt_since), (2, None));
    test.settle(&id, 0, 2, delivered());
    assert_eq!(test.receivers(&id)[0].problem, None);
}

pub(super) fn what_is_in_doubt_is_claimed_when_due_with_its_first_attempt(test: &mut TestStore) {
    let id = test.accepted("one", 1);
    let first_attempt = test.now;
    for claim in 1..4 {
        assert_eq!(test.claim(&id, 1)[0].claim, claim);
        let pause = Duration::from_secs(1);
        test.settle(&id, 0, claim, Settlement::InDoubt(problem(FeishuTimeout), pause));
        test.advance(999);
        assert_eq!(test.claim(&id, 1), []);
        test.advance(1);
    }
    assert_eq!(test.claim(&id, 1)[0].in_doubt_since, Some(first_attempt));
}

pub(super) fn a_pause_lasts_also_if_the_store_has_seen_a_later_time(test: &mut TestStore) {
    let id = test.accepted("one", 2);
    test.advance(20_000);
    test.claim(&id, 1);
    test.now -= Duration::from_secs(20);
    let second = Duration::from_secs(1);
    test.settle(&id, 0, 1, Settlement::InDoubt(problem(FeishuTimeout), second));
    assert_eq!(test.claim_places(&id), [1]);
    test.settle(&id, 1, 1, Settlement::NotSent(problem(AppRateLimited), second));
    test.advance(20_999);
    assert!(test.claim_places(&id).is_empty());
    test.advance(1);
    assert_eq!(test.claim_places(&id), [0, 1]);
}

pub(super) fn a_settlement_by_an_older_claim_counts_only_if_it_says_delivered(
    test: &mut TestStore,
) {
    let id = test.accepted("one", 5);
    test.claim(&id, 5);
    test.die();
    test.claim(&id, 5);
    let old = [
        Settlement::NotDelivered(problem(BotNotInChat)),
        Settlement::Unknown(problem(FeishuTimeout)),
        Settlement::NotSent(problem(AppRateLimited), Duration::ZERO),
        Settlement::InDoubt(problem(FeishuTimeout), Duration::ZERO),
        delivered(),
    ];
    for (place, result) in (0..).zip(old.clone()) {
        test.settle(&id, place, 1, result);
    }
    assert_eq!(test.states(&id), [InDoubt, InDoubt, InDoubt, InDoubt, Delivered]);
    assert_eq!(test.claim(&id, 5), [], "what is held stays held");
    // A claim that has ended is an older one too.
    test.settle(&id, 0, 2, Settlement::NotSent(problem(AppRateLimited), Duration::ZERO));
    for result in old {
        test.settle(&id, 0, 2, result.clone());
        let expected = if result == delivered() { Delivered } else { Pending };
        assert_eq!(test.states(&id)[0], expected);
    }
}

pub(super) fn a_final_state_never_changes(test: &mut TestStore) {
    let id = test.accepted("one", 4);
    test.claim(&id, 3);
    test.settle(&id, 0, 1, Settlement::NotDelivered(problem(BotNotInChat)));
    test.settle(&id, 1, 1, Settlement::Unknown(problem(FeishuTimeout)));
    test.settle(&id, 2, 1, delivered());
    let before = (test.find(&id), test.receivers(&id));
    for place in 0..3 {
        test.settle(&id, place, 1, delivered());
        test.settle(&id, place, 1, Settlement::NotSent(problem(AppRateLimited), Duration::ZERO));
    }
    assert_eq!((test.find(&id), test.receivers(&id)), before);
}

pub(super) fn a_paused_broadcast_can_be_claimed_from_and_runs_again(test: &mut TestStore) {
    let id = test.accepted("one", 2);
    let running = test.find(&id);
    test.wait(test.store().pause(&id, Some(AppRateLimited)));
    let paused = test.find(&id);
    assert_eq!((paused.state, paused.paused_by), (State::Paused, Some(AppRateLimited)));
    assert!(paused.revision > running.revision);
    assert_eq!(test.wait(test.store().active("main")), [paused]);
    assert_eq!(test.claim(&id, 1).len(), 1);
    test.wait(test.store().pause(&id, None));
    let running = test.find(&id);
    assert_eq!((running.state, running.paused_by), (State::Running, None));
}

pub(super) fn no_time_is_before_that_of_an_earlier_change(test: &mut TestStore) {
    let id = test.accepted("one", 1);
    let before = test.now;
    test.now -= Duration::from_mins(4);
    let earlier = test.accepted("two", 1);
    let found = test.find(&earlier);
    assert_eq!((found.created_at, found.expires_at), (before, before + Duration::from_hours(1)));
    test.claim(&id, 1);
    test.settle(&id, 0, 1, delivered());
    assert_eq!(test.find(&id).finished_at, Some(before));
    assert_eq!(test.receivers(&id)[0].ended_at, Some(before));
}
