//! Feishu's codes, requested by ids and by faults.

use feishu_simulator::{Api, Fault, FaultKind};
use serde_json::json;

use crate::feishu::{APP, FORWARD, Feishu, MERGE, Reply, SECRET, TENANT_TOKEN, THREAD, reply};

/// The codes and texts on the documentation page of forward. All have HTTP 400.
const OF_FORWARD: [(i64, &str); 26] = [
    (230_001, "Your request contains an invalid request parameter."),
    (230_002, "The bot can not be outside the group."),
    (230_006, "Bot ability is not activated."),
    (230_013, "Bot has NO availability to this user."),
    (230_018, "These operations are NOT allowed at current group settings."),
    (230_019, "The thread does NOT exist."),
    (230_020, "This operation triggers the frequency limit."),
    (230_027, "Lack of necessary permissions."),
    (230_029, "User has resigned."),
    (230_034, "The receive_id is invalid."),
    (230_035, "Send Message Permission deny."),
    (230_036, "Tenant crypt key has been deleted."),
    (230_038, "Cross tenant p2p chat operate forbid."),
    (230_049, "The message is being sent."),
    (230_050, "The message is invisible to the operator."),
    (230_053, "The user has stopped the bot from sending messages."),
    (230_061, "The message type does not support forwarding."),
    (230_062, "No permission to forward to third-party encryption group."),
    (230_063, "The chat_id of group to forward is invalid."),
    (230_064, "The message to be forwarded is invalid."),
    (230_065, "The message to be forwarded has been recalled."),
    (230_066, "The message to be forwarded is in a secret group, forwarding is not supported."),
    (230_070, "Forwarding of messages in restricted mode is not allowed."),
    (230_074, "The target thread is invisible to the operator."),
    (230_110, "Action unavailable as the message has been deleted."),
    (232_009, "Your request specifies a chat which has already been dissolved."),
];

/// The codes and texts that only the documentation page of merges has.
const OF_MERGE: [(i64, &str); 2] = [
    (230_067, "The source of the messages to be merged and forwarded are not in compliance."),
    (230_069, "Does not support forwarding messages from different groups."),
];

/// The codes that every API can return, and their HTTP statuses.
const OF_ANY_API: [(i64, u16); 25] = [
    (99_991_400, 429),
    (99_991_401, 400),
    (99_991_403, 429),
    (99_991_661, 400),
    (99_991_662, 400),
    (99_991_663, 400),
    (99_991_664, 400),
    (99_991_665, 400),
    (99_991_668, 400),
    (99_991_671, 400),
    (99_991_672, 400),
    (99_991_673, 400),
    (99_991_676, 400),
    (99_991_679, 400),
    (99_992_354, 400),
    (99_992_402, 400),
    (18_121, 400),
    (11_232, 400),
    (11_233, 400),
    (11_247, 400),
    (1_500, 500),
    (1_663, 500),
    (2_200, 500),
    (5_000, 500),
    (55_001, 500),
];

/// The codes of the token APIs.
const OF_TOKEN_API: [i64; 8] = [10_003, 10_005, 10_012, 10_013, 10_014, 10_015, 10_016, 99_991_543];

#[tokio::test]
async fn a_receive_id_can_request_each_documented_code() {
    let feishu = Feishu::start().await;
    for (code, msg) in OF_FORWARD {
        let answer = feishu.forward(&format!("oc_code_{code}")).await;
        assert_refusal(&answer, 400, code);
        assert_eq!(answer.msg(), msg);
    }
    for (code, status) in OF_ANY_API {
        let feishu = Feishu::start().await;
        assert_refusal(&feishu.forward(&format!("oc_code_{code}_again")).await, status, code);
    }
}

#[tokio::test]
async fn a_message_id_can_request_a_code() {
    let feishu = Feishu::start().await;
    let path = FORWARD.replace("om_1", "om_code_230064");
    let answer = reply(feishu.authorized(&path, &json!({"receive_id": "oc_1"})).await).await;
    assert_refusal(&answer, 400, 230_064);
}

#[tokio::test]
async fn the_receiver_of_a_merge_or_a_thread_can_request_a_code() {
    let feishu = Feishu::start().await;
    for path in [MERGE, THREAD] {
        assert_refusal(&feishu.forward_by(path, "oc_code_230002").await, 400, 230_002);
    }
}

