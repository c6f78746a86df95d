//! The way to Feishu.

use feishu_simulator::{Api, Fault, FaultKind};

use crate::run::{doctor, examined, feishu, spoil};

#[tokio::test]
async fn a_host_that_cannot_be_looked_up_ends_everything() {
    // A label of 64 characters is refused without asking a name server.
    let url = format!("https://{}.invalid", "a".repeat(64));
    let said = doctor(&url, &["--json"], &[]).await;
    said.assert_step("address", "failed", "cannot be resolved", ["operator", ""]);
    assert_eq!(said.ending("proxy"), "ok");
    for step in ["tcp", "tls", "http", "clock", "credentials", "bot", "scopes", "allow_list"] {
        said.assert_step(step, "skipped", "see `address`", ["", ""]);
    }
    assert_eq!((said.exit_code, said.json()["calls"].as_u64()), (Some(1), Some(0)));
}

#[tokio::test]
async fn a_port_that_refuses_is_a_failure_of_tcp() {
    let simulator = feishu(|_| {}).await;
    simulator.refuse_connections().await;
    let said = examined(&simulator, &[]).await;
    said.assert_step("tcp", "failed", "refused", ["operator", ""]);
    said.assert_step("credentials", "skipped", "see `tcp`", ["", ""]);
    assert_eq!(said.exit_code, Some(1));
}

#[tokio::test]
async fn what_is_not_feishu_is_a_failure_of_http() {
    let page = |status| {
        let content_type = "text/html".into();
        let kind = FaultKind::Status { status, body: "<html>".into(), content_type };
        Fault { api: Some(Api::Unknown), ..Fault::once(kind) }
    };
    for (status, detail) in [(502, "HTTP 502"), (407, "HTTP 407"), (302, "HTTP 302")] {
        let simulator = feishu(|_| {}).await;
        spoil(&simulator, [page(status)]);
        let said = examined(&simulator, &[]).await;
        said.assert_step("http", "failed", detail, ["operator", ""]);
        assert_eq!(said.exit_code, Some(1), "{status}");
        assert_eq!(simulator.ledger().of(Api::TenantAccessToken).count(), 0);
    }
    for kind in [FaultKind::Garbage, FaultKind::Cut, FaultKind::Silence] {
        let simulator = feishu(|_| {}).await;
        spoil(&simulator, [Fault::once(kind.clone())]);
        let timeout = [("GATEWAY__FEISHU__ATTEMPT_TIMEOUT", "300ms")];
        let said = doctor(&simulator.url(), &["--json"], &timeout).await;
        assert_eq!(said.ending("http"), "failed", "{kind:?}");
    }
}

#[tokio::test]
async fn a_proxy_is_named_without_its_password_and_used() {
    let simulator = feishu(|_| {}).await;
    let address = simulator.url().replace("http://", "");
    let proxy = format!("http://someone:not-to-be-shown@{address}");
    let variables = [("HTTP_PROXY", proxy.as_str())];
    let said = doctor("http://open.larksuite.com", &["--json"], &variables).await;
    said.assert_step("proxy", "ok", &format!("http://{address}"), ["", ""]);
    assert_eq!(said.exit_code, Some(0), "{}", said.stdout);
    assert!(!said.stdout.contains("not-to-be-shown"));
    let excepted = [variables[0], ("NO_PROXY", "127.0.0.1,localhost")];
    let said = doctor(&simulator.url(), &["--json"], &excepted).await;
    said.assert_step("proxy", "ok", "none", ["", ""]);
}

#[tokio::test]
async fn a_proxy_of_a_kind_that_is_not_known_is_a_failure() {
    let variables = [("HTTP_PROXY", "socks5://127.0.0.1:1")];
    let said = doctor("http://feishu.example", &["--json"], &variables).await;
    said.assert_step("proxy", "failed", "socks5://127.0.0.1:1", ["operator", ""]);
    said.assert_step("tcp", "skipped", "see `proxy`", ["", ""]);
}

#[tokio::test]
async fn an_app_of_lark_gets_the_links_of_lark() {
    let simulator = feishu(|it| it.scopes = [].into()).await;
    let proxy = simulator.url();
    let variables = [("HTTP_PROXY", proxy.as_str())];
    let said = doctor("http://open.larksuite.com", &["--json"], &variables).await;
    let link = "https://open.larksuite.com/app/cli_main/auth";
    said.assert_step("scopes", "failed", "none of them", ["developer", link]);
}
