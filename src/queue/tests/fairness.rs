//! Callers that compete: each gets its share, and none waits for the backlog of another.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::load::*;
use super::*;

/// What each of them gets in a minute. At first everybody gets what is free, so that does not count.
async fn shares<const N: usize>(stage: &Stage, loads: &[Load; N]) -> [u32; N] {
    stage.passes(SECOND * 5).await;
    let before = loads.each_ref().map(Load::permits);
    stage.passes(SECOND * 60).await;
    let mut after = loads.each_ref().map(Load::permits);
    after.iter_mut().zip(before).for_each(|(after, before)| *after -= before);
    after
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn jains_index(shares: &[u32]) -> f64 {
    let sum: f64 = shares.iter().map(|it| f64::from(*it)).sum();
    let squares: f64 = shares.iter().map(|it| f64::from(*it).powi(2)).sum();
    sum * sum / (shares.len() as f64 * squares)
}

#[tokio::test]
async fn a_caller_that_writes_to_200_receivers_takes_none_from_one_with_a_message_a_second() {
    let stage = Stage::new(&FEISHUS);
    let flood = Load { wait: MAX_WAIT, ..Load::new(&stage, "flood", 1) };
    let quiet = Load { wait: MAX_WAIT, ..Load::new(&stage, "quiet", 1) };
    flood.keeps_forwarding_to(0..200);
    stage.passes(SECOND * 5).await;
    quiet.forwards_each_second(20, 1000).await;
    stage.passes(MAX_WAIT).await;
    assert_eq!(*quiet.got.lock().unwrap(), (20, 0));
    assert!(flood.permits() > 16 * 20, "what is left is the flood's: {}", flood.permits());
}

#[tokio::test]
async fn a_thousand_forwards_at_once_take_none_from_one_with_a_message_a_second() {
    let stage = Stage::bounded(&FEISHUS, Bounds { per_receiver: 200, in_all: 768 });
    let flood = Load { wait: MAX_WAIT, ..Load::new(&stage, "flood", 1) };
    let quiet = Load { wait: MAX_WAIT, ..Load::new(&stage, "quiet", 1) };
    // Twenty to each of 50 receivers.
    flood.keeps_forwarding_to((0..1000).map(|number| number % 50));
    stage.passes(SECOND * 5).await;
    quiet.forwards_each_second(24, 1000).await;
    stage.passes(MAX_WAIT).await;
    assert_eq!(*quiet.got.lock().unwrap(), (24, 0));
}

#[tokio::test]
async fn ten_callers_of_equal_weight_get_equal_shares() {
    let stage = Stage::new(&FEISHUS);
    let loads: Vec<_> = (0..10).map(|n| Load::new(&stage, &format!("caller {n}"), 1)).collect();
    for (number, load) in loads.iter().enumerate() {
        // The first ones press ten times as hard as the last one.
        load.keeps_forwarding_to((0..(10 - number) * 10).map(|to| number * 1000 + to));
    }
    stage.passes(SECOND * 60).await;
    let permits: Vec<u32> = loads.iter().map(Load::permits).collect();
    assert!(jains_index(&permits) >= 0.98, "{permits:?}");
}

#[tokio::test]
async fn weights_of_1_2_and_4_give_shares_of_1_2_and_4() {
    let stage = Stage::new(&FEISHUS);
    let loads = [1, 2, 4].map(|weight| Load::new(&stage, &format!("weight {weight}"), weight));
    for (number, load) in loads.iter().enumerate() {
        load.keeps_forwarding_to((0..50).map(|to| number * 1000 + to));
    }
    let permits = shares(&stage, &loads).await.map(f64::from);
    let all: f64 = permits.iter().sum();
    for (share, weight) in permits.iter().zip([1.0, 2.0, 4.0]) {
        let expected = all * weight / 7.0;
        assert!((share - expected).abs() <= expected * 0.05, "{permits:?}");
    }
}

#[tokio::test]
async fn bulk_takes_what_interactive_forwards_leave_and_a_tenth_at_least() {
    let stage = Stage::new(&FEISHUS);
    let interactive = Load::new(&stage, "one", 1);
    let bulk = Load { urgency: Urgency::Bulk, ..Load::new(&stage, "other", 100) };
    bulk.keeps_forwarding_to(0..50);
    stage.passes(SECOND * 10).await;
    let alone = bulk.permits();
    assert!(alone >= 160, "all of the app's calls: {alone}");
    interactive.keeps_forwarding_to(1000..1050);
    stage.passes(SECOND * 60).await;
    let (of_bulk, of_all) =
        (bulk.permits() - alone, bulk.permits() - alone + interactive.permits());
    assert!((of_all / 10 - 2..=of_all / 10 + 2).contains(&of_bulk), "{of_bulk} of {of_all}");
}

#[tokio::test]
async fn the_callers_that_write_to_one_receiver_share_its_limit_by_weight() {
    let stage = Stage::new(&rules(5, AMPLE));
    let loads = [1, 4].map(|weight| Load::new(&stage, &format!("weight {weight}"), weight));
    for load in &loads {
        load.keeps_forwarding_to([7; 20]);
    }
    let [light, heavy] = shares(&stage, &loads).await;
    assert!((295..=305).contains(&(light + heavy)), "{light} and {heavy}");
    assert!((light * 4 - 10..=light * 4 + 10).contains(&heavy), "{light} and {heavy}");
}

#[tokio::test]
async fn nobody_waits_for_the_backlog_of_a_caller_that_writes_to_the_same_receiver() {
    let stage = Stage::new(&rules(5, 1));
    let flood = Load::new(&stage, "flood", 1);
    flood.keeps_forwarding_to(0..100);
    stage.advance(app_period()).await;
    let quiet = Load::new(&stage, "quiet", 1);
    // The flood's own turn for this receiver is a hundred turns away.
    drop(tokio::spawn({
        let quiet = quiet.clone();
        async move { quiet.forward(99).await }
    }));
    settle().await;
    for _ in 0..3 {
        stage.advance(app_period()).await;
    }
    assert_eq!(quiet.permits(), 1);
}

#[tokio::test]
async fn an_app_that_feishu_has_paused_keeps_no_other_from_the_same_receiver() {
    let stage = Stage::new(&rules(2, AMPLE));
    stage.scheduler.app_refused(&stage.keys[1], SECOND * 60);
    let _waiting = [1, 2, 3]
        .map(|_| stage.comes_with(Ticket::draw(&stage.scheduler), "by the paused app", 1, 7));
    settle().await;
    for _ in 0..10 {
        let _task = stage.comes("by the other app", 7).await;
        stage.advance(SECOND).await;
    }
    assert_eq!(stage.served(), ["by the other app"; 10]);
}

/// The first caller forwards now and then while the others always have something to forward.
async fn waits_within_its_share(weights: &[u32], seed: u64) -> Result<(), TestCaseError> {
    let stage = Stage::new(&rules(AMPLE, 1));
    let mut random = StdRng::seed_from_u64(seed);
    let loads: Vec<_> = weights
        .iter()
        .enumerate()
        .map(|(number, weight)| Load::new(&stage, &format!("caller {number}"), *weight))
        .collect();
    for (number, load) in loads.iter().enumerate().skip(1) {
        let receivers = random.random_range(1..4);
        load.keeps_forwarding_to((0..receivers).map(|to| number * 1000 + to));
    }
    stage.passes(SECOND).await;
    let sum: u32 = weights.iter().sum();
    let share = sum.div_ceil(weights[0]);
    let permits = || loads[1..].iter().map(Load::permits).sum::<u32>();
    for _ in 0..5 {
        // One that comes earlier is still ahead of its share.
        for _ in 0..share + random.random_range(0..5) {
            stage.advance(app_period()).await;
        }
        let quiet = loads[0].clone();
        let before = permits();
        let task = tokio::spawn(async move { quiet.forward(0).await });
        settle().await;
        let mut turns = 0;
        while !task.is_finished() {
            stage.advance(app_period()).await;
            turns += 1;
            prop_assert!(turns <= 4 * sum, "it waits for ever");
        }
        prop_assert!(permits() - before <= share, "{} of {share}", permits() - before);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_forward_that_comes_after_a_pause_waits_for_no_more_turns_than_its_share_allows(
        weights in prop::collection::vec(prop_oneof![1..=4_u32, 1..=100_u32], 2..8),
        seed: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(waits_within_its_share(&weights, seed))?;
    }
}

#[tokio::test]
async fn a_caller_that_fills_the_queues_leaves_room_for_others() {
    let stage = Stage::bounded(&rules(1, AMPLE), Bounds { per_receiver: 10, in_all: 20 });
    let flood = Load::new(&stage, "flood", 1);
    flood.keeps_forwarding_to((0..100).map(|number| number % 4));
    settle().await;
    let waiting = stage.scheduler.waiting_by_caller();
    assert_eq!(waiting, BTreeMap::from([(Arc::from("flood"), 16)]));
    // One that writes to the same receiver, and one that writes to another.
    let quiet = Load::new(&stage, "quiet", 1);
    quiet.keeps_forwarding_to([0, 9, 9]);
    settle().await;
    let waiting = stage.scheduler.waiting_by_caller();
    assert_eq!(waiting, BTreeMap::from([(Arc::from("flood"), 16), (Arc::from("quiet"), 3)]));
}
