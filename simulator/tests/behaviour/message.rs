//! The new message in the answer to a forward.

use feishu_simulator::Settings;
use serde_json::{Value, json};

use crate::feishu::{APP, Feishu};

#[tokio::test]
async fn a_success_has_the_fields_of_the_documentation_page() {
    let feishu = Feishu::start_with(Settings { extra_fields: false, ..Settings::default() }).await;
    let answer = feishu.forward("oc_1").await;
    let body = answer.json();
    let message = body["data"].as_object().unwrap();
    assert_eq!((&body["code"], &body["msg"]), (&json!(0), &json!("success")));
    let mut fields: Vec<&str> = message.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "body",
            "chat_id",
            "create_time",
            "deleted",
            "message_id",
            "msg_type",
            "sender",
            "update_time",
            "updated"
        ]
    );
    assert!(answer.message_id().starts_with("om_"));
    assert_eq!(message["chat_id"], json!("oc_1"));
    assert_eq!(message["sender"]["id"], json!(APP));
    assert_eq!(message["sender"]["id_type"], json!("app_id"));
    assert_eq!(message["sender"]["sender_type"], json!("app"));
    assert_eq!((&message["deleted"], &message["updated"]), (&json!(false), &json!(false)));
    assert!(message["body"]["content"].is_string());
    assert!(answer.header("x-tt-logid").is_some());
}

#[tokio::test]
async fn times_are_strings_of_unix_milliseconds_that_follow_the_clock() {
    let feishu = Feishu::start().await;
    let first = created(&feishu.forward("oc_1").await.json());
    feishu.pass(std::time::Duration::from_secs(7));
    assert_eq!(created(&feishu.forward("oc_1").await.json()), first + 7000);
}

#[tokio::test]
async fn newer_fields_are_included_unless_they_are_switched_off() {
    let feishu = Feishu::start().await;
    let message = feishu.forward("oc_1").await.json()["data"].clone();
    assert!(message["message_app_link"].is_string());
    assert!(message["message_position"].is_string());
    assert!(message["sender"]["sender_name"].is_string());
}

#[tokio::test]
async fn a_message_to_a_thread_holds_the_thread_id() {
    let feishu = Feishu::start().await;
    assert_eq!(
        feishu.forward_to("thread_id", "omt_1").await.json()["data"]["thread_id"],
        json!("omt_1")
    );
    assert!(feishu.forward("oc_1").await.json()["data"].get("thread_id").is_none());
}

#[tokio::test]
async fn all_messages_to_a_user_have_one_chat_id() {
    let feishu = Feishu::start().await;
    let chat =
        async |user| feishu.forward_to("open_id", user).await.json()["data"]["chat_id"].clone();
    let first = chat("ou_1").await;
    assert!(first.as_str().unwrap().starts_with("oc_"));
    assert_eq!(chat("ou_1").await, first);
    assert_ne!(chat("ou_2").await, first);
}

fn created(body: &Value) -> u64 {
    body["data"]["create_time"].as_str().unwrap().parse().unwrap()
}
