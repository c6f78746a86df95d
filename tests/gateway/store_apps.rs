//! A store app from Feishu's first push to the forwards of its tenants, and what goes wrong on the way.

use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::{Api, Fault, NotPushed, PushAnswer, PushFault, Settings};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use gateway_harness::{
    Answer, Forward, Gateway, Setup, all, code, eventually, gateway, guarded, log, ms,
};

use crate::broadcasts::with_store;

const APP: &str = "cli_shop";
/// Longer than a call that needs a ticket waits for its push, and than the pause before the next question for one.
const ASKS_AGAIN: Duration = Duration::from_secs(11);

/// A gateway whose caller `tester` forwards with the store app `shop` in any tenant. Feishu has it in `a` and `b`.
fn shop() -> Setup {
    shop_in(["a", "b"])
}

fn shop_in<'a>(tenants: impl IntoIterator<Item = &'a str>) -> Setup {
    gateway()
        .store_app("shop", tenants)
        .set("keys.tester.app", "shop")
        .set("keys.tester.tenant_key", "*")
}

/// `shop`, beside the caller who has this key and forwards with the self-built app `main`.
fn beside(key: &ApiKey) -> Setup {
    shop().set("keys.own.app", "main").set("keys.own.hash", &key.hash().to_string())
}

fn forward(gateway: &Gateway, tenant: &str) -> Forward {
    gateway.forward("oc_1").header("x-tenant-key", tenant)
}

fn set_push_fault(gateway: &Gateway, fault: Option<PushFault>) {
    gateway.simulator.change_settings(|it: &mut Settings| it.push_fault = fault);
}

/// How many tickets Feishu has been asked for, app tokens and tenant tokens.
fn calls(gateway: &Gateway) -> [usize; 3] {
    [Api::AppTicketResend, Api::StoreAppAccessToken, Api::StoreTenantAccessToken]
        .map(|api| gateway.calls(api).len())
}

/// Feishu makes a new ticket and pushes it. The push must be accepted.
async fn push_ticket(gateway: &Gateway) {
    let answer = guarded(gateway.simulator.push_ticket(APP)).await.expect("an answer");
    assert!(answer.is_accepted, "{answer:?}");
}

/// How many pushes of tickets came to this result.
async fn tickets(gateway: &Gateway, result: &str) -> u64 {
    let labels = [("app", "shop"), ("event", "app_ticket"), ("result", result)];
    gateway.metrics().await.count("feishu_gateway_events_total", &labels)
}

/// Lets time pass until the forward is answered.
async fn passing(gateway: &Gateway, answer: JoinHandle<Answer>) -> Answer {
    while !answer.is_finished() {
        // Calls that are under way are answered before time goes on.
        eventually(|| gateway.simulator.ledger().attempts.iter().all(|it| it.status.is_some()))
            .await;
        gateway.metrics().await;
        gateway.advance(ms(50));
    }
    answer.await.expect("a request does not panic")
}

#[actix_web::test]
async fn the_first_start_asks_for_a_ticket_and_each_tenant_gets_a_token_when_it_forwards() {
    let gateway = shop().start().await;
    assert_eq!(calls(&gateway), [1, 1, 0]);
    // The ticket is in use before the push is answered and counted.
    guarded(async { while tickets(&gateway, "accepted").await == 0 {} }).await;
    assert_eq!(tickets(&gateway, "accepted").await, 1);
    for (tenant, tokens) in [("a", 1), ("a", 1), ("b", 2), ("a", 2)] {
        forward(&gateway, tenant).send().await.message_id();
        assert_eq!(calls(&gateway), [1, 1, tokens]);
        let delivery = gateway.deliveries().pop().expect("a delivery");
        assert_eq!((delivery.app_id.as_str(), delivery.tenant_key.as_str()), (APP, tenant));
    }
    let metrics = gateway.metrics().await;
    let count = |tenant| {
        let labels = [("app", "shop"), ("tenant", tenant), ("result", "delivered")];
        metrics.count("feishu_gateway_tenant_forwards_total", &labels)
    };
    assert_eq!((count("a"), count("b")), (3, 1));
    assert_eq!(metrics.count("feishu_gateway_tenants", &[("app", "shop")]), 2);
    let name = "feishu_gateway_app_ticket_received_timestamp_seconds";
    assert_eq!(metrics.count(name, &[("app", "shop")]), 1_767_225_600);
}

