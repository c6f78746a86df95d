//! The events that Feishu pushes to a store app: what is taken, and what is refused.

use std::time::Duration;

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use gateway_harness::certificates::write;
use gateway_harness::{Answer, Gateway, Setup, gateway, guarded};

const ENCRYPT_KEY: &str = "test key";
const TOKEN: &str = "41a9425ea7df4536a7623e38fa321bae";
/// An app ticket that the official SDKs for Python and node accept, with its signature.
const SIGNED: &str = include_str!("../../src/feishu/events/tests/app_ticket.json");
const SIGNATURE: &str = "4aff95d28ecef3dbc805e376274d174e4076d6cb920babddb7438a2262bce0ca";
/// How often the gateway looks at its files.
const LOOK: Duration = Duration::from_secs(2);

/// Adds the store app `shop`, whose events hold a token and are plain.
pub(super) fn store_app(setup: Setup) -> Setup {
    setup
        .set("apps.shop.app_id", "cli_xxx")
        .set("apps.shop.app_secret", "secret-of-shop")
        .set("apps.shop.type", "store")
        .set("apps.shop.verification_token", TOKEN)
}

/// Adds the store app `shop`, whose events are encrypted and signed.
fn encrypted_app(setup: Setup) -> Setup {
    store_app(setup).set("apps.shop.encrypt_key", ENCRYPT_KEY)
}

fn ticket(uuid: &str) -> Value {
    json!({"ts": "1502199207.7171419", "uuid": uuid, "token": TOKEN, "type": "event_callback",
        "event": {"app_id": "cli_xxx", "app_ticket": "xxx", "type": "app_ticket"}})
}

fn version_2(event_id: &str, event_type: &str) -> Value {
    json!({"schema": "2.0", "event": {"app_ticket": "xxx"}, "header": {"event_id": event_id, "token": TOKEN,
        "create_time": "1608725989000", "event_type": event_type, "tenant_key": "t", "app_id": "cli_xxx"}})
}

fn address_check() -> Value {
    json!({"challenge": "c-1", "token": TOKEN, "type": "url_verification"})
}

fn encrypted(event: &Value, key: &str) -> String {
    let (event, iv) = (event.to_string(), [7; 16]);
    let key: [u8; 32] = Sha256::digest(key).into();
    let mut buffer = [event.as_bytes(), &[0; 16]].concat();
    let cipher = cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into());
    let ciphertext = cipher.encrypt_padded::<Pkcs7>(&mut buffer, event.len()).expect("room");
    json!({"encrypt": STANDARD.encode([&iv, ciphertext].concat())}).to_string()
}

fn push(gateway: &Gateway, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
    let url = format!("{}/v1/events/shop", gateway.api);
    gateway.http.post(url).header("content-type", "application/json; charset=utf-8").body(body)
}

/// A pushed request with the signature by this Encrypt Key, with header names as Feishu writes them.
fn signed(gateway: &Gateway, body: &str, key: &str) -> reqwest::RequestBuilder {
    let signature = hex::encode(Sha256::digest(format!("1700000000abc123{key}{body}")));
    push(gateway, body.to_owned())
        .header("X-Lark-Request-Timestamp", "1700000000")
        .header("X-Lark-Request-Nonce", "abc123")
        .header("X-Lark-Signature", signature)
}

async fn pushed(gateway: &Gateway, event: &Value) -> Answer {
    Answer::of(push(gateway, event.to_string())).await
}

fn is_acknowledged(answer: &Answer) {
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

fn is_rejected(answer: &Answer) {
    let problem = answer.problem(403, "event_rejected", "not_delivered");
    assert_eq!(problem["fix_by"], "operator");
}

/// How many requests were counted so.
async fn counted(gateway: &Gateway, event: &str, result: &str) -> u64 {
    let labels = [("app", "shop"), ("event", event), ("result", result)];
    gateway.metrics().await.count("feishu_gateway_events_total", &labels)
}

#[actix_web::test]
async fn the_signed_vector_is_taken_and_its_repetition_is_known() {
    let gateway = encrypted_app(gateway()).start().await;
    let request = || signed(&gateway, SIGNED, ENCRYPT_KEY);
    let sent = request().build().expect("a request");
    assert_eq!(sent.headers()["x-lark-signature"], SIGNATURE);
    for _ in 0..2 {
        is_acknowledged(&Answer::of(request()).await);
    }
    assert_eq!(counted(&gateway, "app_ticket", "accepted").await, 1);
    assert_eq!(counted(&gateway, "app_ticket", "repeated").await, 1);
}

#[actix_web::test]
async fn the_address_check_is_answered_with_its_challenge_plain_and_encrypted() {
    let plain = store_app(gateway()).start().await;
    let answer = pushed(&plain, &address_check()).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"challenge": "c-1"})));
    let gateway = encrypted_app(gateway()).start().await;
    let body = encrypted(&address_check(), ENCRYPT_KEY);
    let answer = Answer::of(push(&gateway, body)).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"challenge": "c-1"})));
    assert_eq!(counted(&gateway, "url_verification", "accepted").await, 1);
    is_rejected(&pushed(&gateway, &address_check()).await);
    let mut another = address_check();
    another["token"] = json!("another");
    is_rejected(&pushed(&plain, &another).await);
    is_rejected(&Answer::of(push(&gateway, encrypted(&another, ENCRYPT_KEY))).await);
}

