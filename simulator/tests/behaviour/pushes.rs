//! What is pushed to store apps.

use std::time::Duration;

use aes::Aes256;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use feishu_simulator::{Event, EventVersion, NotPushed, PushFault, PushKind, Settings};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::feishu::Feishu;
use crate::receiver::{Received, Receiver};
use crate::store::{RESEND, STORE_APP, ask_app_token, credentials, start, start_with};

async fn pushing_to(receiver: &Receiver, encrypt_key: Option<&str>) -> Feishu {
    start_with(Settings::default(), encrypt_key, Some(&receiver.url)).await
}

fn with_fault(feishu: &Feishu, fault: PushFault) {
    feishu.simulator.change_settings(|settings| settings.push_fault = Some(fault));
}

fn decrypted(heard: &Received, encrypt_key: &str) -> Value {
    let encrypted = heard.json()["encrypt"].as_str().unwrap().to_owned();
    let bytes = BASE64_STANDARD.decode(encrypted).unwrap();
    let key = Sha256::digest(encrypt_key);
    let (iv, text) = bytes.split_at(16);
    let cipher = Decryptor::<Aes256>::new(&key, iv.try_into().unwrap());
    serde_json::from_slice(&cipher.decrypt_padded_vec::<Pkcs7>(text).unwrap()).unwrap()
}

fn is_signed_with(heard: &Received, encrypt_key: &str) -> bool {
    let header = |name| heard.header(name).unwrap();
    let signed = [
        header("X-Lark-Request-Timestamp"),
        header("X-Lark-Request-Nonce"),
        encrypt_key,
        &heard.body,
    ];
    header("X-Lark-Signature") == hex::encode(Sha256::digest(signed.concat()))
}

#[tokio::test]
async fn a_ticket_is_pushed_as_an_event_of_version_1_and_is_good_for_a_token() {
    let receiver = Receiver::start().await;
    let feishu = pushing_to(&receiver, None).await;
    let answer = feishu.simulator.push_ticket(STORE_APP).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str(), answer.is_accepted), (200, "{}", true));
    let heard = receiver.last();
    assert_eq!(heard.line, "POST /v1/events/main?from=feishu HTTP/1.1");
    assert_eq!(heard.header("X-Lark-Signature"), None);
    let body = heard.json();
    assert!(body.get("schema").is_none());
    assert_eq!((&body["type"], &body["token"]), (&json!("event_callback"), &json!("verification")));
    assert!(body["ts"].is_string() && body["uuid"].is_string());
    assert_eq!(body["event"]["type"], json!("app_ticket"));
    assert_eq!(body["event"]["app_id"], json!(STORE_APP));
    let ticket = body["event"]["app_ticket"].as_str().unwrap();
    assert_eq!(Some(ticket), feishu.simulator.app_ticket(STORE_APP).as_deref());
    assert_eq!(ask_app_token(&feishu, ticket).await.code(), 0);
}

#[tokio::test]
async fn with_an_encrypt_key_a_push_is_encrypted_and_signed() {
    let receiver = Receiver::start().await;
    let feishu = pushing_to(&receiver, Some("key")).await;
    for _ in 0..2 {
        feishu.simulator.push_ticket(STORE_APP).await.unwrap();
    }
    let heard = receiver.received();
    let [first, second] = &heard[..] else { panic!("{heard:?}") };
    assert_ne!(decrypted(first, "key")["uuid"], decrypted(second, "key")["uuid"]);
    assert_ne!(
        first.json()["encrypt"].as_str().unwrap()[..22],
        second.json()["encrypt"].as_str().unwrap()[..22]
    );
    assert!(is_signed_with(first, "key") && is_signed_with(second, "key"));
    let pushed = &feishu.simulator.ledger().pushes[0];
    assert_eq!(pushed.content, decrypted(first, "key"));
    assert_eq!(pushed.body, first.body);
}

#[tokio::test]
async fn without_an_encrypt_key_a_setting_has_pushes_signed() {
    let receiver = Receiver::start().await;
    let feishu = pushing_to(&receiver, None).await;
    feishu.simulator.change_settings(|settings| settings.sign_plain_pushes = true);
    feishu.simulator.push_ticket(STORE_APP).await.unwrap();
    assert!(is_signed_with(&receiver.last(), ""));
}