#[actix_web::test]
async fn a_push_that_does_not_come_fails_the_apps_forwards_alone_until_it_comes() {
    let own = ApiKey::generate();
    let never = |it: &mut Settings| it.push_fault = Some(PushFault::Never);
    let gateway = beside(&own).feishu(never).cold().start().await;
    guarded(async { while gateway.ask_admin("GET", "/readyz").await.status != 200 {} }).await;
    eventually(|| calls(&gateway)[0] == 1).await;
    let answer = passing(&gateway, forward(&gateway, "a").spawn()).await;
    let problem = answer.problem(502, "feishu_unreachable", "not_delivered");
    assert!(problem["detail"].as_str().is_some_and(|it| it.contains("app_ticket")), "{problem}");
    assert_eq!(gateway.forwards().len(), 0);
    assert_eq!(calls(&gateway)[1..], [0, 0]);
    assert_eq!(gateway.ask_admin("GET", "/readyz").await.status, 200);
    gateway.forward("oc_1").header("x-api-key", own.expose()).send().await.message_id();

    set_push_fault(&gateway, None);
    push_ticket(&gateway).await;
    gateway.has_app_token("shop").await;
    forward(&gateway, "a").send().await.message_id();
    assert_eq!(calls(&gateway)[1..], [1, 1]);
}

#[actix_web::test]
async fn a_forward_waits_for_the_push_that_it_has_asked_for() {
    let late = |it: &mut Settings| it.push_fault = Some(PushFault::Late { seconds: 1 });
    let gateway = shop().feishu(late).cold().start().await;
    eventually(|| calls(&gateway)[0] == 1).await;
    let waiting = forward(&gateway, "a").spawn();
    gateway.in_flight_are(1).await;
    gateway.advance(Duration::from_secs(1));
    let pushed = eventually_pushed(&gateway).await;
    assert!(pushed.is_ok_and(|it| it.is_accepted));
    guarded(waiting).await.expect("a request does not panic").message_id();
    assert_eq!(calls(&gateway), [1, 1, 1]);
}

