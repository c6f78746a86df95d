//! The main job: a message is forwarded, and everybody sees what the contract says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use gateway_harness::{APP_SECRET, eventually, foreign, gateway, header};

/// Each type of receiver, with one whose type shows and is detected.
const RECEIVERS: [(&str, &str); 5] = [
    ("open_id", "ou_7d8a6e6df7621556ce0d21922b676706"),
    ("union_id", "on_8ed6aa67826108097d9ee143816345"),
    ("chat_id", "oc_5ad11d72b830411d72b836c20"),
    ("thread_id", "omt_d4be107c616aed9c1da8ed8068570a9f"),
    ("email", "someone@example.com"),
];

#[actix_web::test]
async fn each_type_of_receiver_is_detected() {
    let gateway = gateway().start().await;
    for (kind, id) in RECEIVERS {
        let answer = gateway.forward(id).send().await;
        let delivery = gateway.deliveries().pop().unwrap();
        assert_eq!(answer.message_id(), delivery.new_message_id);
        assert_eq!((delivery.receive_id_type.as_str(), delivery.receive_id.as_str()), (kind, id));
    }
}

#[actix_web::test]
async fn a_receiver_that_looks_like_nothing_else_is_a_chat() {
    let gateway = gateway().start().await;
    for id in ["4b7c9d", "@", "@a", "a@", "OU_1", "x", "王"] {
        gateway.forward(id).send().await.message_id();
        assert_eq!(gateway.deliveries().pop().unwrap().receive_id_type, "chat_id", "{id}");
    }
}

#[actix_web::test]
async fn a_given_type_is_believed_whatever_the_receiver_looks_like() {
    let gateway = gateway().start().await;
    let given = ["open_id", "user_id", "union_id", "email", "chat_id", "thread_id"];
    for (index, kind) in given.into_iter().enumerate() {
        let (_, looks) = RECEIVERS[index % RECEIVERS.len()];
        let forward = gateway.forward(looks).query(&format!("receive_id_type={kind}"));
        forward.send().await.message_id();
        let delivery = gateway.deliveries().pop().unwrap();
        assert_eq!(
            (delivery.receive_id_type.as_str(), delivery.receive_id.as_str()),
            (kind, looks)
        );
    }
}

#[actix_web::test]
async fn feishu_gets_its_own_wire_format() {
    let gateway = gateway().start().await;
    let query = "receive_id_type=chat_id&uuid=a%20b%2F%E7%8E%8B";
    gateway.forward("oc_1").message("om_x100b-_Z").query(query).send().await.message_id();

    let attempt = gateway.forwards().pop().unwrap();
    assert_eq!(attempt.method, "POST");
    assert_eq!(attempt.path, "/open-apis/im/v1/messages/om_x100b-_Z/forward");
    assert_eq!(attempt.receive_id_type.as_deref(), Some("chat_id"));
    assert_eq!(attempt.uuid.as_deref(), Some("a b/王"));
    assert_eq!(attempt.query.matches('&').count(), 1, "{}", attempt.query);
    assert_eq!(
        serde_json::from_str::<Value>(&attempt.body).unwrap(),
        json!({"receive_id": "oc_1"})
    );
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(header(&attempt, "user-agent"), format!("feishu-forward-gateway/{version}"));
    assert!(header(&attempt, "authorization").starts_with("Bearer t-"));
    assert!(header(&attempt, "content-type").starts_with("application/json"));
}

#[actix_web::test]
async fn nothing_of_the_callers_headers_reaches_feishu() {
    let gateway = gateway().start().await;
    let forward = gateway.forward("oc_1").header("x-custom", "1").header("cookie", "a=b");
    forward.header("x-request-id", "mine").send().await.message_id();
    let attempt = gateway.forwards().pop().unwrap();
    let names: Vec<&str> = attempt.headers.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["x-custom", "cookie", "x-api-key", "x-request-id"] {
        assert!(!names.contains(&name), "{names:?}");
    }
    assert!(!format!("{attempt:?}").contains(&gateway.key));
}

