//! The metrics: all of the contract's, with its labels and no others, and right.

use std::num::NonZeroU32;

use feishu_forward_gateway::limits::AppPace;
use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::FaultKind;

use gateway_harness::{Gateway, all, code, foreign, gateway, ms};

use crate::broadcasts::with_store;

/// Every metric: name, type, labels.
const METRICS: &[(&str, &str, &[&str])] = &[
    ("http_requests_total", "counter", &["route", "method", "status", "caller"]),
    ("http_request_duration_seconds", "histogram", &["route", "method"]),
    ("http_requests_in_flight", "gauge", &[]),
    ("http_requests_in_flight_limit", "gauge", &[]),
    ("connections", "gauge", &["listener"]),
    ("connections_limit", "gauge", &["listener"]),
    ("connections_closed_total", "counter", &["listener", "reason"]),
    ("forward_duration_seconds", "histogram", &["app", "result"]),
    ("forwards_failed_in_a_row", "gauge", &["app"]),
    ("upstream_requests_total", "counter", &["app", "api", "code"]),
    ("upstream_request_duration_seconds", "histogram", &["api"]),
    ("upstream_retries_total", "counter", &["reason"]),
    ("upstream_retries_refused_total", "counter", &["app"]),
    ("rate_limit_decisions_total", "counter", &["scope", "decision"]),
    ("rate_limit_wait_seconds", "histogram", &[]),
    ("rate_limit_receivers", "gauge", &[]),
    ("rate_limit_waiting", "gauge", &[]),
    ("rate_limit_waiting_limit", "gauge", &[]),
    ("rate_limit_quota", "gauge", &["scope", "window_seconds"]),
    ("caller_waiting", "gauge", &["caller"]),
    ("caller_wait_seconds_total", "counter", &["app", "caller"]),
    ("caller_permits_total", "counter", &["app", "caller"]),
    ("caller_refused_total", "counter", &["app", "caller", "code"]),
    ("open_circuits", "gauge", &["circuit", "app"]),
    ("idempotent_requests_total", "counter", &["result"]),
    ("tenant_token_expiry_timestamp_seconds", "gauge", &["app"]),
    ("problems_total", "counter", &["code", "fix_by"]),
    ("unauthorized_total", "counter", &["reason", "caller"]),
    ("log_lines_dropped_total", "counter", &["target"]),
    ("secrets_last_reload_successful", "gauge", &[]),
    ("secrets_last_reload_success_timestamp_seconds", "gauge", &[]),
    ("build_info", "gauge", &["version", "revision"]),
    ("broadcasts", "gauge", &["app", "state"]),
    ("broadcast_open_receivers", "gauge", &["app", "state"]),
    ("broadcast_oldest_pending_seconds", "gauge", &["app"]),
    ("broadcast_receivers_total", "counter", &["app", "outcome"]),
    ("broadcast_store_failures_total", "counter", &[]),
    ("broadcast_webhooks_total", "counter", &["result"]),
    ("events_total", "counter", &["app", "event", "result"]),
    ("app_ticket_received_timestamp_seconds", "gauge", &["app"]),
    ("tenants", "gauge", &["app"]),
    ("tenant_forwards_total", "counter", &["app", "tenant", "result"]),
    ("mcp_tool_calls_total", "counter", &["tool", "result"]),
];

const RECEIVER: &str = "ou_a_receiver_nobody_else_has";
const MESSAGE: &str = "om_a_message_nobody_else_has";
const UUID: &str = "a-uuid-nobody-else-has";
const REQUEST_ID: &str = "a-request-nobody-else-has";

/// Some of everything that callers and Feishu do.
async fn traffic(gateway: &Gateway) {
    let forward = || {
        let forward = gateway.forward(RECEIVER).message(MESSAGE);
        forward.query(&format!("uuid={UUID}")).header("x-request-id", REQUEST_ID)
    };
    forward().send().await.message_id();
    forward().send().await.message_id();
    forward().send().await.message_id();
    gateway.spoil_forward(code(230002));
    // It went out before, and this does not change that.
    forward().send().await.problem(403, "bot_not_in_chat", "unknown");
    gateway.spoil_forward(foreign(502, "text/html", "<html>"));
    forward().send().await.problem(502, "feishu_unreadable", "unknown");
    // What was unknown before stays so.
    forward().header("prefer", "wait=0").send().await.problem(
        429,
        "receiver_rate_limited",
        "unknown",
    );
    forward().query("typo=1").send().await.problem(400, "invalid_request", "not_delivered");
    forward().header("x-api-key", "ffg_wrong").send().await.problem(
        401,
        "unauthorized",
        "not_delivered",
    );
    gateway.ask("GET", "/openapi.json").await;
    let waiting = forward().spawn();
    gateway.sleeps_until(ms(1050)).await;
    // A caller that never waited while the metrics were read has no number of those that wait.
    gateway.metrics().await;
    gateway.advance_to(ms(1050));
    all(vec![waiting]).await[0].message_id();
}

