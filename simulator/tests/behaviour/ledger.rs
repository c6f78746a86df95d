//! What the ledger records.

use std::time::Duration;

use feishu_simulator::{Api, Delivery, Settings};

use crate::feishu::{APP, FORWARD_APIS, Feishu};

#[tokio::test]
async fn a_forward_and_its_delivery_are_recorded_completely() {
    let feishu = Feishu::start().await;
    feishu.pass(Duration::from_millis(3));
    let answer = feishu.forward_once("oc_1", "u").await;
    let ledger = feishu.simulator.ledger();
    assert_eq!(ledger.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2]);

    let forward = ledger.of(Api::Forward).next().unwrap();
    assert_eq!(forward.at_ns, 3_000_000);
    assert_eq!(forward.method, "POST");
    assert_eq!(forward.path, "/open-apis/im/v1/messages/om_1/forward");
    assert_eq!(forward.query, "receive_id_type=chat_id&uuid=u");
    assert_eq!(forward.body, r#"{"receive_id":"oc_1"}"#);
    assert!(
        forward
            .headers
            .iter()
            .any(|(name, value)| name == "authorization" && value.starts_with("Bearer t-"))
    );
    assert_eq!(forward.app_id.as_deref(), Some(APP));
    assert_eq!(forward.message_id.as_deref(), Some("om_1"));
    assert_eq!(forward.receive_id.as_deref(), Some("oc_1"));
    assert_eq!(forward.receive_id_type.as_deref(), Some("chat_id"));
    assert_eq!(forward.uuid.as_deref(), Some("u"));
    assert_eq!((forward.status, forward.code), (Some(200), Some(0)));
    assert_eq!(forward.log_id.as_deref(), answer.header("x-tt-logid"));
    assert_eq!(forward.new_message_id, Some(answer.message_id()));

    let delivery = Delivery {
        attempt: 2,
        at_ns: 3_000_000,
        app_id: APP.into(),
        tenant_key: "736588c9260f175e".into(),
        message_id: "om_1".into(),
        message_ids: Vec::new(),
        thread_id: None,
        receive_id: "oc_1".into(),
        receive_id_type: "chat_id".into(),
        uuid: Some("u".into()),
        new_message_id: answer.message_id(),
    };
    assert_eq!(ledger.deliveries, [delivery]);
}

#[tokio::test]
async fn attempts_and_deliveries_name_what_was_forwarded() {
    let feishu = Feishu::start().await;
    for (_, path) in FORWARD_APIS {
        feishu.forward_by(path, "oc_1").await;
    }
    let ledger = feishu.simulator.ledger();
    let message = (Some("om_1".to_owned()), vec![], None);
    let messages = (None, vec!["om_1".to_owned()], None);
    let thread = (None, vec![], Some("omt_1".to_owned()));
    for (index, (api, _)) in FORWARD_APIS.into_iter().enumerate() {
        let expected = [&message, &messages, &thread][index].clone();
        let attempt = ledger.of(api).next().unwrap().clone();
        assert_eq!((attempt.message_id, attempt.message_ids, attempt.thread_id), expected);

        let delivery = ledger.deliveries[index].clone();
        assert_eq!(delivery.attempt, attempt.number);
        assert_eq!(Some(delivery.new_message_id), attempt.new_message_id);
        let message_id = Some(delivery.message_id).filter(|id| !id.is_empty());
        assert_eq!((message_id, delivery.message_ids, delivery.thread_id), expected);
    }
}

#[tokio::test]
async fn a_token_call_is_recorded_with_its_app() {
    let feishu = Feishu::start().await;
    feishu.token().await;
    let ledger = feishu.simulator.ledger();
    let attempt = ledger.of(Api::TenantAccessToken).next().unwrap();
    assert_eq!(attempt.app_id.as_deref(), Some(APP));
    assert_eq!((attempt.status, attempt.code), (Some(200), Some(0)));
}

#[tokio::test]
async fn clearing_deletes_the_entries_and_continues_the_numbering() {
    let feishu = Feishu::start().await;
    feishu.forward("oc_1").await;
    feishu.simulator.clear_ledger();
    assert_eq!(feishu.simulator.ledger(), feishu_simulator::Ledger::default());
    feishu.token().await;
    assert_eq!(feishu.simulator.ledger().attempts[0].number, 3);
}

#[tokio::test]
async fn the_oldest_entries_are_dropped_and_counted() {
    let feishu = Feishu::start_with(Settings { ledger_limit: 3, ..Settings::default() }).await;
    for n in 0..4 {
        feishu.forward(&format!("oc_{n}")).await;
    }
    let ledger = feishu.simulator.ledger();
    assert_eq!(ledger.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [6, 7, 8]);
    assert!(ledger.attempts.iter().all(|attempt| attempt.status == Some(200)));
    assert_eq!(ledger.deliveries.len(), 3);
    assert_eq!(ledger.dropped, 6, "five attempts and one delivery");
}

#[tokio::test]
async fn the_maximum_in_any_span_is_half_open_and_includes_refused_attempts() {
    let feishu =
        Feishu::start_with(Settings { receiver_per_second: 1, ..Settings::default() }).await;
    let second = Duration::from_secs(1);
    assert_eq!(feishu.simulator.ledger().max_in_any_span(None, second), 0);
    for chat in ["oc_1", "oc_1", "oc_2"] {
        feishu.forward(chat).await;
        feishu.pass(second / 2);
    }
    let ledger = feishu.simulator.ledger();
    assert_eq!(ledger.max_in_any_span(None, second), 2);
    assert_eq!(ledger.max_in_any_span(None, second + Duration::from_nanos(1)), 3);
    assert_eq!(ledger.max_in_any_span(Some("oc_1"), second), 2);
    assert_eq!(ledger.max_in_any_span(Some("oc_1"), second / 2), 1);
    assert_eq!(ledger.max_in_any_span(Some("oc_2"), second), 1);
    assert_eq!(ledger.max_in_any_span(Some("oc_3"), second), 0);
}
