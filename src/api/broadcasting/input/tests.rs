use actix_web::http::header::{HeaderName, HeaderValue};

use super::*;
use crate::model::problem_kind::ProblemKind;
use crate::model::tenant_key::TenantKey;

fn caller(tenant: Option<&str>) -> Caller {
    Caller::in_test(tenant.and_then(TenantKey::parse))
}

fn parse(query: &str, body: &str, with_key: bool) -> Result<ParsedBroadcast, Problem> {
    let mut headers = HeaderMap::new();
    if with_key {
        let name = HeaderName::from_static("idempotency-key");
        headers.insert(name, HeaderValue::from_static("a"));
    }
    let (body, caller) = (body.as_bytes(), Ok(caller(None)));
    BroadcastInput { caller, message_id: "om_1", query, headers: &headers, body, most: 200 }.parse()
}

fn wrong(query: &str, body: &str) -> Vec<String> {
    let problem = parse(query, body, true).expect_err("a mistake");
    assert_eq!(problem.kind, ProblemKind::InvalidRequest);
    problem.errors.into_iter().map(|it| it.field).collect()
}

#[test]
fn receivers_are_read_in_their_order_with_the_type_that_is_given_or_detected() {
    let body = r#"{"expires_in":"90m","receivers":[{"receive_id":"oc_1"},
        {"receive_id_type":"user_id","receive_id":"\u006fu_1"}]}"#;
    let parsed = parse("dry_run", body, true).expect("no mistake");
    let receivers = parsed.request.receivers.iter();
    let receivers: Vec<_> = receivers.map(|it| (it.id(), it.kind().as_str())).collect();
    assert_eq!(receivers, [("oc_1", "chat_id"), ("ou_1", "user_id")]);
    assert_eq!(parsed.request.expires_in, Duration::from_mins(90));
    assert!(parsed.is_dry_run);
    let body = r#"{"receivers":[{"receive_id":"oc_1"}]}"#;
    let parsed = parse("", body, true).expect("no mistake");
    assert_eq!(parsed.request.expires_in, USUAL_EXPIRY);
    assert!(!parsed.is_dry_run);
}

#[test]
fn the_receivers_are_in_the_tenant_and_a_mistake_about_it_is_told_with_the_others() {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("idempotency-key"), HeaderValue::from_static("a"));
    let read = |caller, body: &str| {
        let (message_id, query, most) = ("om_1", "", 200);
        let (headers, body) = (&headers, body.as_bytes());
        BroadcastInput { caller, message_id, query, headers, body, most }.parse()
    };
    let parsed = read(Ok(caller(Some("t"))), r#"{"receivers":[{"receive_id":"oc_1"}]}"#);
    let receivers = parsed.expect("no mistake").request.receivers;
    assert_eq!((receivers[0].name(), receivers[0].id()), ("t,oc_1", "oc_1"));
    let wrong = read(Err(Wording::new("is missing", "缺失")), r#"{"receivers":[]}"#);
    let fields = wrong.expect_err("mistakes").errors.into_iter().map(|it| it.field);
    assert_eq!(fields.collect::<Vec<_>>(), ["receivers", "X-Tenant-Key"]);
}

#[test]
fn every_mistake_is_found_at_once_with_its_place() {
    let body = r#"{"receivers":[
        {"receive_id":"oc_1"},
        {"receive_id":"oc 2","name":"x"},
        "oc_3",
        {"receive_id":3},
        {},
        {"receive_id":"oc_4","receive_id_type":"group"},
        {"receive_id":"oc_1","receive_id_type":"chat_id"},
        {"receive_id":"oc_5","receive_id":"oc_6"}
    ],"expires_in":"5s","uuid":"1","expires_in":"2h"}"#;
    let fields = [
        "page",
        "receivers[1].name",
        "receivers[1].receive_id",
        "receivers[2]",
        "receivers[3].receive_id",
        "receivers[4].receive_id",
        "receivers[5].receive_id_type",
        "receivers[6].receive_id",
        "receivers[7].receive_id",
        "expires_in",
        "uuid",
        "expires_in",
    ];
    assert_eq!(wrong("page=1", body), fields);
}

