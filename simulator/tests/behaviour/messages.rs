//! The control API's route for messages.

use feishu_simulator::{KnownMessage, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::control::call;
use crate::feishu::Feishu;

async fn told(feishu: &Feishu) -> Value {
    call(feishu, Method::GET, "/messages", "").await.json()
}

#[tokio::test]
async fn messages_are_listed_as_they_were_told_until_they_are_deleted() {
    let feishu = Feishu::start().await;
    let second = json!({
        "message_id": "om_1",
        "chat_id": "oc_1",
        "thread_id": "omt_1",
        "upper_message_id": "om_0",
        "msg_type": "system",
        "state": "recalled",
    });
    let first = json!({"message_id": "om_2", "chat_id": "oc_1"});
    for (known, message) in [(1, &first), (2, &second)] {
        let answer = call(&feishu, Method::POST, "/messages", &message.to_string()).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"ok": true, "known": known})));
    }
    let all = told(&feishu).await;
    assert_eq!((&all[0]["message_id"], &all[1]), (&json!("om_2"), &second));
    let nothing = ["thread_id", "upper_message_id", "msg_type", "state"];
    assert!(nothing.iter().all(|member| all[0][member].is_null()));
    let parsed: Vec<KnownMessage> = serde_json::from_value(all).unwrap();
    assert_eq!(parsed, feishu.simulator.messages());

    assert_eq!(call(&feishu, Method::DELETE, "/messages", "").await.json(), json!({"ok": true}));
    assert_eq!(told(&feishu).await, json!([]));
}

#[tokio::test]
async fn a_message_that_is_told_again_is_replaced() {
    let feishu = Feishu::start().await;
    for state in ["recalled", "deleted", "invisible"] {
        let message = json!({"message_id": "om_1", "chat_id": "oc_1", "state": state});
        call(&feishu, Method::POST, "/messages", &message.to_string()).await;
        let all = told(&feishu).await;
        assert_eq!((all.as_array().unwrap().len(), &all[0]["state"]), (1, &json!(state)));
    }
}

#[tokio::test]
async fn the_error_for_an_invalid_message_names_the_field_and_nothing_is_known() {
    let feishu = Feishu::start().await;
    let longest = "x".repeat(256);
    for (member, value) in [
        ("message_id", json!("")),
        ("message_id", json!(null)),
        ("chat_id", json!(" ")),
        ("chat_id", json!(7)),
        ("thread_id", json!("")),
        ("upper_message_id", json!(["om_0"])),
        ("msg_type", json!(format!("{longest}x"))),
        ("state", json!("gone")),
        ("stat", json!("recalled")),
    ] {
        let mut message = json!({"message_id": "om_1", "chat_id": "oc_1"});
        message[member] = value;
        let answer = call(&feishu, Method::POST, "/messages", &message.to_string()).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(member)), "{message}");
    }
    for (body, field) in [("{", "."), ("[]", "."), (r#"{"message_id": "om_1"}"#, ".")] {
        let answer = call(&feishu, Method::POST, "/messages", body).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(field)), "{body}");
    }
    assert_eq!(told(&feishu).await, json!([]));

    let message = json!({"message_id": longest, "chat_id": "é".repeat(256)}).to_string();
    assert_eq!(call(&feishu, Method::POST, "/messages", &message).await.status, 200);
}

#[tokio::test]
async fn at_most_10000_messages_can_be_told_of() {
    let feishu = Feishu::start().await;
    let message = |n: usize| json!({"message_id": format!("om_{n}"), "chat_id": "oc_1"});
    for n in 0..10_000 {
        let message = serde_json::from_value(message(n)).unwrap();
        assert!(feishu.simulator.add_message(message));
    }
    let one_more = message(10_000).to_string();
    let refused = call(&feishu, Method::POST, "/messages", &one_more).await;
    assert_eq!((refused.status, &refused.json()["field"]), (400, &json!(".")));
    let known = message(5).to_string();
    assert_eq!(call(&feishu, Method::POST, "/messages", &known).await.status, 200);

    call(&feishu, Method::DELETE, "/messages", "").await;
    assert_eq!(call(&feishu, Method::POST, "/messages", &one_more).await.status, 200);
}

#[tokio::test]
async fn of_the_delivered_messages_the_newest_1000_are_known() {
    let settings = Settings { enforce_limits: false, ..Settings::default() };
    let feishu = Feishu::start_with(settings).await;
    let first = feishu.forward("oc_1").await.message_id();
    let second = feishu.forward("oc_2").await.message_id();
    for _ in 2..1000 {
        feishu.forward("oc_1").await;
    }
    assert_eq!(feishu.merge(&[&first, &second]).await.code(), 230_069);
    feishu.forward("oc_1").await;
    assert_eq!(feishu.merge(&[&first, &second]).await.code(), 0, "the first is forgotten");
}