#[tokio::test]
async fn events_have_both_versions() {
    let receiver = Receiver::start().await;
    let feishu = pushing_to(&receiver, None).await;
    let event =
        Event::new("im.message.receive_v1", "acme", json!({"message": {"message_id": "om_1"}}));
    feishu.simulator.push_event(STORE_APP, &event).await.unwrap();
    let body = receiver.last().json();
    assert_eq!(body["schema"], json!("2.0"));
    let header = &body["header"];
    assert!(header["event_id"].is_string() && header["create_time"].is_string());
    assert_eq!(header["token"], json!("verification"));
    assert_eq!(header["event_type"], json!("im.message.receive_v1"));
    assert_eq!((&header["tenant_key"], &header["app_id"]), (&json!("acme"), &json!(STORE_APP)));
    assert_eq!(body["event"], event.event);

    let first = Event { version: EventVersion::One, id: Some("id-1".into()), ..event };
    feishu.simulator.push_event(STORE_APP, &first).await.unwrap();
    let body = receiver.last().json();
    assert_eq!((&body["uuid"], &body["token"]), (&json!("id-1"), &json!("verification")));
    assert_eq!(body["event"]["type"], json!("im.message.receive_v1"));
    assert_eq!(body["event"]["tenant_key"], json!("acme"));
    assert_eq!(body["event"]["message"], json!({"message_id": "om_1"}));
}

