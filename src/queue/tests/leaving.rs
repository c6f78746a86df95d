//! Leaving a line in every phase of waiting strands nobody.

use super::*;

#[tokio::test]
async fn whichever_request_leaves_when_the_others_get_every_permit_in_their_order() {
    for leaver in 0..5 {
        for woken in [None, Some(0), Some(1), Some(2), Some(3)] {
            for turns_before in 0..4 {
                the_others_get_every_permit(leaver, woken, turns_before).await;
            }
        }
    }
}

/// Five wait, for two receivers: first and sleeping, first for their receiver and waiting for the
/// app, and behind another. One leaves when everybody sleeps, or in the middle: somebody was woken,
/// and so many times those who were have looked and woken others, who have not looked yet.
async fn the_others_get_every_permit(leaver: usize, woken: Option<usize>, turns_before: usize) {
    let stage = Stage::new(&rules(AMPLE, 1));
    assert_eq!(stage.comes_for(Duration::ZERO, 0).await, Ok(AT_ONCE));
    let mut waiting = Vec::new();
    for (name, to) in [("a1", 1), ("b1", 2), ("a2", 1), ("b2", 2), ("a3", 1)] {
        waiting.push(stage.comes(name, to).await);
    }
    for _ in 0..turns_before {
        stage.advance(app_period()).await;
    }
    if let Some(looks) = woken {
        stage.time.advance(app_period());
        for _ in 0..looks {
            yield_now().await;
        }
    }
    let all = ["a1", "b1", "a2", "b2", "a3"];
    let was_served = stage.served().contains(&all[leaver]);
    waiting[leaver].abort();
    settle().await;
    for _ in 0..5 {
        stage.advance(app_period()).await;
    }
    let case = format!("{} leaves after {turns_before} turns, woken: {woken:?}", all[leaver]);
    let expected: Vec<_> =
        all.into_iter().filter(|name| was_served || *name != all[leaver]).collect();
    let served_for = |served: &[&'static str], to: char| -> Vec<&'static str> {
        served.iter().copied().filter(|name| name.starts_with(to)).collect()
    };
    let served = stage.served();
    for to in ['a', 'b'] {
        assert_eq!(served_for(&served, to), served_for(&expected, to), "{case}");
    }
    assert_eq!(stage.scheduler.waiting(), 0, "{case}");
    assert_eq!(served.len(), expected.len(), "{case}");
}

#[tokio::test]
async fn a_request_that_leaves_while_it_sleeps_before_a_receivers_limit_lets_the_next_one_sleep_there()
 {
    let stage = Stage::new(&rules(1, AMPLE));
    assert_eq!(stage.comes_for(Duration::ZERO, 1).await, Ok(AT_ONCE));
    let first = stage.comes("first", 1).await;
    let _second = stage.comes("second", 1).await;
    first.abort();
    settle().await;
    stage.advance(SECOND).await;
    assert_eq!(stage.served(), ["second"]);
}

#[tokio::test]
async fn who_stepped_in_front_and_leaves_gives_the_place_back() {
    let (stage, again) = comes_back_among_others().await;
    again.abort();
    settle().await;
    for _ in 0..3 {
        stage.advance(app_period()).await;
    }
    assert_eq!(stage.served()[1..], ["for 2", "newcomer", "for 3"]);
}

#[tokio::test]
async fn the_last_request_that_leaves_a_receiver_gives_up_its_place_in_the_apps_queue() {
    let stage = Stage::new(&rules(AMPLE, 1));
    assert_eq!(stage.comes_for(Duration::ZERO, 0).await, Ok(AT_ONCE));
    let first = stage.comes("first", 1).await;
    let _second = stage.comes("second", 2).await;
    stage.time.advance(app_period());
    // Woken and gone before it looked.
    first.abort();
    settle().await;
    assert_eq!(stage.served(), ["second"]);
    assert_eq!(stage.scheduler.waiting(), 0);
}