#[test]
fn a_receiver_that_is_there_twice_is_told_its_first_place() {
    let body =
        r#"{"receivers":[{"receive_id":"oc_0"},{"receive_id":"oc_1"},{"receive_id":"oc_1"}]}"#;
    let problem = parse("", body, true).expect_err("a mistake");
    assert!(problem.errors[0].detail.en.contains("receivers[1]"), "{problem:?}");
}

#[test]
fn the_list_of_mistakes_has_a_bound_and_says_how_many_more_there_are() {
    let many = vec![r#"{"receive_id":""}"#; 150].join(",");
    let problem = parse("", &format!(r#"{{"receivers":[{many}]}}"#), true).expect_err("many");
    assert_eq!(problem.errors.len(), 101);
    assert!(problem.errors[100].detail.en.starts_with("50 more"), "{problem:?}");
}

#[test]
fn too_few_and_too_many_receivers_are_refused() {
    assert_eq!(wrong("", r#"{"receivers":[]}"#), ["receivers"]);
    let ids = |count: u32| {
        let ids: Vec<_> = (0..count).map(|it| format!(r#"{{"receive_id":"oc_{it}"}}"#)).collect();
        format!(r#"{{"receivers":[{}]}}"#, ids.join(","))
    };
    assert!(parse("", &ids(200), true).is_ok());
    assert_eq!(wrong("", &ids(201)), ["receivers"]);
}

#[test]
fn what_is_no_object_is_one_mistake_however_it_begins() {
    for body in ["", "[]", "1", "{", r#"{"receivers":[{"receive_id":""}],}"#, "\u{feff}{}"] {
        assert_eq!(wrong("", body), ["body"], "{body}");
    }
    for body in ["{}", r#"{"expires_in":"2h"}"#] {
        assert_eq!(wrong("", body), ["receivers"], "{body}");
    }
    assert_eq!(wrong("", r#"{"receivers":{}}"#), ["receivers"]);
}

#[test]
fn a_body_that_is_deep_costs_no_stack() {
    let deep = format!(r#"{{"receivers":{}"#, "[".repeat(1_000_000));
    assert_eq!(wrong("", &deep), ["body"]);
    let closed = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    assert_eq!(wrong("", &format!(r#"{{"receivers":{closed}}}"#)), ["receivers[0]"]);
}

#[test]
fn a_missing_key_is_a_problem_of_its_own_where_it_is_the_only_one() {
    let problem = parse("", r#"{"receivers":[{"receive_id":"oc_1"}]}"#, false);
    let kind = problem.expect_err("no key").kind;
    assert_eq!(kind, ProblemKind::IdempotencyKeyMissing);
    let problem = parse("", r#"{"receivers":[]}"#, false).expect_err("two mistakes");
    let fields: Vec<_> = problem.errors.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(fields, ["receivers", "Idempotency-Key"]);
}

fn retried(body: &str) -> Result<Vec<ReceiverState>, Problem> {
    let mut headers = HeaderMap::new();
    let name = HeaderName::from_static("idempotency-key");
    headers.insert(name, HeaderValue::from_static("a"));
    let input = RetryInput { query: "", headers: &headers, body: body.as_bytes() };
    input.parse().map(|(_, states)| states)
}

#[test]
fn outcomes_are_retried_that_can_be_and_by_default_those_that_were_not_delivered() {
    for body in ["", " \n", "{}"] {
        assert_eq!(retried(body).expect("no mistake"), USUALLY_RETRIED, "{body:?}");
    }
    let all = r#"{"outcomes":["not_delivered","expired","unknown","canceled"]}"#;
    assert_eq!(retried(all).expect("no mistake"), RETRIABLE);
    for (outcomes, field) in [
        ("[]", "outcomes"),
        ("1", "outcomes"),
        (r#"["delivered"]"#, "outcomes[0]"),
        (r#"["expired","expired"]"#, "outcomes[1]"),
        (r#"["expired",7]"#, "outcomes[1]"),
    ] {
        let problem = retried(&format!(r#"{{"outcomes":{outcomes}}}"#)).expect_err(outcomes);
        assert_eq!(problem.errors[0].field, field, "{outcomes}");
    }
}
