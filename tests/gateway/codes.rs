//! Every result code of Feishu's, walked over HTTP, against the project's own copy of the table.

use std::collections::BTreeMap;

use feishu_forward_gateway::feishu::codes::CODES;
use feishu_forward_gateway::model::problem_kind::ProblemKind;
use serde::Deserialize;
use serde_json::Value;

use gateway_harness::{Gateway, Setup, code, code_with_status, gateway};

#[derive(Deserialize)]
struct Table {
    codes: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    code: i64,
    api: String,
    problem: String,
    status: u16,
    outcome: String,
    retry: String,
    fix_by: String,
    remedy_en: String,
    remedy_zh: String,
}

fn rows(is_of: impl Fn(&str) -> bool) -> Vec<Row> {
    let text = include_str!("../fixtures/feishu-codes.json");
    let table: Table = serde_json::from_str(text).expect("the fixture is JSON");
    let rows: Vec<Row> = table.codes.into_iter().filter(|row| is_of(&row.api)).collect();
    assert!(!rows.is_empty());
    rows
}

/// Whether a problem passes by itself, by the table's own word on its codes.
fn passes_by_itself(row: &Row) -> bool {
    row.fix_by == "nobody" && matches!(row.retry.as_str(), "backoff" | "after_reset")
}

fn check(row: &Row, problem: &Value) {
    assert_eq!(problem["fix_by"], row.fix_by, "{problem:#}");
    assert_eq!(problem["retryable"], passes_by_itself(row), "{problem:#}");
    assert_eq!(problem["feishu"]["code"], row.code, "{problem:#}");
    assert!(problem["feishu"]["msg"].as_str().is_some_and(|msg| !msg.is_empty()), "{problem:#}");
    assert!(problem["uuid"].as_str().is_some_and(|uuid| !uuid.is_empty()), "{problem:#}");
}

/// A gateway of its own for each row: what one code teaches must not be in the way of the next.
async fn check_both_languages(
    row: &Row,
    setup: impl Fn() -> Setup,
    spoil: impl Fn(&Gateway),
) -> Gateway {
    let gateway = setup().start().await;
    spoil(&gateway);
    let english = gateway.see_through(gateway.forward("ou_1")).await;
    let problem = english.problem(row.status, &row.problem, &row.outcome);
    check(row, &problem);
    assert_eq!(problem["remedy"], row.remedy_en, "{problem:#}");
    assert_eq!(english.header("content-language"), Some("en"));

    let gateway = setup().start().await;
    spoil(&gateway);
    let forward = gateway.forward("ou_1").header("accept-language", "zh-CN");
    let chinese = gateway.see_through(forward).await;
    let problem = chinese.problem(row.status, &row.problem, &row.outcome);
    check(row, &problem);
    assert_eq!(problem["remedy"], row.remedy_zh, "{problem:#}");
    assert_eq!(chinese.header("content-language"), Some("zh"));
    if let Some(last) = gateway.forwards().last() {
        let feishu = &problem["feishu"];
        assert_eq!(feishu["log_id"].as_str(), last.log_id.as_deref());
        assert_eq!(feishu["http_status"].as_u64(), last.status.map(u64::from));
        assert!(feishu["troubleshooter"].as_str().is_some_and(|it| it.contains("log_id=")));
    }
    gateway
}

#[actix_web::test]
async fn every_code_of_a_forward_becomes_its_problem_after_as_many_attempts_as_make_sense() {
    for row in rows(|api| api != "token") {
        let spoil = |gateway: &Gateway| gateway.spoil_every_forward(code(row.code));
        let gateway = check_both_languages(&row, gateway, spoil).await;
        let attempts = match row.retry.as_str() {
            "never" => 1,
            "refresh_token_once" => 2,
            // The receiver's gate closes for 0.5, 1, 2 and 4 seconds: the last is more than the 5
            // seconds that a forward may wait for its turns.
            "backoff" if row.problem == "receiver_rate_limited" => 4,
            "backoff" | "after_reset" => 5,
            other => panic!("retry: {other}"),
        };
        assert_eq!(gateway.forwards().len(), attempts, "attempts for {}", row.code);
    }
}

#[actix_web::test]
async fn every_code_of_the_token_api_becomes_its_problem_and_nothing_is_sent() {
    for row in rows(|api| api == "token") {
        let setup = || gateway().fault(gateway_harness::every_token(code(row.code))).cold();
        let gateway = check_both_languages(&row, setup, |_| {}).await;
        assert_eq!(gateway.forwards(), []);
    }
}

#[test]
fn the_table_in_the_source_holds_the_codes_of_the_fixture_and_no_others() {
    let fixture: BTreeMap<i64, String> =
        rows(|_| true).into_iter().map(|row| (row.code, row.problem)).collect();
    let source: BTreeMap<i64, String> =
        CODES.iter().map(|row| (row.code, row.problem.facts().name.to_owned())).collect();
    assert_eq!(source, fixture);
    assert_eq!(CODES.len(), fixture.len(), "a code stands in the source twice");
    assert_eq!(rows(|_| true).len(), fixture.len(), "a code stands in the fixture twice");
}

#[actix_web::test]
async fn a_code_is_judged_by_its_number_whatever_the_http_status() {
    let gateway = gateway().start().await;
    for status in [200, 400, 403, 429, 500] {
        gateway.spoil_forward(code_with_status(230002, status));
        let answer = gateway.forward(&format!("ou_{status}")).send().await;
        let problem = answer.problem(403, "bot_not_in_chat", "not_delivered");
        assert_eq!(problem["feishu"]["http_status"], status);
    }
}