#[actix_web::test]
async fn every_metric_is_there_with_exactly_its_labels() {
    let of_shop = ApiKey::generate();
    let setup = gateway().one_attempt().store_app("shop", ["a"]);
    let setup = setup
        .set("keys.isv.app", "shop")
        .set("keys.isv.hash", &of_shop.hash().to_string())
        .set("keys.isv.tenant_key", "a");
    let (gateway, _directory) = with_store(setup).await;
    traffic(&gateway).await;
    let in_tenant = gateway.forward("oc_1").header("x-api-key", of_shop.expose());
    in_tenant.send().await.message_id();
    let metrics = gateway.metrics().await;
    for (name, kind, labels) in METRICS {
        let name = format!("feishu_gateway_{name}");
        assert_eq!(metrics.types.get(&name).map(String::as_str), Some(*kind), "{name}");
        let sample = if *kind == "histogram" { format!("{name}_count") } else { name };
        let found = metrics.labels(&sample).unwrap_or_else(|| panic!("no sample of {sample}"));
        assert_eq!(found, labels.iter().copied().collect(), "{sample}");
    }
    let ours = metrics.types.keys().filter(|name| name.starts_with("feishu_gateway_"));
    assert_eq!(ours.count(), METRICS.len(), "a metric that nobody expects");
}

#[actix_web::test]
async fn the_process_is_measured_too() {
    let gateway = gateway().start().await;
    let metrics = gateway.metrics().await;
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
        assert!(metrics.find(name, &[]).is_some(), "{name}");
    }
}

#[actix_web::test]
async fn the_page_is_declared_as_prometheus_text() {
    let gateway = gateway().start().await;
    let answer = gateway.ask_admin("GET", "/metrics").await;
    let declared = answer.header("content-type").expect("a type");
    assert!(declared.starts_with("text/plain; version=0.0.4"), "{declared}");
}

#[actix_web::test]
async fn the_numbers_are_right() {
    let gateway = gateway().one_attempt().start().await;
    traffic(&gateway).await;
    let metrics = gateway.metrics().await;
    let count = |name: &str, labels: &[(&str, &str)]| {
        metrics.count(&format!("feishu_gateway_{name}"), labels)
    };
    let route = ("route", "/v1/messages/{message_id}/forward");
    let requests = |status, caller| {
        let labels = [route, ("method", "POST"), ("status", status), ("caller", caller)];
        count("http_requests_total", &labels)
    };
    assert_eq!(requests("200", "tester"), 4);
    for status in ["400", "403", "429", "502"] {
        assert_eq!(requests(status, "tester"), 1, "{status}");
    }
    assert_eq!(requests("401", ""), 1);
    assert_eq!(count("http_requests_total", &[("route", "/openapi.json"), ("status", "200")]), 1);
    assert_eq!(count("http_request_duration_seconds_count", &[route]), 9);
    assert_eq!(count("http_requests_in_flight", &[]), 0);
    let upstream = |code| {
        let labels = [("app", "main"), ("api", "forward"), ("code", code)];
        count("upstream_requests_total", &labels)
    };
    let codes = ["0", "230002", "unreadable", "timeout"];
    assert_eq!(codes.map(upstream), [4, 1, 1, 0]);
    assert_eq!(count("upstream_request_duration_seconds_count", &[("api", "forward")]), 6);
    let decided = |scope, decision| {
        count("rate_limit_decisions_total", &[("scope", scope), ("decision", decision)])
    };
    let decisions = ["allowed", "delayed", "rejected"];
    assert_eq!(decisions.map(|it| decided("receiver", it)), [5, 1, 1]);
    assert_eq!(decisions.map(|it| decided("app", it)), [6, 0, 0]);
    assert_eq!(count("rate_limit_wait_seconds_count", &[]), 6);
    let of_caller = [("app", "main"), ("caller", "tester")];
    assert_eq!(count("caller_permits_total", &of_caller), 6);
    let refused = [("app", "main"), ("caller", "tester"), ("code", "receiver_rate_limited")];
    assert_eq!(count("caller_refused_total", &refused), 1);
    assert_eq!(count("caller_refused_total", &[]), 1);
    let waited = metrics.find("feishu_gateway_caller_wait_seconds_total", &of_caller).unwrap();
    assert!((waited - 1.05).abs() < 1e-9, "{waited}");
    let waited = metrics.find("feishu_gateway_rate_limit_wait_seconds_sum", &[]).unwrap();
    assert!((waited - 1.05).abs() < 1e-9, "{waited}");
    assert_eq!(count("rate_limit_receivers", &[]), 1);
    let became =
        |result| count("forward_duration_seconds_count", &[("app", "main"), ("result", result)]);
    assert_eq!(["delivered", "refused", "failed"].map(became), [4, 1, 1]);
    let waited =
        metrics.find("feishu_gateway_forward_duration_seconds_sum", &[("result", "delivered")]);
    assert!(waited.unwrap() < 1e-9, "one of them waited for its turn: {waited:?}");
    let quota =
        |scope, window| count("rate_limit_quota", &[("scope", scope), ("window_seconds", window)]);
    assert_eq!([quota("receiver", "1"), quota("app", "1"), quota("app", "60")], [5, 50, 1000]);
    assert_eq!(count("http_requests_in_flight_limit", &[]), 1024);
    assert_eq!(count("rate_limit_waiting_limit", &[]), 768);
    for (code, fix_by) in [
        ("bot_not_in_chat", "chat_admin"),
        ("feishu_unreadable", "nobody"),
        ("receiver_rate_limited", "nobody"),
        ("invalid_request", "caller"),
        ("unauthorized", "caller"),
    ] {
        assert_eq!(count("problems_total", &[("code", code), ("fix_by", fix_by)]), 1, "{code}");
    }
    assert_eq!(count("problems_total", &[]), 5);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(count("build_info", &[("version", version)]), 1);
}

