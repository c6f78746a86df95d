//! Readiness: strict until there are tokens, and from then on a matter of draining alone.

use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;
use gateway_harness::{Gateway, code, every_token, gateway};
use serde_json::Value;

const SECOND: Duration = Duration::from_secs(1);

async fn ready(gateway: &Gateway) -> (u16, Value) {
    let answer = gateway.ask_admin("GET", "/readyz").await;
    (answer.status, answer.json())
}

fn said(body: &Value, list: &str) -> String {
    let all = body[list].as_array().unwrap_or_else(|| panic!("{list} of {body}"));
    all.iter().map(|it| it.as_str().expect("a sentence")).collect::<Vec<_>>().join("\n")
}

#[actix_web::test]
async fn one_app_with_a_wrong_secret_takes_the_others_away_for_half_a_minute_at_most() {
    let other = ApiKey::generate();
    let setup = gateway().second_app_of(&other).set("apps.second.app_secret", "a-wrong-one").cold();
    let gateway = setup.start().await;
    // Its keeper has a token, the other's has failed.
    gateway.sleep(|all| all.contains(&(SECOND * 5400)) && all.contains(&SECOND)).await;
    gateway.advance_to_just_before(SECOND * 30);
    let (status, body) = ready(&gateway).await;
    assert_eq!(status, 503, "{body}");
    let reasons = said(&body, "reasons");
    assert!(reasons.contains("second") && reasons.contains("10014"), "{reasons}");
    assert!(!reasons.contains("main"), "{reasons}");
    gateway.advance_to(SECOND * 30);
    let (status, body) = ready(&gateway).await;
    assert_eq!((status, &body["status"]), (200, &"ready".into()));
    let warnings = said(&body, "warnings");
    assert!(warnings.contains("second") && warnings.contains("10014"), "{warnings}");
    gateway.forward("oc_1").send().await.message_id();
    let forward = gateway.forward("oc_2").header("x-api-key", other.expose());
    forward.send().await.problem(502, "credentials_rejected", "not_delivered");
}

#[actix_web::test]
async fn without_any_token_it_is_not_ready_however_long_it_waits() {
    let gateway = gateway().fault(every_token(code(10003))).cold().start().await;
    let mut next = Duration::ZERO;
    for pause in [1, 2, 4, 8, 16, 32, 60] {
        next += SECOND * pause;
        gateway.sleeps_until(next).await;
        let (status, body) = ready(&gateway).await;
        assert_eq!((status, &body["status"]), (503, &"not ready".into()));
        assert!(said(&body, "reasons").contains("10003"), "{body}");
        gateway.advance_to(next);
    }
    gateway.sleeps_until(next + SECOND * 60).await;
    gateway.simulator.clear_faults();
    gateway.advance_to(next + SECOND * 60);
    gateway.sleeps_until(next + SECOND * 60 + SECOND * 5400).await;
    assert_eq!(ready(&gateway).await, (200, serde_json::json!({"status": "ready"})));
}

#[actix_web::test]
async fn a_token_that_cannot_be_renewed_is_told_and_keeps_it_ready() {
    let gateway = gateway().start().await;
    assert_eq!(ready(&gateway).await, (200, serde_json::json!({"status": "ready"})));
    gateway.spoil_every_token(code(10014));
    gateway.advance_to(SECOND * 5400);
    gateway.sleeps_until(SECOND * 5401).await;
    let (status, body) = ready(&gateway).await;
    assert_eq!(status, 200);
    let warnings = said(&body, "warnings");
    assert!(warnings.contains("10014") && warnings.contains("1800 s"), "{warnings}");
    // What it was told in is never there.
    assert!(!warnings.contains("app secret invalid"), "{warnings}");
    gateway.advance_to(SECOND * 7200);
    let (status, body) = ready(&gateway).await;
    assert_eq!(status, 200);
    assert!(said(&body, "warnings").contains("no usable tenant token"), "{body}");
}
