//! Repeated uuids.

use std::time::Duration;

use feishu_simulator::{Duplicate, Settings};

use crate::feishu::{FORWARD_APIS, Feishu};

async fn feishu_with(duplicate: Duplicate) -> Feishu {
    Feishu::start_with(Settings { duplicate, ..Settings::default() }).await
}

#[tokio::test]
async fn a_repeat_gets_the_original_id_and_is_delivered_once() {
    let feishu = feishu_with(Duplicate::OriginalId).await;
    let first = feishu.forward_once("oc_1", "u").await.message_id();
    assert_eq!(feishu.forward_once("oc_1", "u").await.message_id(), first);
    let ledger = feishu.simulator.ledger();
    assert_eq!(ledger.deliveries.len(), 1);
    assert_eq!(ledger.attempts.last().unwrap().new_message_id, Some(first));
}

#[tokio::test]
async fn a_repeat_can_get_another_id_and_is_still_delivered_once() {
    let feishu = feishu_with(Duplicate::AnotherId).await;
    let first = feishu.forward_once("oc_1", "u").await.message_id();
    let second = feishu.forward_once("oc_1", "u").await;
    assert_eq!(second.verdict(), (200, 0));
    assert_ne!(second.message_id(), first);
    assert_eq!(feishu.simulator.ledger().deliveries.len(), 1);
}

#[tokio::test]
async fn a_repeat_can_be_refused_because_the_message_is_being_sent() {
    let feishu = feishu_with(Duplicate::InProgress).await;
    feishu.forward_once("oc_1", "u").await;
    assert_eq!(feishu.forward_once("oc_1", "u").await.verdict(), (400, 230_049));
    assert_eq!(feishu.simulator.ledger().deliveries.len(), 1);
}

#[tokio::test]
async fn after_an_hour_a_uuid_delivers_again() {
    let feishu = Feishu::start().await;
    let first = feishu.forward_once("oc_1", "u").await.message_id();
    feishu.pass(Duration::from_hours(1) - Duration::from_nanos(1));
    assert_eq!(feishu.forward_once("oc_1", "u").await.message_id(), first);
    feishu.pass(Duration::from_nanos(1));
    assert_ne!(feishu.forward_once("oc_1", "u").await.message_id(), first);
    assert_eq!(feishu.simulator.ledger().deliveries.len(), 2);
}

#[tokio::test]
async fn a_forward_with_another_receiver_another_uuid_or_no_uuid_is_not_a_repeat() {
    let feishu = Feishu::start().await;
    feishu.forward_once("oc_1", "u").await;
    feishu.forward_once("oc_2", "u").await;
    feishu.forward_once("oc_1", "v").await;
    feishu.forward_once("oc_1", "").await;
    feishu.forward_once("oc_1", "").await;
    assert_eq!(feishu.simulator.ledger().deliveries.len(), 5);
}

#[tokio::test]
async fn a_refused_forward_does_not_use_up_its_uuid() {
    let settings = Settings { receiver_per_second: 1, ..Settings::default() };
    let feishu = Feishu::start_with(settings).await;
    feishu.forward_once("oc_1", "u").await;
    assert_eq!(feishu.forward_once("oc_1", "v").await.code(), 230_020);
    feishu.pass(Duration::from_secs(1));
    assert_eq!(feishu.forward_once("oc_1", "v").await.code(), 0);
    assert_eq!(feishu.simulator.ledger().deliveries.len(), 2);
}

#[tokio::test]
async fn a_uuid_is_executed_once_by_each_forward_api() {
    for (_, path) in FORWARD_APIS {
        let feishu = Feishu::start().await;
        let path = format!("{path}&uuid=u");
        let first = feishu.forward_by(&path, "oc_1").await.message_id();
        assert_eq!(feishu.forward_by(&path, "oc_1").await.message_id(), first);
        assert_ne!(feishu.forward_by(&path, "oc_2").await.message_id(), first);
        assert_eq!(feishu.simulator.ledger().deliveries.len(), 2, "{path}");
    }
}

#[tokio::test]
async fn all_forward_apis_share_the_uuids_unless_the_setting_says_otherwise() {
    for (shared_uuids, delivered) in [(true, 1), (false, 3)] {
        let feishu = Feishu::start_with(Settings { shared_uuids, ..Settings::default() }).await;
        for (_, path) in FORWARD_APIS {
            let answer = feishu.forward_by(&format!("{path}&uuid=u"), "oc_1").await;
            assert_eq!(answer.verdict(), (200, 0), "{path}");
        }
        assert_eq!(feishu.simulator.ledger().deliveries.len(), delivered);
    }
}

#[tokio::test]
async fn a_uuid_lives_as_long_as_the_settings_say() {
    let settings = Settings { uuid_lifetime: Duration::from_mins(1), ..Settings::default() };
    let feishu = Feishu::start_with(settings).await;
    let first = feishu.forward_once("oc_1", "u").await.message_id();
    feishu.pass(Duration::from_secs(59));
    assert_eq!(feishu.forward_once("oc_1", "u").await.message_id(), first);
    feishu.pass(Duration::from_secs(1));
    assert_ne!(feishu.forward_once("oc_1", "u").await.message_id(), first);
}
