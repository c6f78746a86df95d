//! Feishu's own paths: a program of Feishu's SDKs changes domain and secret, and everything is as it expects it.

use std::time::Duration;

use feishu_simulator::{Api, Fault, FaultKind, Phase};
use reqwest::Method;
use serde_json::{Value, json};

use gateway_harness::{Answer, Gateway, Setup, Wire, code, code_with_status, gateway};

const FORWARD: &str = "/open-apis/im/v1/messages/om_1/forward?receive_id_type=chat_id";
const MERGE: &str = "/open-apis/im/v1/messages/merge_forward?receive_id_type=chat_id";
const THREAD: &str = "/open-apis/im/v1/threads/omt_1/forward?receive_id_type=chat_id";
const TENANT: &str = "/open-apis/auth/v3/tenant_access_token/internal";
const APP: &str = "/open-apis/auth/v3/app_access_token/internal";
/// How often the gateway looks at its files.
const LOOK: Duration = Duration::from_secs(2);

async fn post(gateway: &Gateway, path: &str, bearer: &str, body: &Value) -> Answer {
    let request = gateway.http.post(format!("{}{path}", gateway.api)).bearer_auth(bearer);
    Answer::of(request.body(body.to_string())).await
}

async fn forward(gateway: &Gateway, bearer: &str, receive_id: &str) -> Answer {
    post(gateway, FORWARD, bearer, &json!({ "receive_id": receive_id })).await
}