/// The answer to the push that becomes due as soon as Feishu's simulator has planned it.
async fn eventually_pushed(gateway: &Gateway) -> Result<feishu_simulator::PushAnswer, NotPushed> {
    guarded(async {
        loop {
            if let Some(answer) = gateway.simulator.push_due().await.pop() {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[actix_web::test]
async fn a_ticket_that_feishu_takes_no_more_is_replaced_during_the_forward() {
    let gateway = shop().start().await;
    forward(&gateway, "a").send().await.message_id();
    gateway.advance(ASKS_AGAIN);
    set_push_fault(&gateway, Some(PushFault::Never));
    // Only the two newest tickets are valid.
    for _ in 0..2 {
        assert_eq!(gateway.simulator.push_ticket(APP).await, Err(NotPushed::HeldBack));
    }
    set_push_fault(&gateway, None);
    gateway.simulator.revoke_tokens();
    forward(&gateway, "a").send().await.message_id();
    let refused = gateway.calls(Api::StoreAppAccessToken);
    let codes: Vec<_> = refused.iter().map(|it| it.code).collect();
    assert_eq!(codes, [Some(0), Some(10012), Some(0)]);
    assert_eq!(calls(&gateway)[0], 2, "Feishu was asked for another ticket once");
    assert_eq!(gateway.deliveries().len(), 2);
}

#[actix_web::test]
async fn a_wrong_ticket_costs_one_call_and_the_right_one_works_as_soon_as_it_comes() {
    let wrong = |it: &mut Settings| it.push_fault = Some(PushFault::WrongTicket);
    let gateway = shop().feishu(wrong).cold().start().await;
    eventually(|| calls(&gateway)[1] == 1).await;
    let waiting = forward(&gateway, "a").spawn();
    gateway.in_flight_are(1).await;
    set_push_fault(&gateway, None);
    // A ticket that is not later than the refused one may be that one.
    gateway.advance(ms(1));
    push_ticket(&gateway).await;
    guarded(waiting).await.expect("a request does not panic").message_id();
    let codes: Vec<_> = gateway.calls(Api::StoreAppAccessToken).iter().map(|it| it.code).collect();
    assert_eq!(codes, [Some(10012), Some(0)]);
}

#[actix_web::test]
async fn a_late_push_does_not_replace_a_newer_ticket() {
    let gateway = shop().start().await;
    set_push_fault(&gateway, Some(PushFault::Late { seconds: 60 }));
    assert_eq!(gateway.simulator.push_ticket(APP).await, Err(NotPushed::HeldBack));
    set_push_fault(&gateway, None);
    // Two newer ones: the late one is not valid any more.
    for _ in 0..2 {
        gateway.advance(Duration::from_secs(30));
        push_ticket(&gateway).await;
    }
    let late = gateway.simulator.push_due().await;
    // The first push is repeated beside it if its answer came after time went on.
    let is_accepted =
        |it: &Result<PushAnswer, NotPushed>| it.as_ref().is_ok_and(|it| it.is_accepted);
    assert!(!late.is_empty() && late.iter().all(is_accepted), "{late:?}");
    gateway.simulator.revoke_tokens();
    forward(&gateway, "a").send().await.message_id();
    let all = gateway.calls(Api::StoreAppAccessToken);
    assert!(all.iter().all(|it| it.code == Some(0)), "{all:?}");
}

#[actix_web::test]
async fn a_ticket_that_is_pushed_twice_counts_once_and_one_with_a_wrong_signature_not_at_all() {
    let twice = |it: &mut Settings| it.push_fault = Some(PushFault::Twice);
    let gateway = shop().feishu(twice).start().await;
    guarded(async { while tickets(&gateway, "repeated").await != 1 {} }).await;
    assert_eq!(tickets(&gateway, "accepted").await, 1);
    for fault in [PushFault::WrongSignature, PushFault::NoSignature, PushFault::WrongToken] {
        set_push_fault(&gateway, Some(fault));
        let refused = gateway.simulator.push_ticket(APP).await.expect("an answer");
        assert_eq!((refused.status, refused.is_accepted), (403, false), "{fault:?}");
    }
    assert_eq!(tickets(&gateway, "accepted").await, 1);
    let check = gateway.simulator.push_address_check(APP).await.expect("an answer");
    assert_eq!(check.status, 403);
    set_push_fault(&gateway, None);
    let check = gateway.simulator.push_address_check(APP).await.expect("an answer");
    assert!(check.is_accepted, "{check:?}");
}

#[actix_web::test]
async fn an_app_that_was_uninstalled_in_a_tenant_works_in_the_others_and_once_reinstalled() {
    let gateway = shop().start().await;
    forward(&gateway, "a").send().await.message_id();
    gateway.simulator.uninstall(APP, "a");
    for _ in 0..2 {
        let answer = forward(&gateway, "a").send().await;
        answer.problem(502, "app_not_available", "not_delivered");
    }
    assert_eq!(gateway.forwards().len(), 2, "the second one does not ask Feishu");
    forward(&gateway, "b").send().await.message_id();
    // Never installed: there is not even a token.
    let answer = forward(&gateway, "c").send().await;
    answer.problem(502, "app_not_available", "not_delivered");
    assert_eq!(gateway.ask_admin("GET", "/readyz").await.status, 200);

    for tenant in ["a", "c"] {
        gateway.simulator.install(APP, tenant);
    }
    gateway.advance(Duration::from_mins(5));
    for tenant in ["a", "b", "c"] {
        forward(&gateway, tenant).send().await.message_id();
    }
}

#[actix_web::test]
async fn a_receivers_limit_and_the_apps_limit_are_those_of_a_tenant() {
    let gateway = shop().start().await;
    let to = |tenant: &str, receiver: &str| {
        gateway.forward(receiver).header("x-tenant-key", tenant).header("prefer", "wait=0").send()
    };
    for tenant in ["a", "b"] {
        for _ in 0..5 {
            to(tenant, "oc_1").await.message_id();
        }
        let full = to(tenant, "oc_1").await;
        full.problem(429, "receiver_rate_limited", "not_delivered");
    }
    let mut counts = [5; 2];
    for (count, tenant) in counts.iter_mut().zip(["a", "b"]) {
        let refused = loop {
            let answer = to(tenant, &format!("oc_more_{count}")).await;
            if answer.status != 200 {
                break answer;
            }
            *count += 1;
        };
        refused.problem(429, "app_rate_limited", "not_delivered");
    }
    assert_eq!(counts[0], counts[1], "the app begins anew in each tenant");
    assert!(counts[0] <= 50, "{counts:?}");
}

#[actix_web::test]
async fn a_ticket_in_the_file_outlives_the_process_which_then_needs_no_push() {
    let (mut gateway, _directory) = with_store(shop()).await;
    set_push_fault(&gateway, Some(PushFault::Never));
    gateway.simulator.revoke_tokens();
    gateway.restart().await;
    forward(&gateway, "a").send().await.message_id();
    assert_eq!(calls(&gateway), [1, 2, 1]);
}

#[actix_web::test]
async fn a_ticket_that_cannot_be_stored_is_used_and_feishu_is_told_to_push_it_again() {
    let (mut first, directory) = with_store(shop()).await;
    first.process.stop();
    first.process.ended().await;
    let path = directory.path().join("broadcasts.db");
    let file = rusqlite::Connection::open(&path).expect("the file");
    let refuse = "DELETE FROM app_tickets;
        CREATE TRIGGER refuse BEFORE INSERT ON app_tickets WHEN new.sent_at <= 1767225600000
        BEGIN SELECT RAISE(ABORT, 'refused'); END";
    file.execute_batch(refuse).expect("SQL");
    file.close().expect("it closes");

    let path = path.to_str().expect("UTF-8");
    let gateway = shop().set("broadcasts.path", path).start().await;
    let status = |push: &feishu_simulator::Push| push.answer.as_ref().map(|it| it.status);
    eventually(|| gateway.simulator.ledger().pushes.iter().any(|it| it.answer.is_some())).await;
    assert_eq!(
        gateway.simulator.ledger().pushes.iter().map(status).collect::<Vec<_>>(),
        [Some(503)]
    );
    forward(&gateway, "a").send().await.message_id();
    gateway.advance(Duration::from_secs(15));
    let again = gateway.simulator.push_due().await;
    // It is no repetition of one that was taken.
    assert!(matches!(&again[..], [Ok(answer)] if answer.status == 503), "{again:?}");
    push_ticket(&gateway).await;
    assert_eq!(calls(&gateway), [1, 1, 1]);
}

#[actix_web::test]
async fn a_program_of_a_store_app_forwards_in_its_tenant_on_feishus_own_paths() {
    let gateway = shop().start().await;
    let post = |path: &str, body: Value| {
        let url = format!("{}/open-apis{path}", gateway.api);
        gateway.http.post(url).body(body.to_string())
    };
    let app = json!({ "app_id": APP, "app_secret": gateway.key, "app_ticket": "any" });
    let app = Answer::of(post("/auth/v3/app_access_token", app)).await.json();
    let asked = json!({ "app_access_token": app["app_access_token"], "tenant_key": "b" });
    let token = Answer::of(post("/auth/v3/tenant_access_token", asked)).await.json();
    let bearer = token["tenant_access_token"].as_str().expect("a token");
    let path = "/im/v1/messages/om_1/forward?receive_id_type=chat_id";
    let forward = post(path, json!({ "receive_id": "oc_1" })).bearer_auth(bearer);
    let answer = Answer::of(forward).await;
    assert_eq!((answer.status, &answer.json()["code"]), (200, &json!(0)), "{}", answer.text());
    let deliveries = gateway.deliveries();
    assert_eq!((deliveries.len(), deliveries[0].tenant_key.as_str()), (1, "b"));
}

#[actix_web::test]
async fn the_audit_line_names_the_tenant() {
    log::capture();
    let gateway = shop().set("log.audit_ids", "plain").start().await;
    for (tenant, id) in [("a", "tenant-a"), ("b", "tenant-b")] {
        forward(&gateway, tenant).header("x-request-id", id).send().await.message_id();
        let is_audited = |line: &String| line.contains("\"target\":\"audit\"") && line.contains(id);
        let audited = || log::lines().into_iter().filter(is_audited).collect::<Vec<_>>();
        // It may come a little after the answer.
        eventually(|| !audited().is_empty()).await;
        let line: Value = serde_json::from_str(&audited().remove(0)).expect("JSON");
        assert_eq!((audited().len(), &line["tenant_key"]), (1, &json!(tenant)), "{line}");
    }
}

#[actix_web::test]
async fn a_token_that_is_refused_for_one_tenant_is_not_missing_in_another() {
    let gateway = shop().one_attempt().start().await;
    gateway.spoil(Api::StoreTenantAccessToken, code(10013));
    let answer = forward(&gateway, "a").send().await;
    answer.problem(502, "credentials_rejected", "not_delivered");
    forward(&gateway, "b").send().await.message_id();
    gateway.advance(Duration::from_secs(1));
    forward(&gateway, "a").send().await.message_id();
}

#[actix_web::test]
async fn an_app_token_that_is_refused_disturbs_no_other_app() {
    let own = ApiKey::generate();
    let api = Some(Api::StoreAppAccessToken);
    let fault = Fault { api, times: None, ..Fault::once(code(10014)) };
    let gateway = beside(&own).one_attempt().fault(fault).cold().start().await;
    guarded(async { while gateway.ask_admin("GET", "/readyz").await.status != 200 {} }).await;
    let answer = forward(&gateway, "a").send().await;
    answer.problem(502, "credentials_rejected", "not_delivered");
    gateway.forward("oc_1").header("x-api-key", own.expose()).send().await.message_id();
    gateway.simulator.clear_faults();
    // Longer than any pause after a refusal.
    gateway.advance(Duration::from_mins(1));
    forward(&gateway, "a").send().await.message_id();
    let [tickets, _, tenant_tokens] = calls(&gateway);
    assert_eq!((tickets, tenant_tokens), (1, 1));
}

#[actix_web::test]
async fn a_thousand_tenants_at_once_share_one_app_token_and_all_get_through() {
    let tenants: Vec<_> = (0..1000).map(|number| format!("t{number}")).collect();
    let setup = shop_in(tenants.iter().map(String::as_str));
    let gateway = setup.set("server.max_in_flight", "2000").start().await;
    let answers = tenants.iter().map(|tenant| forward(&gateway, tenant).spawn()).collect();
    for answer in all(answers).await {
        answer.message_id();
    }
    assert_eq!(calls(&gateway), [1, 1, 1000]);
    assert_eq!(gateway.forwards().len(), 1000);
    let mut served: Vec<_> = gateway.deliveries().into_iter().map(|it| it.tenant_key).collect();
    served.sort_unstable();
    served.dedup();
    assert_eq!(served.len(), 1000);
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.count("feishu_gateway_tenants", &[("app", "shop")]), 1000);
}

#[actix_web::test]
async fn a_tenant_whose_forwards_wait_delays_no_other_tenant() {
    let gateway = shop().start().await;
    let many: Vec<_> = (0..200)
        .map(|number| gateway.forward(&format!("oc_{number}")).header("x-tenant-key", "a").spawn())
        .collect();
    let waiting = async || gateway.metrics().await.count("feishu_gateway_rate_limit_waiting", &[]);
    guarded(async { while waiting().await < 50 {} }).await;
    // No time passes.
    forward(&gateway, "b").send().await.message_id();
    assert!(waiting().await >= 50);
    drop(many);
}
