//! The steps of an app: each failure is provoked, and its row, its remedy and the exit code are looked at.

use feishu_simulator::{Api, Fault, FaultKind, Settings};

use crate::run::{APP, SECRET, doctor, examined, feishu, spoil};

const STEPS: [&str; 11] = [
    "address",
    "proxy",
    "tcp",
    "tls",
    "http",
    "clock",
    "credentials",
    "bot",
    "scopes",
    "allow_list",
    "quota",
];

fn code(api: Api, code: i64) -> Fault {
    let kind = FaultKind::Code { code, status: None, msg: None, reset: None };
    Fault { api: Some(api), ..Fault::once(kind) }
}

fn foreign(api: Api, status: u16, body: &str) -> Fault {
    let kind = FaultKind::Status { status, body: body.into(), content_type: "text/html".into() };
    Fault { api: Some(api), ..Fault::once(kind) }
}

#[tokio::test]
async fn where_all_is_well_each_step_says_so_and_each_call_is_made_once() {
    let simulator = feishu(|_| {}).await;
    let said = examined(&simulator, &[]).await;
    for step in STEPS {
        assert_eq!(said.ending(step), "ok", "{step}: {}", said.stdout);
    }
    assert_eq!(said.exit_code, Some(0));
    assert_eq!((said.json()["ok"].as_bool(), said.json()["calls"].as_u64()), (Some(true), Some(3)));
    let ledger = simulator.ledger();
    for api in [Api::TenantAccessToken, Api::BotInfo, Api::Scopes] {
        assert_eq!(ledger.of(api).count(), 1, "{api:?}");
    }
    assert_eq!(ledger.attempts.len(), 4, "and one for a page that is no API");
}

#[tokio::test]
async fn each_answer_of_the_settings_has_its_row_and_its_remedy() {
    type Change = fn(&mut Settings);
    let cases: &[(Change, &str, &str, &str, [&str; 2])] = &[
        (
            |it| it.bot_activate_status = 0,
            "bot",
            "failed",
            "not yet installed",
            ["developer", "/app/cli_main/version"],
        ),
        (
            |it| it.bot_activate_status = 1,
            "bot",
            "failed",
            "stopped",
            ["tenant_admin", "feishu.cn/admin"],
        ),
        (
            |it| it.bot_activate_status = 3,
            "bot",
            "failed",
            "not yet enabled",
            ["tenant_admin", "feishu.cn/admin"],
        ),
        (|it| it.bot_activate_status = 4, "bot", "warning", "upgrade", ["", ""]),
        (
            |it| it.bot_activate_status = 5,
            "bot",
            "failed",
            "expired",
            ["tenant_admin", "feishu.cn/admin"],
        ),
        (
            |it| it.bot_activate_status = 6,
            "bot",
            "failed",
            "downgraded",
            ["tenant_admin", "feishu.cn/admin"],
        ),
        (|it| it.bot_activate_status = 7, "bot", "warning", "unknown state", ["", ""]),
        (
            |it| it.scopes = [].into(),
            "scopes",
            "failed",
            "none of them",
            ["developer", "/app/cli_main/auth?q=im:message"],
        ),
        (
            |it| it.scopes = [("im:message".into(), 2)].into(),
            "scopes",
            "failed",
            "not granted",
            ["tenant_admin", "feishu.cn/admin"],
        ),
        (
            |it| it.scopes = [("im:message".into(), 1)].into(),
            "scopes",
            "ok",
            "im:message is granted",
            ["", ""],
        ),
        (
            |it| it.ip_white_list = vec!["203.0.113.9".into()],
            "allow_list",
            "ok",
            "203.0.113.9",
            ["", ""],
        ),
        (|it| it.date_offset_seconds = 3600, "clock", "failed", "s behind", ["operator", ""]),
        (|it| it.date_offset_seconds = -3600, "clock", "failed", "s ahead", ["operator", ""]),
        (|it| it.date_offset_seconds = 30, "clock", "ok", "within", ["", ""]),
    ];
    for (change, step, ending, detail, advice) in cases {
        let simulator = feishu(change).await;
        let said = examined(&simulator, &[]).await;
        said.assert_step(step, ending, detail, *advice);
        assert_eq!(said.exit_code, Some(i32::from(*ending == "failed")), "{step}: {detail}");
        for other in STEPS.iter().filter(|it| *it != step) {
            assert_eq!(said.ending(other), "ok", "{step}: {detail}: {other}");
        }
    }
}