/// Asks for a token, without a Content-Type, as Feishu's SDK for Python does.
async fn ask_token(gateway: &Gateway, path: &str, app_id: &str, app_secret: &str) -> Value {
    let body = json!({ "app_id": app_id, "app_secret": app_secret }).to_string();
    let answer = Answer::of(gateway.http.post(format!("{}{path}", gateway.api)).body(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn token(gateway: &Gateway) -> String {
    let answer = ask_token(gateway, TENANT, "tester", &gateway.key).await;
    answer["tenant_access_token"].as_str().expect("a token").to_owned()
}

/// The envelope of a failure, with what each of them has.
#[track_caller]
fn failure(answer: &Answer, status: u16, code: i64, problem: &str) -> Value {
    let envelope = answer.json();
    assert_eq!((answer.status, &envelope["code"]), (status, &code.into()), "{envelope:#}");
    assert_eq!(answer.header("x-gateway-problem"), Some(problem), "{envelope:#}");
    assert!(answer.header("content-type").is_some_and(|it| it.starts_with("application/json")));
    assert!(envelope["msg"].as_str().is_some_and(|msg| !msg.is_empty()), "{envelope:#}");
    let log_id = answer.header("x-tt-logid");
    assert!(log_id.is_some() && envelope["error"]["log_id"].as_str() == log_id, "{envelope:#}");
    assert!(answer.header("www-authenticate").is_none() && answer.header("allow").is_none());
    envelope
}

#[actix_web::test]
async fn a_token_is_given_for_the_callers_name_or_the_id_of_its_app_and_for_no_other() {
    let gateway = gateway().start().await;
    for app_id in ["tester", "cli_main"] {
        for path in [TENANT.to_owned(), format!("{TENANT}/")] {
            let answer = ask_token(&gateway, &path, app_id, &gateway.key).await;
            assert_eq!((&answer["code"], &answer["msg"]), (&0.into(), &"ok".into()));
            assert_eq!(answer["expire"], 1800);
            assert!(answer["tenant_access_token"].as_str().expect("a token").starts_with("t-"));
            assert!(answer.get("app_access_token").is_none());
        }
        for path in [APP.to_owned(), format!("{APP}/")] {
            let answer = ask_token(&gateway, &path, app_id, &gateway.key).await;
            assert_eq!(answer["app_access_token"], answer["tenant_access_token"]);
        }
    }
    let wrong = json!({ "code": 10014, "msg": "app secret invalid" });
    for (app_id, secret) in
        [("cli_other", gateway.key.as_str()), ("tester", "wrong"), ("main", &gateway.key)]
    {
        assert_eq!(ask_token(&gateway, TENANT, app_id, secret).await, wrong, "{app_id}");
    }
    assert_eq!(ask_token(&gateway, TENANT, "", &gateway.key).await["code"], 10003);
    // None of it is Feishu's business.
    assert_eq!(gateway.token_calls().len(), 1);
}

#[actix_web::test]
async fn a_message_messages_and_a_thread_are_forwarded_in_feishus_envelope() {
    let gateway = gateway().start().await;
    let token = token(&gateway).await;
    let answer = forward(&gateway, &token, "oc_1").await;
    let envelope = answer.json();
    assert_eq!((&envelope["code"], &envelope["msg"]), (&0.into(), &"success".into()));
    assert_eq!(envelope["data"]["message_id"], gateway.deliveries()[0].new_message_id);
    let ledger = gateway.simulator.ledger();
    let forwarded = ledger.of(Api::Forward).next().expect("a forward");
    assert_eq!(answer.header("x-tt-logid"), forwarded.log_id.as_deref());
    assert!(!format!("{:?}", forwarded.headers).contains(&token));

    let body = json!({ "receive_id": "oc_1", "message_id_list": ["om_1", "om_2"], "new": 1 });
    let merged = post(&gateway, MERGE, &token, &body).await.json();
    assert_eq!(merged["data"]["message"]["msg_type"], "merge_forward");
    assert_eq!(merged["data"]["invalid_message_id_list"], json!([]));
    let thread = post(&gateway, THREAD, &token, &json!({ "receive_id": "oc_1" })).await.json();
    assert_eq!(thread["data"]["message_id"], gateway.deliveries()[2].new_message_id);
}

#[actix_web::test]
async fn the_api_key_itself_is_a_token_too() {
    let gateway = gateway().start().await;
    assert_eq!(forward(&gateway, &gateway.key, "oc_1").await.json()["code"], 0);
}

#[actix_web::test]
async fn what_is_unknown_is_ignored_as_feishu_does_and_the_type_of_the_receiver_is_required() {
    let gateway = gateway().start().await;
    let token = token(&gateway).await;
    let body = json!({ "receive_id": "oc_1", "uuid": "in the wrong place", "x": {} });
    let path = format!("{FORWARD}&user_id_type=open_id&uuid=");
    assert_eq!(post(&gateway, &path, &token, &body).await.json()["code"], 0);

    let path = "/open-apis/im/v1/messages/om_1/forward";
    let answer = post(&gateway, path, &token, &json!({ "receive_id": "" })).await;
    let envelope = failure(&answer, 400, 99992402, "invalid_request");
    let violations = envelope["error"]["field_violations"].as_array().expect("violations").clone();
    let fields: Vec<_> = violations.iter().map(|it| it["field"].as_str().unwrap_or("")).collect();
    assert_eq!(fields, ["receive_id_type", "receive_id"]);
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn no_token_and_a_wrong_one_are_what_they_are_with_feishu() {
    let gateway = gateway().start().await;
    let without = gateway.http.post(format!("{}{FORWARD}", gateway.api)).body("{}");
    failure(&Answer::of(without).await, 400, 99991661, "unauthorized");
    let mut forged = token(&gateway).await;
    forged.replace_range(forged.len() - 1.., if forged.ends_with('0') { "1" } else { "0" });
    for wrong in ["t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234", "ffg_x", "Bearer t-1", &forged] {
        let answer = forward(&gateway, wrong, "oc_1").await;
        let envelope = failure(&answer, 400, 99991663, "unauthorized");
        let page = format!("{}/problems/unauthorized", gateway.api);
        assert_eq!(envelope["error"]["troubleshooter"], page.as_str());
        assert!(!answer.text().contains(wrong));
    }
    // The routes of the gateway itself take keys and no tokens.
    let token = token(&gateway).await;
    let forward = gateway.forward("oc_1").without("x-api-key");
    let answer = forward.header("authorization", &format!("Bearer {token}")).send().await;
    answer.problem(401, "unauthorized", "not_delivered");
}

#[actix_web::test]
async fn a_token_ends_after_half_an_hour() {
    let gateway = gateway().start().await;
    let token = token(&gateway).await;
    gateway.advance(Duration::from_secs(1799));
    assert_eq!(forward(&gateway, &token, "oc_1").await.json()["code"], 0);
    gateway.advance(Duration::from_secs(1));
    failure(&forward(&gateway, &token, "oc_1").await, 400, 99991663, "unauthorized");
}

#[actix_web::test]
async fn a_key_with_an_end_gives_tokens_that_live_no_longer() {
    let gateway = gateway().start().await;
    let ends_at = gateway.clock.wall() + Duration::from_mins(10);
    drop(gateway);
    let gateway = self::gateway().set("keys.tester.expires_at", &ends_at.to_string()).start().await;
    let answer = ask_token(&gateway, TENANT, "tester", &gateway.key).await;
    assert!(answer["expire"].as_u64().is_some_and(|it| (590..=600).contains(&it)), "{answer}");
}

#[actix_web::test]
async fn a_disabled_key_gets_no_token() {
    let gateway = gateway().set("keys.tester.disabled", "true").start().await;
    assert_eq!(ask_token(&gateway, TENANT, "tester", &gateway.key).await["code"], 10014);
}

#[actix_web::test]
async fn what_feishu_refuses_comes_back_as_feishu_said_it() {
    let gateway = gateway().start().await;
    let token = token(&gateway).await;
    for (receive_id, code, problem) in [
        ("oc_code_230002", 230002, "bot_not_in_chat"),
        ("oc_code_230110", 230110, "message_deleted"),
        ("oc_code_230073", 230073, "thread_source_not_visible"),
    ] {
        let answer = forward(&gateway, &token, receive_id).await;
        let envelope = failure(&answer, 400, code, problem);
        let said = gateway.forwards().pop().expect("a forward");
        assert_eq!(envelope["error"]["log_id"].as_str(), said.log_id.as_deref());
        assert!(envelope["error"].get("safe_retry_until").is_none());
        let words = envelope["error"]["troubleshooter"].as_str().expect("words and a link");
        assert!(words.contains("Troubleshooting suggestions"), "{words}");
    }
}

/// A gateway that does not retry and lets nothing wait.
fn impatient() -> Setup {
    gateway().one_attempt().set("limits.max_wait", "0s")
}

#[actix_web::test]
async fn the_limit_of_the_receiver_is_feishus_230020_with_a_time() {
    let gateway = impatient().start().await;
    let token = token(&gateway).await;
    for _ in 0..5 {
        assert_eq!(forward(&gateway, &token, "oc_1").await.json()["code"], 0);
    }
    let answer = forward(&gateway, &token, "oc_1").await;
    failure(&answer, 400, 230020, "receiver_rate_limited");
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert!(answer.header("ratelimit").is_some_and(|it| it.starts_with("\"receiver\";r=0")));
}

#[actix_web::test]
async fn the_limit_of_the_app_is_feishus_99991400_with_its_headers() {
    let gateway = impatient().set("limits.app_per_second", "1").start().await;
    let token = token(&gateway).await;
    assert_eq!(forward(&gateway, &token, "oc_1").await.json()["code"], 0);
    let answer = forward(&gateway, &token, "oc_2").await;
    failure(&answer, 429, 99991400, "app_rate_limited");
    assert_eq!(answer.header("x-ogw-ratelimit-limit"), Some("1000"));
    assert_eq!(answer.header("x-ogw-ratelimit-reset"), answer.header("retry-after"));
    // Another call has a limit of its own.
    let thread = post(&gateway, THREAD, &token, &json!({ "receive_id": "oc_2" })).await;
    assert_eq!(thread.json()["code"], 0);
}

#[actix_web::test]
async fn feishus_own_99991400_has_its_reset() {
    let gateway = impatient().start().await;
    let token = token(&gateway).await;
    let mut limited = code(99991400);
    if let FaultKind::Code { reset, .. } = &mut limited {
        *reset = Some(52);
    }
    gateway.spoil_forward(limited);
    let answer = forward(&gateway, &token, "oc_1").await;
    failure(&answer, 429, 99991400, "app_rate_limited");
    assert_eq!(answer.header("x-ogw-ratelimit-reset"), Some("52"));
}

#[actix_web::test]
async fn a_receiver_that_the_key_may_not_reach_is_a_missing_permission() {
    let gateway = gateway().set("keys.tester.allow_receivers", "oc_mine").start().await;
    let token = token(&gateway).await;
    failure(&forward(&gateway, &token, "oc_1").await, 400, 230027, "receiver_not_allowed");
}

#[actix_web::test]
async fn a_message_that_may_have_gone_out_is_being_sent_and_can_be_repeated() {
    let gateway = impatient().start().await;
    let token = token(&gateway).await;
    let lost = Fault { phase: Phase::AfterCommit, ..Fault::once(FaultKind::Cut) };
    gateway.simulator.add_fault(Fault { api: Some(Api::Forward), ..lost });
    let answer = forward(&gateway, &token, "oc_1").await;
    let envelope = failure(&answer, 400, 230049, "feishu_unreadable");
    assert!(envelope["error"]["safe_retry_until"].is_string(), "{envelope:#}");
    let uuid = envelope["error"]["uuid"].as_str().expect("a uuid").to_owned();
    // Even if Feishu refuses the repetition, the first one may have gone out.
    gateway.spoil_forward(code(230002));
    let again = format!("{FORWARD}&uuid={uuid}");
    let body = json!({ "receive_id": "oc_1" });
    failure(&post(&gateway, &again, &token, &body).await, 400, 230049, "bot_not_in_chat");
    assert_eq!(post(&gateway, &again, &token, &body).await.json()["code"], 0);
    assert_eq!(gateway.deliveries().len(), 1);
}

#[actix_web::test]
async fn a_failure_of_feishus_that_leaves_the_outcome_open_is_never_a_code_for_nothing_sent() {
    let gateway = impatient().start().await;
    let token = token(&gateway).await;
    for (failing, problem) in
        [(code(2200), "feishu_internal_error"), (code_with_status(424242, 500), "feishu_error")]
    {
        gateway.spoil_forward(failing);
        let answer = forward(&gateway, &token, "oc_1").await;
        let envelope = failure(&answer, 400, 230049, problem);
        assert!(envelope["error"]["safe_retry_until"].is_string(), "{envelope:#}");
    }
}

#[actix_web::test]
async fn an_app_that_feishu_has_refused_before_is_refused_with_the_same_code() {
    let gateway = impatient().start().await;
    let token = token(&gateway).await;
    gateway.spoil_forward(code(99991403));
    for _ in 0..2 {
        let answer = forward(&gateway, &token, "oc_1").await;
        assert_eq!(answer.json()["code"], 99991403, "{}", answer.text());
        assert_eq!(answer.header("x-gateway-problem"), Some("monthly_quota_exhausted"));
    }
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn a_forged_token_says_nothing_of_a_key() {
    let running = gateway().start().await;
    let mut token = token(&running).await;
    token.replace_range(token.len() - 4.., "0000");
    let key = running.key.clone();
    drop(running);
    let hash = feishu_forward_gateway::model::api_key::KeyHash::of(&key).to_string();
    let setup = gateway().set("keys.tester.hash", &hash).set("keys.tester.disabled", "true");
    let answer = forward(&setup.start().await, &token, "oc_1").await;
    assert!(answer.text().contains("token has expired"), "{}", answer.text());
}

#[actix_web::test]
async fn a_body_that_never_comes_ends_its_connection() {
    // Not a time that anything else in the gateway sleeps for.
    let too_late = Duration::from_secs(7);
    let gateway = gateway().set("server.body_timeout", "7s").start().await;
    let mut wire = Wire::to(&gateway.api).await;
    let head = format!("POST {TENANT} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n");
    wire.send(head).await;
    gateway.sleeps_until(too_late).await;
    gateway.advance_to(too_late);
    failure(&wire.answer().await, 500, 2200, "request_timeout");
    wire.ended().await;
}

#[actix_web::test]
async fn the_gateways_own_credentials_are_not_the_callers() {
    let gateway = impatient().start().await;
    let token = token(&gateway).await;
    gateway.spoil_every_forward(code(99991663));
    failure(&forward(&gateway, &token, "oc_1").await, 500, 2200, "credentials_rejected");
}

#[actix_web::test]
async fn everything_else_below_open_apis_says_what_there_is() {
    let gateway = gateway().start().await;
    for (method, path, problem) in [
        ("POST", "/open-apis/im/v1/messages?receive_id_type=chat_id", "route_not_found"),
        ("POST", "/open-apis/im/v1/messages/om_1/reply", "route_not_found"),
        ("GET", "/open-apis", "route_not_found"),
        ("POST", "/open-apis/im/v1/messages/om_1/forw%61rd", "route_not_found"),
        ("GET", "/open-apis/im/v1/messages/om_1/forward", "method_not_allowed"),
    ] {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let answer =
            Answer::of(gateway.http.request(method, format!("{}{path}", gateway.api))).await;
        let envelope = failure(&answer, 404, 404, problem);
        if problem == "route_not_found" {
            let msg = envelope["msg"].as_str().expect("a message");
            assert!(msg.contains("/open-apis/im/v1/messages/merge_forward"), "{msg}");
        }
    }
    // Two slashes, as a domain with a slash at its end makes them, and tokens by client assertions.
    let token = token(&gateway).await;
    let answer =
        post(&gateway, &format!("/{FORWARD}"), &token, &json!({ "receive_id": "oc_1" })).await;
    assert_eq!(answer.json()["code"], 0);
    failure(&post(&gateway, "/oauth/v3/token", "", &json!({})).await, 404, 404, "route_not_found");
    for path in ["/open-apisx", "/Open-Apis/im"] {
        gateway.ask("POST", path).await.problem(404, "route_not_found", "not_delivered");
    }
}

#[actix_web::test]
async fn headers_have_capitals_on_feishus_paths() {
    let gateway = gateway().start().await;
    let mut stream =
        tokio::net::TcpStream::connect(gateway.api.trim_start_matches("http://")).await.unwrap();
    let request = format!(
        "POST {FORWARD} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
    for name in ["Content-Type: ", "Content-Length: ", "X-Tt-Logid: ", "X-Gateway-Problem: "] {
        assert!(answer.contains(&format!("\r\n{name}")), "{answer}");
    }
}

#[actix_web::test]
async fn the_callers_language_is_heeded_and_a_dry_run_is_one() {
    let gateway = gateway().start().await;
    let request = gateway.http.post(format!("{}{FORWARD}", gateway.api));
    let answer = Answer::of(request.header("accept-language", "zh-CN").body("{}")).await;
    let envelope = failure(&answer, 400, 99991661, "unauthorized");
    assert!(envelope["msg"].as_str().is_some_and(|msg| msg.contains("密钥")), "{envelope}");
    let token = token(&gateway).await;
    let body = json!({ "receive_id": "oc_1" });
    let answer = post(&gateway, &format!("{FORWARD}&dry_run=true"), &token, &body).await.json();
    assert_eq!((&answer["code"], &answer["data"]["would"]), (&0.into(), &"send".into()));
    assert!(gateway.forwards().is_empty());
}

#[actix_web::test]
async fn an_idempotency_key_and_a_wait_hold_here_too() {
    let gateway = gateway().start().await;
    let token = token(&gateway).await;
    let send = || {
        let request = gateway.http.post(format!("{}{FORWARD}", gateway.api)).bearer_auth(&token);
        let request = request.header("idempotency-key", "order-17").header("prefer", "wait=1");
        Answer::of(request.body(r#"{"receive_id":"oc_1"}"#))
    };
    let (first, second) = (send().await, send().await);
    assert_eq!(first.body, second.body);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.header("preference-applied"), Some("wait=1"));
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn after_a_rotation_of_the_apps_secret_tokens_of_the_old_one_are_good() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, gateway_harness::APP_SECRET).unwrap();
    let file = path.to_str().unwrap().to_owned();
    let gateway = gateway().secret_file_of("main", &file).start().await;
    let old = token(&gateway).await;
    gateway.sleeps_until(LOOK).await;
    std::fs::write(&path, "another secret").unwrap();
    gateway.advance_to(LOOK);
    gateway.sleeps_until(LOOK * 2).await;
    let new = token(&gateway).await;
    assert_ne!(old, new);
    for token in [old, new] {
        assert_eq!(forward(&gateway, &token, "oc_1").await.json()["code"], 0);
    }
}
