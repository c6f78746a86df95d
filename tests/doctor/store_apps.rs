//! A store app: its configuration, its ticket, its tokens, and its bot in a tenant.

use feishu_simulator::{Api, App, Fault, FaultKind, Options, Simulator, StoreApp};
use gateway_harness::Program;

use crate::run::{APP, SECRET, Said, doctor, spoil};

const TENANT: &str = "736588c9260f175e";
const IN_TENANT: [&str; 3] = ["--json", "--tenant", TENANT];
const STORE: [(&str, &str); 2] = [
    ("GATEWAY__APPS__MAIN__TYPE", "store"),
    ("GATEWAY__APPS__MAIN__VERIFICATION_TOKEN", "simulator-verification-token"),
];

async fn feishu() -> Simulator {
    let app = App::store(APP, SECRET, StoreApp::default());
    let options = Options { apps: vec![app], ..Options::default() };
    Simulator::start(options).await.expect("a free port")
}

async fn examined(simulator: &Simulator, arguments: &[&str], more: &[(&str, &str)]) -> Said {
    doctor(&simulator.url(), arguments, &[&STORE[..], more].concat()).await
}

/// A gateway that keeps a ticket in this file, and that has heard one push.
async fn gateway_with_ticket(simulator: &Simulator, file: &str) -> Program {
    let url = simulator.url();
    let variables = [
        ("GATEWAY__FEISHU__BASE_URL", &*url),
        ("GATEWAY__APPS__MAIN__APP_ID", APP),
        ("GATEWAY__APPS__MAIN__APP_SECRET", SECRET),
        ("GATEWAY__SERVER__LISTEN", "127.0.0.1:0"),
        ("GATEWAY__SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
        ("GATEWAY__BROADCASTS__PATH", file),
        STORE[0],
        STORE[1],
    ];
    let mut gateway = Program::start(&["serve"], &variables);
    let line = gateway.line_with("\"listening\"").await;
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let listen = line["listen"].as_str().expect("an address");
    simulator.set_push_url(APP, &format!("http://{listen}/v1/events/main"));
    let answer = simulator.push_ticket(APP).await.expect("it is pushed");
    assert_eq!(answer.status, 200);
    gateway
}

#[tokio::test]
async fn the_ticket_in_the_file_of_a_stopped_gateway_leads_to_a_forward_in_the_tenant() {
    let simulator = feishu().await;
    // Each run asks for a push, which the stopped gateway does not hear: its ticket is soon not among the newest.
    simulator.change_settings(|it| it.valid_tickets = 100);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gateway.db");
    let file = file.to_str().expect("UTF-8");
    let keeps = [("GATEWAY__BROADCASTS__PATH", file)];
    let mut gateway = gateway_with_ticket(&simulator, file).await;

    let said = examined(&simulator, &["--json"], &keeps).await;
    said.assert_step("ticket", "warning", "in use by another process", ["operator", ""]);
    assert_eq!(said.exit_code, Some(0), "the gateway that runs may be well");
    gateway.signal("TERM");
    gateway.exit_code().await;
    let ticket = simulator.app_ticket(APP).expect("a ticket");
    simulator.clear_ledger();

    let forward = [&IN_TENANT[..], &["--message", "om_1", "--receiver", "oc_1"]].concat();
    let said = examined(&simulator, &forward, &keeps).await;
    let steps = [
        "events",
        "credentials",
        "ticket",
        "app_token",
        "tenant_token",
        "bot",
        "scopes",
        "allow_list",
        "quota",
        "membership",
        "forward",
    ];
    for step in steps {
        assert_eq!(said.ending(step), "ok", "{step}: {}", said.stdout);
    }
    assert_eq!((said.exit_code, simulator.ledger().deliveries.len()), (Some(0), 1));
    for secret in [&*ticket, "simulator-verification-token"] {
        assert!(!said.stdout.contains(secret), "{}", said.stdout);
    }

    let without_tenant = examined(&simulator, &["--json"], &keeps).await;
    assert_eq!(without_tenant.ending("app_token"), "ok");
    without_tenant.assert_step("tenant_token", "skipped", "--tenant", ["", ""]);
    assert!(!without_tenant.stdout.contains("\"bot\""), "{}", without_tenant.stdout);
    assert_eq!(without_tenant.exit_code, Some(0));

    let installed = ["tenant_admin", "feishu.cn/admin"];
    for (api, code, step, advice) in [
        (Api::StoreAppAccessToken, 10012, "app_token", ["operator", "/app/cli_main/event"]),
        (Api::StoreTenantAccessToken, 10013, "tenant_token", installed),
        (Api::StoreTenantAccessToken, 99991673, "tenant_token", installed),
        (Api::BotInfo, 99991673, "bot", installed),
    ] {
        let kind = FaultKind::Code { code, status: None, msg: None, reset: None };
        spoil(&simulator, [Fault { api: Some(api), ..Fault::once(kind) }]);
        let said = examined(&simulator, &IN_TENANT, &keeps).await;
        said.assert_step(step, "failed", &code.to_string(), advice);
        assert_eq!(said.exit_code, Some(1), "{code}");
    }
}

#[tokio::test]
async fn without_a_place_for_the_ticket_doctor_says_where_to_look_for_it() {
    let simulator = feishu().await;
    for (arguments, ending, exit_code) in
        [(&["--json"][..], "warning", 0), (&IN_TENANT, "failed", 1)]
    {
        let said = examined(&simulator, arguments, &[]).await;
        assert_eq!(said.ending("credentials"), "ok");
        said.assert_step("ticket", ending, "hears no pushes", ["operator", ""]);
        assert!(said.stdout.contains("feishu_gateway_app_ticket_received_timestamp_seconds"));
        said.assert_step("app_token", "skipped", "see `app ticket`", ["", ""]);
        assert_eq!(said.exit_code, Some(exit_code));
        assert!(said.stderr.contains("harmless"), "{}", said.stderr);
    }
    assert_eq!(simulator.ledger().of(Api::AppTicketResend).count(), 2);
    assert_eq!(simulator.ledger().of(Api::TenantAccessToken).count(), 0);
    let gone = [("GATEWAY__STATE__URL", "redis://127.0.0.1:1")];
    let said = examined(&simulator, &["--json"], &gone).await;
    said.assert_step("ticket", "warning", "the Redis of state.url", ["operator", ""]);
}

#[tokio::test]
async fn the_request_url_is_named_with_the_listener_that_serves_it() {
    let simulator = feishu().await;
    let public = ("GATEWAY__SERVER__PUBLIC_URL", "https://apps.example.com/feishu/");
    let own = ("GATEWAY__SERVER__EVENTS_LISTEN", "127.0.0.1:8081");
    let key = ("GATEWAY__APPS__MAIN__ENCRYPT_KEY", "an encrypt key");
    for (more, named) in [
        (&[][..], "must be https://…/v1/events/main, and lead to server.listen ("),
        (&[public], "must be https://apps.example.com/feishu/v1/events/main, and"),
        (
            &[public, own],
            "https://…/v1/events/main, and lead to server.events_listen (127.0.0.1:8081)",
        ),
        (&[key], "encrypt_key, verification_token set"),
    ] {
        examined(&simulator, &["--json"], more).await.assert_step("events", "ok", named, ["", ""]);
    }
}

#[tokio::test]
async fn an_app_of_the_other_type_and_a_wrong_secret_are_told_apart() {
    let options = Options { apps: vec![App::new(APP, SECRET)], ..Options::default() };
    let simulator = Simulator::start(options).await.expect("a free port");
    let said = examined(&simulator, &["--json", "--lang", "zh"], &[]).await;
    said.assert_step("credentials", "failed", "10016", ["operator", "/app/cli_main/baseinfo"]);
    assert!(said.stdout.contains("self_built") && said.stdout.contains("商店应用"));
    let wrong = [("GATEWAY__APPS__MAIN__APP_SECRET", "wrong")];
    let said = examined(&simulator, &["--json"], &wrong).await;
    said.assert_step("credentials", "failed", "10014", ["developer", "/app/cli_main/baseinfo"]);
}

#[tokio::test]
async fn a_tenant_is_named_where_a_store_app_forwards_and_for_no_other_app() {
    let simulator = feishu().await;
    let forward = ["--message", "om_1", "--receiver", "oc_1"];
    for (arguments, variables) in
        [(&forward[..], &STORE[..]), (&["--tenant", TENANT], &[]), (&["--tenant", "a b"], &STORE)]
    {
        let said = doctor(&simulator.url(), arguments, variables).await;
        assert_eq!(said.exit_code, Some(2), "{arguments:?}");
        assert!(said.stderr.contains("--tenant"), "{}", said.stderr);
    }
    assert!(simulator.ledger().attempts.is_empty());
}
