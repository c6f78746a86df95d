//! The headers of an answer.

use std::collections::BTreeSet;
use std::time::Duration;

use feishu_simulator::FaultKind;

use gateway_harness::{Answer, all, code, gateway, ms};

#[actix_web::test]
async fn the_answer_carries_the_headers_of_the_contract() {
    let gateway = gateway().start().await;
    let answer = gateway.forward("oc_1").send().await;
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some("\"receiver\";q=5;w=1, \"app\";q=1000;w=60")
    );
    assert_eq!(answer.header("ratelimit"), Some("\"receiver\";r=4;t=2"));
    assert_eq!(answer.header("x-feishu-log-id"), gateway.forwards()[0].log_id.as_deref());
    assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()));
    assert_eq!(answer.header("preference-applied"), None);
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(server_timing(&answer), [ms(0); 4]);
}

#[actix_web::test]
async fn the_remaining_turns_count_down_to_none() {
    let gateway = gateway().start().await;
    for left in (0..5).rev() {
        let answer = gateway.forward("oc_1").send().await;
        assert_eq!(answer.header("ratelimit"), Some(&*format!("\"receiver\";r={left};t=2")));
    }
}

#[actix_web::test]
async fn server_timing_tells_waiting_from_the_rest() {
    let gateway = gateway().start().await;
    for _ in 0..5 {
        gateway.forward("oc_1").send().await.message_id();
    }
    let sixth = gateway.forward("oc_1").spawn();
    gateway.sleeps_until(ms(1050)).await;
    gateway.advance(ms(1050));
    let answer = all(vec![sixth]).await.remove(0);
    assert_eq!(server_timing(&answer), [ms(1050), ms(0), ms(0), ms(1050)]);
}

/// The times in `Server-Timing`: wait, token, feishu, total.
fn server_timing(answer: &Answer) -> [Duration; 4] {
    let timing = answer.header("server-timing").expect("Server-Timing");
    let metrics: Vec<&str> = timing.split(", ").collect();
    assert_eq!(metrics[4..], ["attempts;desc=\"1\""], "{timing}");
    let names = ["wait;dur=", "token;dur=", "feishu;dur=", "total;dur="];
    std::array::from_fn(|at| {
        let number = metrics[at].strip_prefix(names[at]).unwrap_or_else(|| panic!("{timing}"));
        let milliseconds: f64 = number.parse().unwrap_or_else(|_| panic!("{timing}"));
        Duration::from_secs_f64(milliseconds / 1e3)
    })
}

#[actix_web::test]
async fn a_request_id_of_visible_ascii_is_kept() {
    let gateway = gateway().start().await;
    for id in ["a", "order-17/\"x\"", &"x".repeat(128), "!~"] {
        let answer = gateway.forward("ou_1").header("x-request-id", id).send().await;
        assert_eq!(answer.header("x-request-id"), Some(id));
        gateway.advance(ms(1050));
    }
}

#[actix_web::test]
async fn any_other_request_id_is_replaced_by_a_new_one() {
    let gateway = gateway().start().await;
    let mut made = BTreeSet::new();
    let given = ["", "a b", "a\tb", &"x".repeat(129)];
    for id in given {
        let answer =
            gateway.forward(&format!("ou_{}", id.len())).header("x-request-id", id).send().await;
        let new = answer.header("x-request-id").unwrap().to_owned();
        assert!(new != id && (1..=128).contains(&new.len()), "{new}");
        assert!(made.insert(new), "made twice");
    }
    assert_eq!(made.len(), given.len());
}

#[actix_web::test]
async fn a_failure_behind_the_limiter_carries_the_same_headers() {
    let gateway = gateway().one_attempt().start().await;
    gateway.spoil_forward(code(230002));
    let refused = gateway.forward("oc_1").header("prefer", "wait=3").send().await;
    refused.problem(403, "bot_not_in_chat", "not_delivered");
    assert_eq!(refused.header("x-feishu-log-id"), gateway.forwards()[0].log_id.as_deref());
    gateway.spoil_forward(FaultKind::Cut);
    let cut = gateway.forward("oc_1").header("prefer", "wait=3").send().await;
    cut.problem(502, "feishu_unreadable", "unknown");
    assert_eq!(cut.header("x-feishu-log-id"), None);
    for (answer, left) in [(refused, 4), (cut, 3)] {
        assert_eq!(answer.header("ratelimit"), Some(&*format!("\"receiver\";r={left};t=2")));
        assert!(answer.header("ratelimit-policy").is_some());
        assert_eq!(answer.header("preference-applied"), Some("wait=3"));
        assert_eq!(server_timing(&answer), [ms(0); 4]);
    }
}

#[actix_web::test]
async fn every_answer_of_every_route_names_its_request() {
    let gateway = gateway().start().await;
    for path in ["/", "/docs/", "/openapi.json", "/nope"] {
        assert!(gateway.ask("GET", path).await.header("x-request-id").is_some(), "{path}");
    }
    for path in ["/livez", "/readyz", "/metrics", "/nope"] {
        assert!(gateway.ask_admin("GET", path).await.header("x-request-id").is_some(), "{path}");
    }
}