#[tokio::test]
async fn each_refusal_has_its_row_and_its_remedy() {
    let baseinfo = ["developer", "/app/cli_main/baseinfo"];
    let cases = [
        (vec![code(Api::TenantAccessToken, 10014)], "credentials", "10014", baseinfo),
        (vec![code(Api::TenantAccessToken, 10003)], "credentials", "10003", baseinfo),
        (
            vec![foreign(Api::TenantAccessToken, 502, "<html>")],
            "credentials",
            "HTTP 502",
            ["operator", ""],
        ),
        (
            vec![code(Api::BotInfo, 99991662)],
            "bot",
            "99991662",
            ["tenant_admin", "feishu.cn/admin"],
        ),
        (vec![code(Api::BotInfo, 230006)], "bot", "230006", ["developer", "/app/cli_main/bot"]),
        (vec![code(Api::BotInfo, 99991663)], "bot", "99991663", ["operator", ""]),
        (vec![code(Api::BotInfo, 123456)], "bot", "123456", ["operator", ""]),
        (vec![foreign(Api::BotInfo, 200, "<html>")], "bot", "HTTP 200", ["operator", ""]),
        (
            vec![code(Api::Scopes, 212100)],
            "scopes",
            "212100",
            ["developer", "/app/cli_main/version"],
        ),
        (
            vec![code(Api::Scopes, 99991672)],
            "scopes",
            "99991672",
            ["developer", "/app/cli_main/auth"],
        ),
        (
            vec![code(Api::BotInfo, 99991401), code(Api::Scopes, 99991401)],
            "allow_list",
            "99991401",
            ["developer", "/app/cli_main/safe"],
        ),
        (
            vec![code(Api::Scopes, 99991401)],
            "allow_list",
            "99991401",
            ["developer", "/app/cli_main/safe"],
        ),
        (
            vec![code(Api::BotInfo, 99991403), code(Api::Scopes, 99991403)],
            "quota",
            "99991403",
            ["tenant_admin", "feishu.cn/admin"],
        ),
        (vec![code(Api::BotInfo, 99991400)], "quota", "99991400", ["you", ""]),
    ];
    for (faults, step, detail, advice) in cases {
        let simulator = feishu(|_| {}).await;
        spoil(&simulator, faults);
        let said = examined(&simulator, &[]).await;
        said.assert_step(step, "failed", detail, advice);
        assert_eq!(said.exit_code, Some(1), "{detail}");
        assert_eq!(said.json()["ok"], false, "{detail}");
        assert!(simulator.faults().is_empty(), "{detail}");
    }
}

#[tokio::test]
async fn what_an_earlier_failure_hides_is_skipped_and_named() {
    let simulator = feishu(|_| {}).await;
    spoil(&simulator, [code(Api::TenantAccessToken, 10014)]);
    let said = examined(&simulator, &[]).await;
    for step in &STEPS[7..] {
        said.assert_step(step, "skipped", "see `credentials`", ["", ""]);
    }
    spoil(&simulator, [code(Api::BotInfo, 99991401)]);
    let said = examined(&simulator, &[]).await;
    said.assert_step("bot", "skipped", "see `allow list`", ["", ""]);
    assert_eq!(said.ending("scopes"), "ok");
}

#[tokio::test]
async fn an_answer_without_end_or_of_any_length_is_a_failure_in_time() {
    let simulator = feishu(|_| {}).await;
    let long = foreign(Api::BotInfo, 200, &"x".repeat(300_000));
    let silent = Fault { api: Some(Api::Scopes), ..Fault::once(FaultKind::Silence) };
    spoil(&simulator, [long, silent]);
    let timeout = [("GATEWAY__FEISHU__ATTEMPT_TIMEOUT", "300ms")];
    let said = doctor(&simulator.url(), &["--json"], &timeout).await;
    said.assert_step("bot", "failed", "too long", ["operator", ""]);
    said.assert_step("scopes", "failed", "in time", ["operator", ""]);
}

#[tokio::test]
async fn each_app_has_a_section_and_one_can_be_chosen() {
    let simulator = feishu(|_| {}).await;
    let second = [
        ("GATEWAY__APPS__OTHER__APP_ID", "cli_other"),
        ("GATEWAY__APPS__OTHER__APP_SECRET", "secret-of-other"),
    ];
    let said = doctor(&simulator.url(), &["--json"], &second).await;
    let about: Vec<String> = said.json()["sections"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["about"]["app_id"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(about, ["", APP, "cli_other"]);
    assert_eq!(said.exit_code, Some(1), "Feishu does not know the second one");
    assert!(!said.stdout.contains("secret-of-other") && !said.stdout.contains(SECRET));
    let said = doctor(&simulator.url(), &["--json", "--app", "main"], &second).await;
    assert_eq!(said.exit_code, Some(0));
}