#[tokio::test]
async fn each_message_of_a_merge_can_request_a_code() {
    let feishu = Feishu::start().await;
    for (code, msg) in OF_MERGE {
        let asking = format!("om_code_{code}");
        for ids in [[asking.as_str(), "om_1"], ["om_1", &asking]] {
            let answer = feishu.merge(&ids).await;
            assert_refusal(&answer, 400, code);
            assert_eq!(answer.msg(), msg);
        }
    }
    assert!(feishu.simulator.ledger().deliveries.is_empty());
}

#[tokio::test]
async fn a_thread_id_can_request_that_the_bot_does_not_see_the_thread() {
    let feishu = Feishu::start().await;
    let path = THREAD.replace("omt_1", "omt_code_230073");
    let answer = feishu.forward_by(&path, "oc_1").await;
    assert_refusal(&answer, 400, 230_073);
    assert_eq!(answer.msg(), "The thread is invisible to the operator.");
    assert!(feishu.simulator.ledger().deliveries.is_empty());
}

#[tokio::test]
async fn a_forward_with_a_requested_code_is_neither_delivered_nor_counted_for_the_receiver() {
    let feishu = Feishu::start().await;
    for _ in 0..20 {
        assert_eq!(feishu.forward("oc_code_230002").await.code(), 230_002);
    }
    assert!(feishu.simulator.ledger().deliveries.is_empty());
}

#[tokio::test]
async fn an_unknown_code_can_be_requested_but_not_code_0() {
    let feishu = Feishu::start().await;
    assert_refusal(&feishu.forward("oc_code_123456").await, 400, 123_456);
    assert_eq!(feishu.forward("oc_code_0").await.verdict(), (200, 0));
    assert_eq!(feishu.forward("oc_code_x").await.verdict(), (200, 0));
}

#[tokio::test]
async fn a_requested_app_limit_has_the_reset_header() {
    let feishu = Feishu::start().await;
    assert_eq!(
        feishu.forward("oc_code_99991400").await.header("x-ogw-ratelimit-reset"),
        Some("52")
    );
}

#[tokio::test]
async fn a_fault_can_return_each_code() {
    let feishu = Feishu::start().await;
    let codes = OF_FORWARD.map(|(code, _)| (code, 400));
    for (code, status) in codes.into_iter().chain(OF_ANY_API) {
        let kind = FaultKind::Code { code, status: None, msg: None, reset: None };
        feishu.simulator.add_fault(Fault { api: Some(Api::Forward), ..Fault::once(kind) });
        assert_refusal(&feishu.forward("oc_1").await, status, code);
    }
    assert!(feishu.simulator.ledger().deliveries.is_empty());
}

#[tokio::test]
async fn a_fault_can_return_each_code_of_the_token_apis_with_http_200() {
    let feishu = Feishu::start().await;
    for code in OF_TOKEN_API {
        feishu.simulator.add_fault(Fault::once(FaultKind::Code {
            code,
            status: None,
            msg: None,
            reset: None,
        }));
        let answer = feishu.post(TENANT_TOKEN, &json!({"app_id": APP, "app_secret": SECRET})).await;
        assert_eq!(answer.verdict(), (200, code));
        assert!(answer.json().get("tenant_access_token").is_none());
    }
}

#[tokio::test]
async fn a_fault_can_set_the_status_the_text_and_the_reset_header() {
    let feishu = Feishu::start().await;
    let kind = FaultKind::Code {
        code: 230_002,
        status: Some(200),
        msg: Some("no".into()),
        reset: Some(7),
    };
    feishu.simulator.add_fault(Fault { api: Some(Api::Forward), ..Fault::once(kind) });
    let answer = feishu.forward("oc_1").await;
    assert_eq!((answer.verdict(), answer.msg()), ((200, 230_002), "no".to_owned()));
    assert_eq!(answer.header("x-ogw-ratelimit-reset"), Some("7"));
}

/// Asserts the status and the code of a refusal, and that the log id is in the body and in the header.
fn assert_refusal(answer: &Reply, status: u16, code: i64) {
    assert_eq!(answer.verdict(), (status, code), "{}", answer.text);
    let error = &answer.json()["error"];
    assert_eq!(error["log_id"].as_str(), answer.header("x-tt-logid"));
    assert!(error["troubleshooter"].as_str().unwrap().contains(&format!("code={code}")));
    assert!(!answer.msg().is_empty());
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
}
