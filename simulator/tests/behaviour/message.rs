//! The new message in the answer to a forward.

use feishu_simulator::Settings;
use serde_json::{Value, json};

use crate::feishu::{APP, FORWARD_APIS, Feishu, MERGE, THREAD};

/// The documented fields of a message that is in no thread, in alphabetical order.
const FIELDS: [&str; 9] = [
    "body",
    "chat_id",
    "create_time",
    "deleted",
    "message_id",
    "msg_type",
    "sender",
    "update_time",
    "updated",
];

#[tokio::test]
async fn a_success_has_the_fields_of_the_documentation_page() {
    let feishu = Feishu::start_with(Settings { extra_fields: false, ..Settings::default() }).await;
    let answer = feishu.forward("oc_1").await;
    let body = answer.json();
    let message = &body["data"];
    assert_eq!((&body["code"], &body["msg"]), (&json!(0), &json!("success")));
    assert_eq!(fields(message), FIELDS);
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
async fn a_merge_and_a_thread_become_one_message_with_a_fixed_content() {
    let feishu = Feishu::start_with(Settings { extra_fields: false, ..Settings::default() }).await;
    for path in [MERGE, THREAD] {
        let answer = feishu.forward_by(path, "oc_1").await;
        let message = answer.message();
        assert_eq!(answer.verdict(), (200, 0));
        assert_eq!(fields(&message), FIELDS);
        assert_eq!(message["msg_type"], json!("merge_forward"));
        assert_eq!(message["body"]["content"], json!("Merged and Forwarded Message"));
        assert_eq!(message["chat_id"], json!("oc_1"));
        assert_eq!(message["sender"]["id"], json!(APP));
    }
}

#[tokio::test]
async fn only_the_answer_to_a_merge_has_the_message_beside_the_invalid_ids() {
    let feishu = Feishu::start().await;
    let merged = feishu.forward_by(MERGE, "oc_1").await.json();
    assert_eq!(fields(&merged["data"]), ["invalid_message_id_list", "message"]);
    let thread = feishu.forward_by(THREAD, "oc_1").await.json();
    assert!(thread["data"]["message_id"].is_string());
}

#[tokio::test]
async fn the_times_of_a_forwarded_thread_can_be_in_seconds() {
    for (thread_time_in_seconds, divisor) in [(false, 1), (true, 1000)] {
        let settings = Settings { thread_time_in_seconds, ..Settings::default() };
        let feishu = Feishu::start_with(settings).await;
        let milliseconds = time(&feishu.forward("oc_1").await.message(), "create_time");
        for (_, path) in FORWARD_APIS {
            let divisor = if path == THREAD { divisor } else { 1 };
            let message = feishu.forward_by(path, "oc_1").await.message();
            assert_eq!(time(&message, "create_time"), milliseconds / divisor);
            assert_eq!(time(&message, "update_time"), milliseconds / divisor);
        }
    }
}

#[tokio::test]
async fn times_are_strings_of_unix_milliseconds_that_follow_the_clock() {
    let feishu = Feishu::start().await;
    let first = time(&feishu.forward("oc_1").await.message(), "create_time");
    feishu.pass(std::time::Duration::from_secs(7));
    let second = time(&feishu.forward("oc_1").await.message(), "create_time");
    assert_eq!(second, first + 7000);
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

fn time(message: &Value, field: &str) -> u64 {
    message[field].as_str().unwrap().parse().unwrap()
}

/// The names of the fields, in alphabetical order.
fn fields(object: &Value) -> Vec<&str> {
    let mut fields: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}
