//! How the simulator checks tokens and parameters.

use feishu_simulator::Settings;
use reqwest::Method;
use serde_json::json;

use crate::feishu::{FORWARD, FORWARD_APIS, Feishu, THREAD, reply};

#[tokio::test]
async fn each_kind_of_bad_authorization_has_its_code() {
    let feishu = Feishu::start().await;
    let (good, _) = feishu.token().await;
    for (authorization, code) in &[
        (String::new(), 99_991_661),
        ("Bearer ".into(), 99_991_661),
        (good.clone(), 99_991_661),
        ("Basic abc".into(), 99_991_661),
        (format!("Bearer Bearer {good}"), 99_991_663),
        ("Bearer t-unknown".into(), 99_991_663),
        ("Bearer a-unknown".into(), 99_991_663),
        ("Bearer u-unknown".into(), 99_991_668),
        ("Bearer eyJhbGciOiJFUzI1NiIs".into(), 99_991_668),
        ("Bearer something".into(), 99_991_671),
    ] {
        for (_, path) in FORWARD_APIS {
            let request = feishu.request(Method::POST, path).header("Authorization", authorization);
            let answer = reply(request.json(&json!({"receive_id": "oc_1"}))).await;
            assert_eq!(answer.verdict(), (400, *code), "{path} {authorization:?}");
        }
    }
}

#[tokio::test]
async fn a_forward_without_authorization_is_refused_before_any_other_check() {
    let feishu = Feishu::start().await;
    let answer = reply(feishu.request(Method::POST, FORWARD).body("{")).await;
    assert_eq!(answer.verdict(), (400, 99_991_661));
}

#[tokio::test]
async fn the_status_of_a_rejected_token_can_be_200() {
    let feishu =
        Feishu::start_with(Settings { rejected_token_status: 200, ..Settings::default() }).await;
    let answer = reply(feishu.request(Method::POST, FORWARD).bearer_auth("t-unknown")).await;
    assert_eq!(answer.verdict(), (200, 99_991_663));
}

#[tokio::test]
async fn the_refusal_names_a_missing_or_mistyped_field() {
    let feishu = Feishu::start().await;
    let receiver = json!({"receive_id": "oc_1"});
    for (_, typed) in FORWARD_APIS {
        let (path, _) = typed.split_once('?').unwrap();
        for (path, body, field) in [
            (path.to_owned(), receiver.clone(), "receive_id_type"),
            (format!("{path}?receive_id_type="), receiver.clone(), "receive_id_type"),
            (format!("{path}?receive_id_type=chat"), receiver.clone(), "receive_id_type"),
            (typed.to_owned(), json!({}), "receive_id"),
            (typed.to_owned(), json!({"receive_id": null}), "receive_id"),
            (typed.to_owned(), json!({"receive_id": 7}), "receive_id"),
            (typed.to_owned(), json!(["oc_1"]), "body"),
        ] {
            let answer = reply(feishu.authorized(&path, &body).await).await;
            assert_eq!(answer.verdict(), (400, 99_992_402), "{path} {body}");
            assert_eq!(answer.json()["error"]["field_violations"][0]["field"], json!(field));
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let feishu = Feishu::start().await;
    let (token, _) = feishu.token().await;
    let answer =
        reply(feishu.request(Method::POST, FORWARD).bearer_auth(token).body("{\"receive_id\":"))
            .await;
    assert_eq!(answer.verdict(), (400, 99_992_402));
    assert_eq!(answer.json()["error"]["field_violations"][0]["field"], json!("body"));
}

#[tokio::test]
async fn a_uuid_may_have_50_characters_and_the_refusal_of_51_names_no_field() {
    let feishu = Feishu::start().await;
    assert_eq!(feishu.forward_once("oc_1", &"é".repeat(50)).await.verdict(), (200, 0));
    let answer = feishu.forward_once("oc_1", &"u".repeat(51)).await;
    assert_eq!(answer.verdict(), (400, 99_992_402));
    assert!(answer.json()["error"].get("field_violations").is_none());
}

#[tokio::test]
async fn an_empty_receiver_is_an_invalid_parameter_and_the_text_names_it() {
    let feishu = Feishu::start().await;
    let answer = feishu.forward(" ").await;
    assert_eq!(answer.verdict(), (400, 230_001));
    assert_eq!(
        answer.msg(),
        "Your request contains an invalid request parameter, ext=invalid receive_id"
    );
}

#[tokio::test]
async fn an_id_without_the_prefix_of_message_ids_is_refused() {
    let feishu = Feishu::start().await;
    let path = FORWARD.replace("om_1", "oc_1");
    let answer = reply(feishu.authorized(&path, &json!({"receive_id": "oc_1"})).await).await;
    assert_eq!(answer.verdict(), (400, 99_992_354));
}

#[tokio::test]
async fn a_thread_id_is_accepted_whatever_its_prefix_but_not_if_it_is_empty() {
    let feishu = Feishu::start().await;
    for (thread_id, code) in [("anything", 0), ("", 230_001), ("%20", 230_001)] {
        let path = THREAD.replace("omt_1", thread_id);
        assert_eq!(feishu.forward_by(&path, "oc_1").await.code(), code, "{path}");
    }
}

#[tokio::test]
async fn a_path_may_end_with_a_slash() {
    let feishu = Feishu::start().await;
    for (_, path) in FORWARD_APIS {
        let path = path.replace('?', "/?");
        assert_eq!(feishu.forward_by(&path, "oc_1").await.verdict(), (200, 0), "{path}");
    }
}

#[tokio::test]
async fn a_receiver_is_accepted_whatever_its_prefix() {
    let feishu = Feishu::start().await;
    for kind in ["open_id", "user_id", "union_id", "email", "chat_id", "thread_id"] {
        assert_eq!(feishu.forward_to(kind, "anything").await.verdict(), (200, 0), "{kind}");
    }
}

#[tokio::test]
async fn ids_are_decoded_in_the_encoding_of_each_sdk() {
    let feishu = Feishu::start().await;
    for (path, uuid) in [("om_a%2Fb%3Fc", "u-1%20a%2Fb"), ("om_a%2Fb%3Fc", "u-1+a%2Fb")] {
        let path = format!("{}&uuid={uuid}", FORWARD.replace("om_1", path));
        reply(feishu.authorized(&path, &json!({"receive_id": "oc_1"})).await).await;
    }
    let ledger = feishu.simulator.ledger();
    let last = ledger.attempts.last().unwrap();
    assert_eq!(last.message_id.as_deref(), Some("om_a/b?c"));
    assert_eq!(last.uuid.as_deref(), Some("u-1 a/b"));
    assert_eq!(ledger.deliveries.len(), 1);
}

#[tokio::test]
async fn an_unknown_path_or_method_is_a_plain_404() {
    let feishu = Feishu::start().await;
    for (method, path) in
        [(Method::POST, "/open-apis/im/v1/nothing"), (Method::GET, FORWARD), (Method::GET, "/")]
    {
        let answer = reply(feishu.request(method, path)).await;
        assert_eq!((answer.status, answer.text.as_str()), (404, "404 page not found"), "{path}");
        assert_eq!(answer.header("content-type"), Some("text/plain"));
    }
}