#[tokio::test]
async fn an_address_check_is_not_signed_and_wants_its_challenge_back() {
    let echoing = Receiver::start_with(|body| {
        let body = json!({"challenge": body["challenge"]}).to_string();
        Some(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    });
    let receiver = echoing.await;
    let feishu = pushing_to(&receiver, None).await;
    assert!(feishu.simulator.push_address_check(STORE_APP).await.unwrap().is_accepted);
    let heard = receiver.last();
    assert_eq!(heard.header("X-Lark-Signature"), None);
    assert_eq!(heard.json()["type"], json!("url_verification"));
    assert_eq!(heard.json()["token"], json!("verification"));

    let other = Receiver::start().await;
    feishu.simulator.set_push_url(STORE_APP, &other.url);
    assert!(!feishu.simulator.push_address_check(STORE_APP).await.unwrap().is_accepted);
    feishu.pass(Duration::from_secs(15));
    assert_eq!(feishu.simulator.push_due().await, []);
}

#[tokio::test]
async fn an_encrypted_address_check_is_not_signed_either() {
    let receiver = Receiver::start().await;
    let feishu = pushing_to(&receiver, Some("key")).await;
    feishu.simulator.push_address_check(STORE_APP).await.unwrap();
    assert_eq!(decrypted(&receiver.last(), "key")["type"], json!("url_verification"));
    assert_eq!(receiver.last().header("X-Lark-Signature"), None);
}

#[tokio::test]
async fn a_push_that_is_not_accepted_is_repeated_four_times_with_its_id() {
    let refusing =
        Receiver::start_with(|_| Some("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_owned()));
    let receiver = refusing.await;
    let feishu = pushing_to(&receiver, Some("key")).await;
    assert!(!feishu.simulator.push_ticket(STORE_APP).await.unwrap().is_accepted);
    for after in [15, 300, 3600, 6 * 3600] {
        feishu.pass(Duration::from_secs(after - 1));
        assert_eq!(feishu.simulator.push_due().await, []);
        feishu.pass(Duration::from_secs(1));
        assert_eq!(feishu.simulator.push_due().await.len(), 1, "after {after} s");
    }
    feishu.pass(Duration::from_hours(24));
    assert_eq!(feishu.simulator.push_due().await, []);
    let heard = receiver.received();
    let ids: Vec<Value> = heard.iter().map(|it| decrypted(it, "key")["uuid"].clone()).collect();
    assert_eq!(ids, vec![ids[0].clone(); 5]);
    let repetitions: Vec<_> =
        feishu.simulator.ledger().pushes.iter().map(|push| push.repetition).collect();
    assert_eq!(repetitions, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn an_accepted_repetition_is_the_last_one() {
    let feishu = start_with(Settings::default(), None, Some("http://127.0.0.1:1")).await;
    assert_eq!(feishu.simulator.push_ticket(STORE_APP).await, Err(NotPushed::NoAnswer));
    assert_eq!(feishu.simulator.ledger().pushes[0].answer, None);
    let receiver = Receiver::start().await;
    feishu.simulator.set_push_url(STORE_APP, &receiver.url);
    feishu.pass(Duration::from_secs(15));
    let answers = feishu.simulator.push_due().await;
    assert!(answers[0].as_ref().unwrap().is_accepted);
    feishu.pass(Duration::from_hours(24));
    assert_eq!(feishu.simulator.push_due().await, []);
}

#[tokio::test]
async fn an_answer_is_waited_for_3_seconds_on_the_simulators_clock() {
    let receiver = Receiver::start_with(|_| None).await;
    let feishu = pushing_to(&receiver, None).await;
    let pushed = feishu.simulator.push_ticket(STORE_APP);
    let passing = async {
        while receiver.received().is_empty() {
            tokio::task::yield_now().await;
        }
        feishu.pass(Duration::from_secs(3));
    };
    let (answer, ()) = tokio::join!(pushed, passing);
    assert_eq!(answer, Err(NotPushed::NoAnswer));
}

#[tokio::test]
async fn a_resend_is_answered_at_once_and_brings_a_new_ticket() {
    let receiver = Receiver::start().await;
    let feishu = pushing_to(&receiver, None).await;
    let answer = feishu.post(RESEND, &credentials()).await;
    assert_eq!((answer.verdict(), answer.msg().as_str()), ((200, 0), "success"));
    while receiver.received().is_empty() {
        tokio::task::yield_now().await;
    }
    let ticket = receiver.last().json()["event"]["app_ticket"].clone();
    assert_ne!(ticket, json!("first"));
    assert_eq!(ask_app_token(&feishu, ticket.as_str().unwrap()).await.code(), 0);
}

#[tokio::test]
async fn what_cannot_be_pushed_is_said() {
    let feishu = start().await;
    assert_eq!(feishu.simulator.push_ticket(STORE_APP).await, Err(NotPushed::NoUrl));
    assert_eq!(feishu.simulator.push_ticket("cli_simulator").await, Err(NotPushed::NoStoreApp));
    assert_eq!(feishu.simulator.push_address_check("cli_none").await, Err(NotPushed::NoStoreApp));
    assert_eq!(feishu.simulator.ledger().pushes, []);
}

#[tokio::test]
async fn pushes_can_fail_to_come_or_come_late_or_twice() {
    let receiver = Receiver::start().await;
    let feishu = pushing_to(&receiver, None).await;
    with_fault(&feishu, PushFault::Never);
    assert_eq!(feishu.simulator.push_ticket(STORE_APP).await, Err(NotPushed::HeldBack));
    let unheard = feishu.simulator.app_ticket(STORE_APP).unwrap();
    assert_eq!(ask_app_token(&feishu, &unheard).await.code(), 0);

    with_fault(&feishu, PushFault::Late { seconds: 60 });
    assert_eq!(feishu.simulator.push_ticket(STORE_APP).await, Err(NotPushed::HeldBack));
    feishu.pass(Duration::from_secs(59));
    assert_eq!(feishu.simulator.push_due().await, []);
    feishu.pass(Duration::from_secs(1));
    assert_eq!(feishu.simulator.push_due().await.len(), 1);
    assert_eq!(receiver.received().len(), 1);

    with_fault(&feishu, PushFault::Twice);
    feishu.simulator.push_ticket(STORE_APP).await.unwrap();
    let heard = receiver.received();
    assert_eq!(heard.len(), 3);
    assert_eq!(heard[1].json()["uuid"], heard[2].json()["uuid"]);
}

#[tokio::test]
async fn tickets_can_be_old_or_wrong() {
    let receiver = Receiver::start().await;
    let feishu = pushing_to(&receiver, None).await;
    let pushed = || receiver.last().json()["event"]["app_ticket"].as_str().unwrap().to_owned();
    with_fault(&feishu, PushFault::OldTicket);
    feishu.simulator.push_ticket(STORE_APP).await.unwrap();
    assert_eq!(pushed(), "first");
    with_fault(&feishu, PushFault::WrongTicket);
    feishu.simulator.push_ticket(STORE_APP).await.unwrap();
    assert_eq!(ask_app_token(&feishu, &pushed()).await.code(), 10_012);
}

#[tokio::test]
async fn signature_and_verification_token_can_be_wrong() {
    let receiver = Receiver::start().await;
    let feishu = pushing_to(&receiver, Some("key")).await;
    with_fault(&feishu, PushFault::WrongSignature);
    feishu.simulator.push_ticket(STORE_APP).await.unwrap();
    assert!(!is_signed_with(&receiver.last(), "key"));
    with_fault(&feishu, PushFault::NoSignature);
    feishu.simulator.push_ticket(STORE_APP).await.unwrap();
    assert_eq!(receiver.last().header("X-Lark-Signature"), None);
    with_fault(&feishu, PushFault::WrongToken);
    feishu.simulator.push_ticket(STORE_APP).await.unwrap();
    assert_ne!(decrypted(&receiver.last(), "key")["token"], json!("verification"));
    let event = Event::new("any", "acme", json!({}));
    feishu.simulator.push_event(STORE_APP, &event).await.unwrap();
    assert_ne!(decrypted(&receiver.last(), "key")["header"]["token"], json!("verification"));
    let kinds: Vec<_> = feishu.simulator.ledger().pushes.iter().map(|push| push.kind).collect();
    assert_eq!(
        kinds,
        [PushKind::AppTicket, PushKind::AppTicket, PushKind::AppTicket, PushKind::Event]
    );
}
