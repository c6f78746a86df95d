//! To whom a key may forward.

use gateway_harness::{Answer, gateway};

fn refused(answer: &Answer) {
    let problem = answer.problem(403, "receiver_not_allowed", "not_delivered");
    assert_eq!((&problem["fix_by"], &problem["retryable"]), (&"operator".into(), &false.into()));
    assert!(problem.get("feishu").is_none());
}

#[actix_web::test]
async fn a_key_forwards_to_the_receivers_that_it_may_and_to_nobody_else() {
    let gateway = gateway().set("keys.tester.allow_receivers", "oc_team, oc_ops_*").start().await;
    for allowed in ["oc_team", "oc_ops_night"] {
        gateway.forward(allowed).send().await.message_id();
    }
    for other in ["oc_team2", "oc_ops", "ou_team", "somebody@example.com"] {
        refused(&gateway.forward(other).send().await);
    }
    assert_eq!(gateway.forwards().len(), 2);
}

#[actix_web::test]
async fn a_key_forwards_to_the_types_of_receivers_that_it_may() {
    let gateway =
        gateway().set("keys.tester.allow_receive_id_types", "chat_id,thread_id").start().await;
    gateway.forward("oc_1").send().await.message_id();
    // Detected, and as the caller says it is.
    refused(&gateway.forward("ou_1").send().await);
    refused(&gateway.forward("oc_1").query("receive_id_type=user_id").send().await);
    gateway.forward("ou_1").query("receive_id_type=chat_id").send().await.message_id();
}

#[actix_web::test]
async fn who_is_refused_costs_the_receiver_no_turn_and_takes_no_key() {
    let gateway = gateway().set("keys.tester.allow_receivers", "oc_mine").start().await;
    for _ in 0..10 {
        let forward = gateway.forward("oc_other").header("idempotency-key", "order-17");
        refused(&forward.send().await);
    }
    let answer = gateway.forward("oc_mine").header("idempotency-key", "order-17").send().await;
    answer.message_id();
    assert_eq!(answer.header("ratelimit"), Some("\"receiver\";r=4;t=2"));
}

#[actix_web::test]
async fn the_refusal_names_neither_the_receiver_nor_who_is_allowed() {
    let gateway = gateway().set("keys.tester.allow_receivers", "oc_secret_team").start().await;
    let answer = gateway.forward("oc_other").send().await;
    refused(&answer);
    let told = String::from_utf8(answer.body).expect("text");
    assert!(!told.contains("oc_"), "{told}");
}
