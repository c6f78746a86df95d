//! Merges: which messages can be merged.

use feishu_simulator::{KnownMessage, MessageState};
use serde_json::json;

use crate::feishu::{Feishu, MERGE, reply};

/// A message of the chat `oc_source`.
fn message(message_id: &str) -> KnownMessage {
    KnownMessage {
        message_id: message_id.into(),
        chat_id: "oc_source".into(),
        thread_id: None,
        upper_message_id: None,
        msg_type: Some("text".into()),
        state: None,
    }
}

fn in_thread(message_id: &str, thread_id: &str) -> KnownMessage {
    KnownMessage { thread_id: Some(thread_id.into()), ..message(message_id) }
}

fn with_state(message_id: &str, state: MessageState) -> KnownMessage {
    KnownMessage { state: Some(state), ..message(message_id) }
}

/// A simulator that knows these messages.
async fn feishu_with(messages: impl IntoIterator<Item = KnownMessage>) -> Feishu {
    let feishu = Feishu::start().await;
    for message in messages {
        assert!(feishu.simulator.add_message(message));
    }
    feishu
}

#[tokio::test]
async fn messages_of_one_chat_and_messages_of_one_thread_are_merged() {
    let feishu = feishu_with([
        message("om_1"),
        message("om_2"),
        in_thread("om_3", "omt_1"),
        in_thread("om_4", "omt_1"),
    ])
    .await;
    for ids in [["om_1", "om_2"], ["om_3", "om_4"]] {
        let answer = feishu.merge(&ids).await;
        assert_eq!(answer.verdict(), (200, 0));
        assert_eq!(answer.json()["data"]["invalid_message_id_list"], json!([]));
        assert_eq!(feishu.simulator.ledger().deliveries.last().unwrap().message_ids, ids);
    }
}

#[tokio::test]
async fn a_merge_has_1_to_100_messages() {
    let feishu = Feishu::start().await;
    for (count, code) in [(0, 99_992_402), (1, 0), (100, 0), (101, 99_992_402)] {
        let answer = feishu.merge(&vec!["om_1"; count]).await;
        assert_eq!(answer.code(), code, "{count}");
    }
}

#[tokio::test]
async fn the_refusal_names_a_list_that_is_missing_or_mistyped_or_of_a_wrong_length() {
    let feishu = Feishu::start().await;
    for list in [json!(null), json!("om_1"), json!([7]), json!(["om_1", null]), json!([])] {
        let body = json!({"receive_id": "oc_1", "message_id_list": list});
        let answer = reply(feishu.authorized(MERGE, &body).await).await;
        assert_eq!(answer.verdict(), (400, 99_992_402), "{body}");
        let violation = &answer.json()["error"]["field_violations"][0];
        assert_eq!(violation["field"], json!("message_id_list"));
    }
    let answer = reply(feishu.authorized(MERGE, &json!({"receive_id": "oc_1"})).await).await;
    assert_eq!(answer.verdict(), (400, 99_992_402));
}

#[tokio::test]
async fn every_id_of_a_merge_needs_the_prefix_of_message_ids() {
    let feishu = Feishu::start().await;
    for ids in [["oc_1", "om_1"], ["om_1", ""]] {
        assert_eq!(feishu.merge(&ids).await.verdict(), (400, 99_992_354));
    }
}

#[tokio::test]
async fn messages_of_different_chats_are_refused() {
    let elsewhere = KnownMessage { chat_id: "oc_else".into(), ..message("om_2") };
    let feishu = feishu_with([message("om_1"), elsewhere, message("om_3")]).await;
    for ids in [["om_1", "om_2", "om_3"], ["om_2", "om_1", "om_3"]] {
        assert_eq!(feishu.merge(&ids).await.verdict(), (400, 230_069));
    }
    assert!(feishu.simulator.ledger().deliveries.is_empty());
}

#[tokio::test]
async fn messages_of_several_threads_and_a_thread_together_with_others_are_refused() {
    let feishu = feishu_with([
        message("om_1"),
        in_thread("om_2", "omt_1"),
        in_thread("om_3", "omt_2"),
        in_thread("om_4", "omt_1"),
    ])
    .await;
    for ids in [["om_2", "om_3"], ["om_1", "om_2"], ["om_2", "om_1"]] {
        assert_eq!(feishu.merge(&ids).await.verdict(), (400, 230_067), "{ids:?}");
    }
    assert_eq!(feishu.merge(&["om_2", "om_4", "om_1"]).await.verdict(), (400, 230_067));
}

