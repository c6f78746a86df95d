//! Labels have a bound, whatever callers and Feishu make up.

use std::collections::BTreeSet;
use std::time::Duration;

use feishu_simulator::{Api, Fault};

use gateway_harness::{Gateway, code, foreign, gateway};

#[actix_web::test]
async fn what_callers_make_up_creates_no_labels() {
    let gateway = gateway().start().await;
    for number in 0..20 {
        gateway.ask(&format!("BREW{number}"), &format!("/made/up/{number}")).await;
        gateway.ask(&format!("BREW{number}"), "/v1/messages/om_1/forward").await;
        gateway.ask("GET", &format!("/docs/none{number}.js")).await;
        gateway.ask("GET", &format!("/v1/messages/om_{number}/forward")).await;
    }
    let metrics = gateway.metrics().await;
    let of = |label: &str| -> BTreeSet<&str> {
        let samples = metrics.samples.iter();
        samples.filter_map(|sample| sample.labels.get(label)).map(String::as_str).collect()
    };
    let routes = ["/docs/{file:.*}", "/v1/messages/{message_id}/forward", "unmatched"];
    assert_eq!(of("route"), BTreeSet::from(routes));
    assert_eq!(of("method"), BTreeSet::from(["GET", "other"]));
    assert_eq!(metrics.count("feishu_gateway_http_requests_total", &[("route", "unmatched")]), 20);
}

/// How many series there are.
async fn series(gateway: &Gateway) -> usize {
    gateway.metrics().await.samples.len()
}

#[actix_web::test]
async fn a_thousand_codes_that_nobody_knows_are_one_label() {
    let gateway = gateway().no_app_limits().one_attempt().start().await;
    let send = async |number: i64| {
        gateway.spoil_forward(code(number));
        let answer = gateway.forward(&format!("ou_{number}")).send().await;
        assert_eq!(answer.json()["feishu"]["code"], number);
    };
    send(-1).await;
    let before = series(&gateway).await;
    for number in 1_000_000..1_001_000 {
        send(number).await;
    }
    send(i64::MIN).await;
    send(i64::MAX).await;
    assert_eq!(series(&gateway).await, before);
    let labels = [("api", "forward"), ("code", "other")];
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.count("feishu_gateway_upstream_requests_total", &labels), 1003);
}

#[actix_web::test]
async fn codes_of_the_token_api_that_nobody_knows_are_one_label() {
    let mut setup = gateway().cold();
    for number in 500..510 {
        let api = Some(Api::TenantAccessToken);
        setup = setup.fault(Fault { api, ..Fault::once(code(number)) });
    }
    let gateway = setup.start().await;
    let mut next = Duration::ZERO;
    for (number, pause) in [1, 2, 4, 8, 16, 32, 60, 60, 60, 60].into_iter().enumerate() {
        next += Duration::from_secs(pause);
        gateway.sleeps_until(next).await;
        assert_eq!(gateway.token_calls().len(), number + 1);
        gateway.advance_to(next);
    }
    gateway.token_calls_reach(11).await;
    let labels = [("api", "tenant_access_token"), ("code", "other")];
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.count("feishu_gateway_upstream_requests_total", &labels), 10);
}

#[actix_web::test]
async fn answers_of_every_status_create_no_labels() {
    let gateway = gateway().no_app_limits().one_attempt().start().await;
    let send = async |status: u16| {
        gateway.spoil_forward(foreign(status, "text/html", "<html>"));
        gateway.forward(&format!("ou_{status}")).send().await
    };
    send(599).await;
    gateway.forward("oc_1").send().await.message_id();
    let before = series(&gateway).await;
    for status in (200..599).filter(|status| !matches!(status, 204 | 205 | 304)).step_by(7) {
        send(status).await;
        gateway.forward("oc_1").send().await.message_id();
        gateway.advance(Duration::from_secs(2));
    }
    assert_eq!(series(&gateway).await, before);
}