#[actix_web::test]
async fn the_token_is_fetched_with_the_apps_id_and_secret() {
    let gateway = gateway().start().await;
    let calls = gateway.token_calls();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(call.path, "/open-apis/auth/v3/tenant_access_token/internal");
    let body: Value = serde_json::from_str(&call.body).unwrap();
    assert_eq!(body, json!({"app_id": "cli_main", "app_secret": APP_SECRET}));
    assert!(call.headers.iter().all(|(name, _)| name != "authorization"));
}

#[actix_web::test]
async fn a_base_url_with_a_path_keeps_it() {
    for base_url in [|url: &str| format!("{url}/base"), |url: &str| format!("{url}/base/")] {
        let gateway = gateway().look_for_feishu_at(base_url).start().await;
        eventually(|| !gateway.simulator.ledger().attempts.is_empty()).await;
        let path = gateway.simulator.ledger().attempts[0].path.clone();
        assert_eq!(path, "/base/open-apis/auth/v3/tenant_access_token/internal");
    }
}

#[actix_web::test]
async fn the_message_is_passed_through_byte_for_byte() {
    let gateway = gateway().start().await;
    // Unknown fields, an order, spaces, escapes and numbers that a parser would write differently.
    let message = "{ \"zebra\":1.50,\"message_id\":\"om_new\" , \"big\":12345678901234567890123, \
        \"esc\":\"\\u738b\\/\",\"nested\":{\"b\":[1, 2],\"a\":null},\"e\":1E3 }";
    let body = format!("{{\"msg\":\"success\", \"data\": {message} ,\"code\":0}}");
    gateway.spoil_forward(foreign(200, "application/json", body));
    let answer = gateway.forward("oc_1").send().await;
    assert_eq!(answer.message_id(), "om_new");
    assert_eq!(answer.text(), message);
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[actix_web::test]
async fn fields_that_no_documentation_lists_are_passed_through() {
    let gateway = gateway().start().await;
    let message = gateway.forward("oc_1").send().await.json();
    for field in ["message_app_link", "message_position", "msg_type", "create_time", "sender"] {
        assert!(!message[field].is_null(), "{field} in {message:#}");
    }
}

#[actix_web::test]
async fn both_key_headers_open_the_door() {
    let gateway = gateway().start().await;
    let bearer = format!("Bearer {}", gateway.key);
    let other_case = format!("bEARER {}", gateway.key);
    for authorization in [bearer, other_case] {
        let forward = gateway.forward("oc_1").without("x-api-key");
        forward.header("authorization", &authorization).send().await.message_id();
    }
    gateway.forward("oc_1").send().await.message_id();
    assert_eq!(gateway.deliveries().len(), 3);
}

#[actix_web::test]
async fn a_given_uuid_reaches_feishu_and_delivers_once() {
    let gateway = gateway().start().await;
    let first = gateway.forward("oc_1").query("uuid=once").send().await.message_id();
    let again = gateway.forward("oc_1").query("uuid=once").send().await.message_id();
    assert_eq!(first, again);
    assert_eq!(gateway.deliveries().len(), 1);
    assert_eq!(gateway.deliveries()[0].uuid.as_deref(), Some("once"));
}

#[actix_web::test]
async fn a_missing_uuid_is_made_and_each_one_is_new() {
    let gateway = gateway().start().await;
    for _ in 0..3 {
        gateway.forward("oc_1").send().await.message_id();
    }
    let forwards = gateway.forwards();
    let uuids: BTreeSet<&str> =
        forwards.iter().map(|attempt| attempt.uuid.as_deref().expect("a uuid")).collect();
    assert_eq!(uuids.len(), 3);
    assert!(uuids.iter().all(|uuid| (1..=50).contains(&uuid.len())));
    assert_eq!(gateway.deliveries().len(), 3);
}

#[actix_web::test]
async fn a_body_without_a_content_type_is_taken_for_json() {
    let gateway = gateway().start().await;
    gateway.forward("oc_1").without("content-type").send().await.message_id();
    for given in ["application/json; charset=utf-8", "Application/JSON", "application/json;x=y"] {
        gateway.forward("oc_1").header("content-type", given).send().await.message_id();
    }
}