#[actix_web::test]
async fn a_suffix_of_feishus_text_changes_nothing() {
    let gateway = gateway().one_attempt().start().await;
    let msg = "Whatever, ext=chat rate limit";
    gateway.spoil_forward(feishu_simulator::FaultKind::Code {
        code: 230020,
        status: None,
        msg: Some(msg.into()),
        reset: None,
    });
    let answer = gateway.forward("oc_1").send().await;
    let problem = answer.problem(429, "receiver_rate_limited", "not_delivered");
    assert_eq!(problem["feishu"]["msg"], msg);
}

#[actix_web::test]
async fn feishus_reset_becomes_retry_after() {
    let gateway = gateway().start().await;
    gateway.spoil_forward(feishu_simulator::FaultKind::Code {
        code: 99991400,
        status: None,
        msg: None,
        reset: Some(52),
    });
    let answer = gateway.forward("oc_1").send().await;
    answer.problem(429, "app_rate_limited", "not_delivered");
    assert_eq!(answer.header("retry-after"), Some("52"));
}

#[actix_web::test]
async fn an_unknown_code_is_a_feishu_error_that_is_not_retryable() {
    let gateway = gateway().start().await;
    // A server that fails may have done its work before. One that refuses has not.
    for (status, outcome) in [(200, "not_delivered"), (400, "not_delivered"), (500, "unknown")] {
        for number in [-1, 7, 239999, i64::MAX] {
            gateway.spoil_forward(code_with_status(number, status));
            let answer = gateway.forward(&format!("ou_{status}")).send().await;
            let problem = answer.problem(502, "feishu_error", outcome);
            assert_eq!(problem["feishu"]["code"], number);
            assert_eq!(problem["retryable"], false);
        }
    }
}

#[actix_web::test]
async fn the_fields_that_feishu_finds_wrong_are_named() {
    let gateway = gateway().start().await;
    let violation = r#"[{"field":"receive_id","value":"x","description":"too odd"}]"#;
    for body in [
        format!(r#"{{"code":99992402,"msg":"m","error":{{"field_violations":{violation}}}}}"#),
        format!(r#"{{"code":99992402,"msg":"m","field_violations":{violation}}}"#),
    ] {
        gateway.spoil_forward(gateway_harness::foreign(400, "application/json", body));
        let answer = gateway.forward("oc_1").send().await;
        assert_eq!(answer.wrong_fields(), ["receive_id"]);
        assert_eq!(answer.json()["errors"][0]["detail"], "too odd");
    }
}

#[actix_web::test]
async fn a_refusal_with_decorations_of_any_kind_stays_a_refusal() {
    let gateway = gateway().start().await;
    for body in [
        r#"{"code":230002}"#,
        r#"{"code":230002,"msg":"m","error":null}"#,
        r#"{"code":230002,"msg":"m","error":"text"}"#,
        r#"{"code":230002,"msg":"m","error":{"log_id":7,"field_violations":{}}}"#,
        r#"{"code":230002,"msg":"m","data":null,"field_violations":[1,{}]}"#,
        r#"{"code":230002,"msg":null}"#,
    ] {
        gateway.spoil_forward(gateway_harness::foreign(400, "text/plain", body));
        let answer = gateway.forward("oc_1").send().await;
        answer.problem(403, "bot_not_in_chat", "not_delivered");
        gateway.advance(gateway_harness::ms(1050));
    }
}

#[actix_web::test]
async fn remedies_are_in_the_language_that_the_caller_prefers() {
    let gateway = gateway().start().await;
    let languages = [
        (None, "en"),
        (Some("zh"), "zh"),
        (Some("ZH-hant-TW"), "zh"),
        (Some("zh-CN,zh;q=0.9,en;q=0.8"), "zh"),
        (Some("fr, zh;q=0.5"), "zh"),
        (Some("zh;q=0.9, en;q=0.5"), "zh"),
        (Some("en;q=0.5, zh;q=0.9"), "zh"),
        (Some("en, zh;q=0.9"), "en"),
        (Some("zh;q=0.2, en;q=0.8"), "en"),
        (Some("en-GB"), "en"),
        (Some("fr, de"), "en"),
        (Some("*"), "en"),
        (Some("zh;q=0"), "en"),
        (Some("zha"), "en"),
        (Some(""), "en"),
        (Some(";;;q=q,,%%"), "en"),
    ];
    for (accepted, expected) in languages {
        let mut forward = gateway.forward("oc_1").without("x-api-key");
        if let Some(accepted) = accepted {
            forward = forward.header("accept-language", accepted);
        }
        let answer = forward.send().await;
        answer.problem(401, "unauthorized", "not_delivered");
        assert_eq!(answer.header("content-language"), Some(expected), "{accepted:?}");
        assert_eq!(answer.header("vary"), Some("Accept-Language"));
    }
}

#[test]
fn each_problem_has_a_chinese_title_of_its_own() {
    let titles: BTreeMap<&str, &str> = ProblemKind::ALL
        .iter()
        .map(|kind| (kind.facts().title_zh, kind.facts().name))
        .inspect(|(title, name)| {
            assert!(title.chars().any(|c| matches!(c, '\u{4e00}'..='\u{9fff}')), "{name}: {title}");
        })
        .collect();
    assert_eq!(titles.len(), ProblemKind::ALL.len(), "{titles:#?}");
}