#[actix_web::test]
async fn events_of_both_versions_are_acknowledged_and_counted() {
    let gateway = store_app(gateway()).start().await;
    let message = version_2("e2", "im.message.receive_v1");
    for event in [ticket("u1"), version_2("e1", "app_ticket"), message.clone(), message] {
        is_acknowledged(&pushed(&gateway, &event).await);
    }
    assert_eq!(counted(&gateway, "app_ticket", "accepted").await, 2);
    assert_eq!(counted(&gateway, "other", "accepted").await, 1);
    assert_eq!(counted(&gateway, "other", "repeated").await, 1);
}

#[actix_web::test]
async fn an_event_is_forgotten_after_feishus_last_repetition() {
    let gateway = store_app(gateway()).start().await;
    is_acknowledged(&pushed(&gateway, &ticket("u1")).await);
    gateway.advance(Duration::from_hours(7) + Duration::from_secs(5 * 60 + 15));
    is_acknowledged(&pushed(&gateway, &ticket("u1")).await);
    assert_eq!(counted(&gateway, "app_ticket", "repeated").await, 1);
    gateway.advance(Duration::from_hours(1));
    is_acknowledged(&pushed(&gateway, &ticket("u1")).await);
    assert_eq!(counted(&gateway, "app_ticket", "accepted").await, 2);
}

#[actix_web::test]
async fn every_failed_check_has_the_same_answer() {
    let gateway = encrypted_app(gateway()).start().await;
    let right = encrypted(&ticket("u1"), ENCRYPT_KEY);
    let by_another_key = encrypted(&ticket("u1"), "another key");
    let of_another_app = ticket("u1").to_string().replace("cli_xxx", "cli_other");
    let of_another_app: Value = serde_json::from_str(&of_another_app).expect("JSON");
    let mut with_another_token = ticket("u1");
    with_another_token["token"] = json!("another");
    let answers = [
        push(&gateway, right.clone()),
        push(&gateway, right.clone()).header("x-lark-signature", SIGNATURE),
        signed(&gateway, &right, "another key"),
        signed(&gateway, &by_another_key, ENCRYPT_KEY),
        push(&gateway, by_another_key),
        signed(&gateway, &encrypted(&of_another_app, ENCRYPT_KEY), ENCRYPT_KEY),
        signed(&gateway, &encrypted(&with_another_token, ENCRYPT_KEY), ENCRYPT_KEY),
        signed(&gateway, &encrypted(&json!([]), ENCRYPT_KEY), ENCRYPT_KEY),
        signed(&gateway, &ticket("u1").to_string(), ENCRYPT_KEY),
        signed(&gateway, "{\"encrypt\":\"AAAA\"}", ENCRYPT_KEY),
        signed(&gateway, "", ENCRYPT_KEY),
        push(&gateway, &b"\xff\xfe"[..]),
        push(&gateway, "[".repeat(60_000)),
    ];
    let count = answers.len() as u64;
    let mut details = std::collections::BTreeSet::new();
    for request in answers {
        let answer = Answer::of(request).await;
        is_rejected(&answer);
        details.insert(answer.json()["detail"].to_string());
    }
    assert_eq!(details.len(), 1, "{details:?}");
    assert_eq!(counted(&gateway, "other", "rejected").await, count);
    assert_eq!(counted(&gateway, "app_ticket", "accepted").await, 0);
    let problem = Answer::of(push(&gateway, "{}").header("accept-language", "zh")).await;
    assert!(!problem.json()["detail"].as_str().expect("a text").is_ascii());
}

#[actix_web::test]
async fn an_encrypted_body_is_refused_where_no_encrypt_key_is_configured() {
    let gateway = store_app(gateway()).start().await;
    is_rejected(&Answer::of(signed(&gateway, SIGNED, ENCRYPT_KEY)).await);
}