#[tokio::test]
async fn system_messages_and_parts_of_merged_messages_are_refused() {
    let system = KnownMessage { msg_type: Some("system".into()), ..message("om_1") };
    let part = KnownMessage { upper_message_id: Some("om_0".into()), ..message("om_2") };
    let feishu = feishu_with([system, part, message("om_3")]).await;
    for ids in [vec!["om_1"], vec!["om_2"], vec!["om_3", "om_1"], vec!["om_3", "om_2"]] {
        assert_eq!(feishu.merge(&ids).await.verdict(), (400, 230_067), "{ids:?}");
    }
}

#[tokio::test]
async fn an_unknown_message_breaks_no_rule() {
    let feishu = feishu_with([in_thread("om_1", "omt_1")]).await;
    assert_eq!(feishu.merge(&["om_new", "om_1", "om_newer"]).await.verdict(), (200, 0));
}

#[tokio::test]
async fn what_cannot_be_forwarded_any_more_is_listed_and_the_rest_is_delivered() {
    let feishu = feishu_with([
        with_state("om_1", MessageState::Recalled),
        message("om_2"),
        with_state("om_3", MessageState::Deleted),
        with_state("om_4", MessageState::Invisible),
    ])
    .await;
    let ids = ["om_1", "om_2", "om_3", "om_4", "om_5"];
    let answer = feishu.merge(&ids).await;
    assert_eq!(answer.verdict(), (200, 0));
    let invalid = &answer.json()["data"]["invalid_message_id_list"];
    assert_eq!(invalid, &json!(["om_1", "om_3", "om_4"]));
    let ledger = feishu.simulator.ledger();
    assert_eq!(ledger.attempts.last().unwrap().message_ids, ids);
    assert_eq!(ledger.deliveries[0].message_ids, ["om_2", "om_5"]);
}

#[tokio::test]
async fn the_rules_hold_for_what_is_left_only() {
    let elsewhere = KnownMessage {
        chat_id: "oc_else".into(),
        msg_type: Some("system".into()),
        ..with_state("om_2", MessageState::Recalled)
    };
    let feishu = feishu_with([message("om_1"), elsewhere]).await;
    assert_eq!(feishu.merge(&["om_1", "om_2"]).await.verdict(), (200, 0));
}

#[tokio::test]
async fn a_merge_of_which_nothing_is_left_is_refused() {
    let feishu = feishu_with([
        with_state("om_1", MessageState::Recalled),
        with_state("om_2", MessageState::Deleted),
        with_state("om_3", MessageState::Invisible),
    ])
    .await;
    for (ids, code) in
        [(vec!["om_1", "om_1"], 230_065), (vec!["om_2"], 230_064), (vec!["om_1", "om_3"], 230_064)]
    {
        assert_eq!(feishu.merge(&ids).await.verdict(), (400, code), "{ids:?}");
    }
    assert!(feishu.simulator.ledger().deliveries.is_empty());
}

#[tokio::test]
async fn the_receivers_limit_does_not_count_a_merge_that_breaks_a_rule() {
    let feishu = feishu_with([with_state("om_1", MessageState::Recalled)]).await;
    for _ in 0..9 {
        assert_eq!(feishu.merge(&["om_1"]).await.code(), 230_065);
    }
    assert_eq!(feishu.merge(&["om_2"]).await.code(), 0);
}

#[tokio::test]
async fn a_delivered_message_is_known_with_its_chat_and_its_thread() {
    let feishu = Feishu::start().await;
    let one = feishu.forward("oc_1").await.message_id();
    let other = feishu.forward("oc_2").await.message_id();
    let merged = feishu.merge(&["om_1"]).await.message_id();
    assert_eq!(feishu.merge(&[&one, &other]).await.code(), 230_069);
    assert_eq!(feishu.merge(&[&one, &merged]).await.code(), 0, "both are in oc_1");

    let threaded = feishu.forward_to("thread_id", "omt_1").await;
    let chat_id = threaded.message()["chat_id"].as_str().unwrap().to_owned();
    let beside = KnownMessage { chat_id, ..message("om_beside") };
    assert!(feishu.simulator.add_message(beside));
    assert_eq!(feishu.merge(&[&threaded.message_id(), "om_beside"]).await.code(), 230_067);
}

#[tokio::test]
async fn what_was_told_of_a_delivered_message_takes_precedence() {
    let feishu = Feishu::start().await;
    let delivered = feishu.forward("oc_1").await.message_id();
    assert!(feishu.simulator.add_message(with_state(&delivered, MessageState::Recalled)));
    assert_eq!(feishu.merge(&[&delivered]).await.code(), 230_065);
    feishu.simulator.clear_messages();
    assert_eq!(feishu.merge(&[&delivered]).await.code(), 0);
}
