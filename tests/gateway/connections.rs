//! The connections to Feishu: kept for the next call of any worker, and not relied on.

use std::collections::BTreeSet;
use std::time::Duration;

use feishu_simulator::{Api, Attempt, Fault, FaultKind, Phase};

use gateway_harness::{Gateway, all, eventually, gateway, ms};

const ATTEMPT: Duration = Duration::from_secs(5);
const DEAD: usize = 40;
const FORWARDS: usize = 60;

fn connections_of(attempts: &[Attempt]) -> BTreeSet<u64> {
    attempts.iter().map(|attempt| attempt.connection).collect()
}

#[actix_web::test]
async fn the_connection_of_the_token_call_serves_the_forwards_of_all_workers() {
    let gateway = gateway().no_app_limits().start().await;
    for number in 0..40 {
        // Each comes to whichever worker takes its connection.
        let forward = gateway.forward(&format!("ou_{number}")).over_a_new_connection();
        forward.send().await.message_id();
    }
    let mut calls = gateway.forwards();
    calls.extend(gateway.token_calls());
    assert_eq!((calls.len(), connections_of(&calls).len()), (41, 1));
    assert_eq!(gateway.simulator.connections(), 1);
}

/// Forwards to so many receivers, and so many connections that are idle afterwards.
async fn with_idle_connections(count: usize) -> Gateway {
    let gateway = gateway().no_app_limits().start().await;
    let held = Fault {
        api: Some(Api::Forward),
        times: Some(count.try_into().expect("a few")),
        ..Fault::once(FaultKind::Held)
    };
    gateway.simulator.add_fault(held);
    let forwards = (0..count).map(|number| gateway.forward(&format!("ou_{number}")).spawn());
    let forwards = forwards.collect();
    gateway.forwards_reach(count).await;
    gateway.simulator.clear_faults();
    all(forwards).await.iter().for_each(|answer| drop(answer.message_id()));
    assert_eq!(connections_of(&gateway.forwards()).len(), count);
    gateway
}

#[actix_web::test]
async fn of_many_connections_that_die_silently_each_forward_loses_one_attempt_at_most() {
    let gateway = with_idle_connections(DEAD).await;
    gateway.simulator.strand_connections();
    gateway.simulator.clear_ledger();
    let opened = gateway.simulator.connections();
    let forwards = (0..FORWARDS).map(|number| gateway.forward(&format!("on_{number}")).spawn());
    let forwards: Vec<_> = forwards.collect();
    // The others find no idle connection and open new ones.
    eventually(|| gateway.deliveries().len() == FORWARDS - DEAD).await;
    let gives_up_at = gateway.clock.now() + ATTEMPT;
    gateway.sleep(|all| all.iter().filter(|it| **it == gives_up_at).count() == DEAD).await;
    gateway.advance(ATTEMPT);
    let pauses_end_by = gives_up_at + ms(200);
    let pauses = || gateway.hand.pauses().into_iter().filter(|it| *it <= pauses_end_by).count();
    eventually(|| pauses() == DEAD).await;
    gateway.advance_to(pauses_end_by);
    for answer in all(forwards).await {
        answer.message_id();
        let timing = answer.header("server-timing").expect("Server-Timing");
        let attempts = timing.split("attempts;desc=").nth(1).expect("attempts");
        assert!(["\"1\"", "\"2\""].contains(&attempts), "{timing}");
    }
    assert!(gateway.simulator.connections() - opened <= FORWARDS as u64);
}

#[actix_web::test]
async fn a_connection_that_ends_as_a_request_comes_costs_no_pause() {
    for kind in [FaultKind::Cut, FaultKind::Reset] {
        for phase in [Phase::BeforeCommit, Phase::AfterCommit] {
            let gateway = gateway().start().await;
            gateway.forward("oc_1").send().await.message_id();
            gateway.simulator.clear_ledger();
            let ends =
                Fault { api: Some(Api::Forward), reused: true, phase, ..Fault::once(kind.clone()) };
            gateway.simulator.add_fault(ends);
            // The clock stands still, so a pause would never end.
            let answer = gateway.forward("oc_2").send().await;
            let forwards = gateway.forwards();
            assert_eq!((forwards.len(), connections_of(&forwards).len()), (2, 2), "{kind:?}");
            assert_eq!(forwards.iter().map(|it| &it.uuid).collect::<BTreeSet<_>>().len(), 1);
            let deliveries = gateway.deliveries();
            assert_eq!(deliveries.len(), 1, "{kind:?}");
            assert_eq!(deliveries[0].new_message_id, answer.message_id());
            let retries = "feishu_gateway_upstream_retries_total";
            let labels = [("reason", "stale_connection")];
            assert_eq!(gateway.metrics().await.count(retries, &labels), 1);
        }
    }
}

#[actix_web::test]
async fn at_once_it_is_tried_again_once_and_in_its_turn() {
    let gateway = gateway().set("limits.receiver_per_second", "1").start().await;
    let ends = Fault { api: Some(Api::Forward), reused: true, ..Fault::once(FaultKind::Cut) };
    gateway.simulator.add_fault(ends);
    gateway.see_through(gateway.forward("oc_1")).await.message_id();
    let at: Vec<u64> = gateway.forwards().iter().map(|it| it.at_ns / 1_000_000).collect();
    assert_eq!(at, [0, 1050]);
}