#[actix_web::test]
async fn only_small_json_bodies_of_posts_to_store_apps_are_looked_at() {
    let gateway = store_app(gateway()).set("server.max_body", "1B").start().await;
    is_acknowledged(&pushed(&gateway, &ticket("u1")).await);
    let large = Answer::of(push(&gateway, " ".repeat(64 * 1024 + 1))).await;
    large.problem(413, "body_too_large", "not_delivered");
    let url = |app: &str| format!("{}/v1/events/{app}", gateway.api);
    let form = gateway.http.post(url("shop")).header("content-type", "text/plain").body("{}");
    Answer::of(form).await.problem(415, "unsupported_media_type", "not_delivered");
    let answer = gateway.ask("GET", "/v1/events/shop").await;
    answer.problem(405, "method_not_allowed", "not_delivered");
    assert_eq!(answer.header("allow"), Some("POST"));
    for app in ["main", "nope", "Shop", "", "shop/", "%73hop/x"] {
        let answer = Answer::of(gateway.http.post(url(app)).body("{}")).await;
        answer.problem(404, "route_not_found", "not_delivered");
    }
}

#[actix_web::test]
async fn without_a_store_app_there_is_no_such_address() {
    let gateway = gateway().start().await;
    let answer = pushed(&gateway, &ticket("u1")).await;
    answer.problem(404, "route_not_found", "not_delivered");
    let metrics = gateway.metrics().await;
    assert!(metrics.labels("feishu_gateway_events_total").is_none());
}

#[actix_web::test]
async fn an_address_of_its_own_serves_events_and_nothing_else() {
    let gateway = store_app(gateway()).set("server.events_listen", "127.0.0.1:0").start().await;
    let events = format!("http://{}", gateway.process.events.expect("an address"));
    let there =
        gateway.http.post(format!("{events}/v1/events/shop")).body(ticket("u1").to_string());
    is_acknowledged(&Answer::of(there).await);
    assert_eq!(counted(&gateway, "app_ticket", "accepted").await, 1);
    let here = pushed(&gateway, &ticket("u2")).await;
    here.problem(404, "route_not_found", "not_delivered");
    for path in ["/", "/openapi.json", "/v1/messages/om_1/forward", "/metrics", "/v1/events/main"] {
        let answer = Answer::of(gateway.http.post(format!("{events}{path}")).body("{}")).await;
        answer.problem(404, "route_not_found", "not_delivered");
    }
    let answer = Answer::of(gateway.http.get(format!("{events}/v1/events/shop"))).await;
    answer.problem(405, "method_not_allowed", "not_delivered");
}

#[actix_web::test]
async fn an_encrypt_key_is_replaced_when_its_file_changes() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = write(dir.path(), "encrypt_key", "old key\n");
    let file = file.to_str().expect("UTF-8").to_owned();
    let gateway = store_app(gateway()).set("apps.shop.encrypt_key_file", &file).start().await;
    let with = async |key: &str, uuid: &str| {
        Answer::of(signed(&gateway, &encrypted(&ticket(uuid), key), key)).await
    };
    is_acknowledged(&with("old key", "u1").await);
    is_rejected(&with("new key", "u2").await);
    write(dir.path(), "encrypt_key", "new key");
    looks_until(&gateway, async || with("old key", "u3").await.status == 403).await;
    is_acknowledged(&with("new key", "u4").await);
    write(dir.path(), "encrypt_key", "wr\u{7}ng");
    let right = "feishu_gateway_secrets_last_reload_successful";
    looks_until(&gateway, async || gateway.metrics().await.count(right, &[]) == 0).await;
    is_rejected(&with("old key", "u5").await);
    // The last content is not a secret, so the key before it stays.
    is_acknowledged(&with("new key", "u6").await);
}

/// Lets time pass until the gateway has looked at its files and `seen` is true. Another task of the gateway's may sleep until
/// the moment of a look: it asks for the token of an app whose ticket Feishu does not know.
async fn looks_until(gateway: &Gateway, seen: impl AsyncFn() -> bool) {
    guarded(async {
        while !seen().await {
            gateway.advance(LOOK);
        }
    })
    .await;
}

#[actix_web::test]
async fn a_forward_goes_on_beside_the_events() {
    let gateway = store_app(gateway()).start().await;
    is_acknowledged(&pushed(&gateway, &ticket("u1")).await);
    gateway.forward("oc_1").send().await.message_id();
}
