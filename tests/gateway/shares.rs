//! Callers that compete for turns: by weight, and bulk behind interactive forwards.

use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;

use gateway_harness::{Answer, Forward, Gateway, Setup, all, eventually, gateway};
use tokio::task::JoinHandle;

/// The receiver's window: a second, and the guard.
const WINDOW: Duration = Duration::from_millis(1050);

/// A gateway whose receivers may get one message in a window, so that order can be seen, and a second caller.
fn one_by_one(other: &ApiKey) -> Setup {
    gateway()
        .set("limits.receiver_per_second", "1")
        .set("limits.max_wait", "1m")
        .set("feishu.deadline", "2m")
        .set("keys.other.hash", &other.hash().to_string())
}

/// Has forwards of these messages wait, one after the other.
async fn queue_up(
    gateway: &Gateway,
    messages: &[&str],
    change: impl Fn(Forward) -> Forward,
) -> Vec<JoinHandle<Answer>> {
    let mut waiting = Vec::new();
    for message in messages {
        let before = gateway.metrics().await.count("feishu_gateway_rate_limit_waiting", &[]);
        waiting.push(change(gateway.forward("oc_1").message(message)).spawn());
        let now = async || gateway.metrics().await.count("feishu_gateway_rate_limit_waiting", &[]);
        while now().await == before {}
    }
    waiting
}

/// The messages in the order in which they went out, once all who wait have had their turns.
async fn served(gateway: &Gateway, waiting: Vec<JoinHandle<Answer>>) -> Vec<String> {
    for turn in 1..=waiting.len() {
        let at = WINDOW * u32::try_from(turn).expect("a few");
        gateway.sleeps_until(at).await;
        gateway.advance_to(at);
        gateway.forwards_reach(1 + turn).await;
        // The next window begins with the answer.
        eventually(|| waiting.iter().filter(|one| one.is_finished()).count() == turn).await;
    }
    all(waiting).await.iter().for_each(|answer| drop(answer.message_id()));
    gateway.forwards()[1..].iter().filter_map(|it| it.message_id.clone()).collect()
}

#[actix_web::test]
async fn two_callers_that_write_to_one_receiver_take_turns() {
    let other = ApiKey::generate();
    let gateway = one_by_one(&other).start().await;
    gateway.forward("oc_1").send().await.message_id();
    let mut waiting = queue_up(&gateway, &["om_a1", "om_a2", "om_a3", "om_a4"], |it| it).await;
    let by_other = |it: Forward| it.header("x-api-key", other.expose());
    waiting.extend(queue_up(&gateway, &["om_b1", "om_b2"], by_other).await);
    let order = ["om_a1", "om_b1", "om_a2", "om_b2", "om_a3", "om_a4"];
    assert_eq!(served(&gateway, waiting).await, order);
}

#[actix_web::test]
async fn a_caller_of_twice_the_weight_has_twice_as_many_turns() {
    let other = ApiKey::generate();
    let gateway = one_by_one(&other).set("keys.other.weight", "2").start().await;
    gateway.forward("oc_1").send().await.message_id();
    let mut waiting = queue_up(&gateway, &["om_a1", "om_a2", "om_a3"], |it| it).await;
    let by_other = |it: Forward| it.header("x-api-key", other.expose());
    waiting.extend(queue_up(&gateway, &["om_b1", "om_b2", "om_b3", "om_b4"], by_other).await);
    let served = served(&gateway, waiting).await;
    let of_other = served[..6].iter().filter(|message| message.starts_with("om_b")).count();
    assert_eq!(of_other, 4, "{served:?}");
}

#[actix_web::test]
async fn forwards_with_the_lowest_priority_go_behind_the_others() {
    let gateway = one_by_one(&ApiKey::generate()).start().await;
    gateway.forward("oc_1").send().await.message_id();
    let with = |priority: &'static str| move |it: Forward| it.header("priority", priority);
    let mut waiting = queue_up(&gateway, &["om_bulk"], with("u=7, i")).await;
    // Every other urgency is interactive, and what RFC 9218 does not know is ignored.
    waiting.extend(queue_up(&gateway, &["om_1"], with("u=6")).await);
    waiting.extend(queue_up(&gateway, &["om_2"], with("u=8;x, nonsense=")).await);
    waiting.extend(queue_up(&gateway, &["om_3"], with("u=7, u=0")).await);
    waiting.extend(queue_up(&gateway, &["om_4"], |it| it).await);
    assert_eq!(served(&gateway, waiting).await, ["om_1", "om_2", "om_3", "om_4", "om_bulk"]);
}

#[actix_web::test]
async fn a_caller_that_waits_for_all_it_can_leaves_room_for_another() {
    let other = ApiKey::generate();
    let gateway = one_by_one(&other).set("limits.max_waiting", "5").start().await;
    gateway.forward("oc_1").send().await.message_id();
    let mut waiting = queue_up(&gateway, &["om_a1", "om_a2", "om_a3", "om_a4"], |it| it).await;
    gateway.forward("oc_1").send().await.problem(503, "overloaded", "not_delivered");
    let by_other = |it: Forward| it.header("x-api-key", other.expose());
    waiting.extend(queue_up(&gateway, &["om_b1"], by_other).await);
    assert_eq!(served(&gateway, waiting).await[1], "om_b1");
}