#[actix_web::test]
async fn no_label_ever_holds_a_receiver_a_message_a_uuid_or_a_key() {
    let gateway = gateway().one_attempt().start().await;
    traffic(&gateway).await;
    let metrics = gateway.metrics().await;
    let values = metrics.label_values();
    assert!(values.contains("tester"), "{values:?}");
    let token = gateway.token_of_last_forward();
    for private in [RECEIVER, MESSAGE, UUID, REQUEST_ID, &gateway.key, "ffg_", &token] {
        assert!(values.iter().all(|value| !value.contains(private)), "{private} in {values:?}");
    }
}

#[actix_web::test]
async fn requests_in_flight_are_counted_while_they_are() {
    let gateway = gateway().one_attempt().start().await;
    gateway.spoil_every_forward(FaultKind::Silence);
    let inside = vec![gateway.forward("oc_1").spawn(), gateway.forward("oc_2").spawn()];
    gateway.forwards_reach(2).await;
    let name = "feishu_gateway_http_requests_in_flight";
    assert_eq!(gateway.metrics().await.count(name, &[]), 2);
    gateway.sleep(|all| all.iter().filter(|moment| **moment == ms(5000)).count() == 2).await;
    gateway.advance(ms(5000));
    all(inside).await;
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.count(name, &[]), 0);
    let labels = [("api", "forward"), ("code", "timeout")];
    assert_eq!(metrics.count("feishu_gateway_upstream_requests_total", &labels), 2);
}

#[actix_web::test]
async fn each_caller_shows_how_it_waits_and_why_it_is_refused() {
    let other = ApiKey::generate();
    let gateway = gateway()
        .set("keys.other.hash", &other.hash().to_string())
        .set("keys.other.app", "main")
        .set("limits.app_per_second", "1")
        .set("keys.tester.per_minute", "2")
        .start()
        .await;
    let number = |n| NonZeroU32::new(n).expect("not zero");
    let turn = AppPace::derive(number(1), number(1000), ms(50)).period;
    let of_other = |receiver: &str| {
        let forward = gateway.forward(receiver).header("x-api-key", other.expose());
        forward.header("prefer", "wait=0")
    };
    let of = async |name: &str, labels: &[(&str, &str)]| {
        gateway.metrics().await.find(&format!("feishu_gateway_caller_{name}"), labels)
    };
    let (tester, second) = (("caller", "tester"), ("caller", "other"));
    gateway.forward("oc_1").send().await.message_id();
    assert_eq!(of("waiting", &[tester]).await, None);
    let waiting = gateway.queue_up(1, "oc_2").await;
    assert_eq!(of("waiting", &[tester]).await, Some(1.0));
    for _ in 0..2 {
        of_other("oc_3").send().await.problem(429, "app_rate_limited", "not_delivered");
    }
    gateway.sleeps_until(turn).await;
    gateway.advance_to(turn);
    all(waiting).await[0].message_id();

    assert_eq!(of("waiting", &[tester]).await, Some(0.0));
    assert_eq!(of("waiting", &[second]).await, None);
    let app = ("app", "main");
    assert_eq!(of("permits_total", &[tester, app]).await, Some(2.0));
    assert_eq!(of("wait_seconds_total", &[tester, app]).await, Some(turn.as_secs_f64()));
    assert_eq!(of("refused_total", &[tester]).await, Some(0.0));
    assert_eq!(of("permits_total", &[second, app]).await, Some(0.0));
    assert_eq!(of("wait_seconds_total", &[second, app]).await, Some(0.0));
    let code = ("code", "app_rate_limited");
    assert_eq!(of("refused_total", &[second, app, code]).await, Some(2.0));
    assert_eq!(of("refused_total", &[]).await, Some(2.0));
    gateway.forward("oc_4").send().await.problem(429, "caller_rate_limited", "not_delivered");
    let code = ("code", "caller_rate_limited");
    assert_eq!(of("refused_total", &[tester, app, code]).await, Some(1.0));
}

#[actix_web::test]
async fn receivers_are_forgotten_when_they_no_longer_count() {
    let gateway = gateway().start().await;
    for number in 0..10 {
        gateway.forward(&format!("ou_{number}")).send().await.message_id();
    }
    let name = "feishu_gateway_rate_limit_receivers";
    assert_eq!(gateway.metrics().await.count(name, &[]), 10);
    for sweep in [10_000, 20_000] {
        gateway.sleeps_until(ms(sweep)).await;
        gateway.advance(ms(10_000));
        gateway.sleeps_until(ms(sweep + 10_000)).await;
    }
    assert_eq!(gateway.metrics().await.count(name, &[]), 0);
}

#[actix_web::test]
async fn series_that_are_known_beforehand_begin_at_zero() {
    let gateway = gateway().start().await;
    let text = gateway.ask_admin("GET", "/metrics").await.text();
    for series in [
        "feishu_gateway_problems_total{code=\"feishu_timeout\",fix_by=\"nobody\"} 0",
        "feishu_gateway_rate_limit_decisions_total{decision=\"rejected\",scope=\"app\"} 0",
        "feishu_gateway_upstream_retries_total{reason=\"token_rejected\"} 0",
        "feishu_gateway_forward_duration_seconds_count{app=\"main\",result=\"failed\"} 0",
        "feishu_gateway_forwards_failed_in_a_row{app=\"main\"} 0",
        "feishu_gateway_upstream_requests_total{api=\"thread_forward\",app=\"main\",code=\"timeout\"} 0",
    ] {
        assert!(text.lines().any(|line| line == series), "{series}");
    }
}

#[actix_web::test]
async fn a_failure_that_no_operator_can_help_is_no_failed_forward() {
    let gateway = gateway().one_attempt().start().await;
    let send = async |fault, status| {
        gateway.spoil_forward(fault);
        assert_eq!(gateway.forward("oc_1").send().await.status, status);
        let metrics = gateway.metrics().await;
        let name = "feishu_gateway_forward_duration_seconds_count";
        ["refused", "failed"].map(|result| metrics.count(name, &[("result", result)]))
    };
    // The group's budget is spent by others; an unknown code; the app lacks a permission.
    assert_eq!(send(code(230020), 429).await, [1, 0]);
    gateway.advance(ms(1000));
    assert_eq!(send(code(999_999), 502).await, [1, 1]);
    assert_eq!(send(code(230027), 403).await, [1, 2]);
}

#[actix_web::test]
async fn failures_in_a_row_are_counted_until_a_forward_gets_through_or_is_refused() {
    let gateway = gateway().one_attempt().start().await;
    let mut failed_in_a_row = Vec::new();
    for fault in [Some(2200), Some(2200), None, Some(2200), Some(230002), Some(2200)] {
        if let Some(fault) = fault {
            gateway.spoil_forward(code(fault));
        }
        gateway.forward("oc_1").send().await;
        gateway.advance(ms(1050));
        let name = "feishu_gateway_forwards_failed_in_a_row";
        failed_in_a_row.push(gateway.metrics().await.count(name, &[("app", "main")]));
    }
    assert_eq!(failed_in_a_row, [1, 2, 0, 1, 0, 1]);
}

#[actix_web::test]
async fn a_key_that_ends_shows_when_and_others_show_nothing() {
    let hash = || ApiKey::generate().hash().to_string();
    let gateway = gateway()
        .set("keys.ends.hash", &hash())
        .set("keys.ends.app", "main")
        .set("keys.ends.expires_at", "2030-01-01T00:00:00Z")
        .set("keys.disabled.hash", &hash())
        .set("keys.disabled.app", "main")
        .set("keys.disabled.expires_at", "2030-01-01T00:00:00Z")
        .set("keys.disabled.disabled", "true")
        .start()
        .await;
    let metrics = gateway.metrics().await;
    let end =
        |caller| metrics.find("feishu_gateway_key_expiry_timestamp_seconds", &[("caller", caller)]);
    assert_eq!(["ends", "disabled", "tester"].map(end), [Some(1_893_456_000.0), None, None]);
}
