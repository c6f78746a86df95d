//! A broadcast to ten thousand, on simulated time. The limits have their own tests: here time also passes while calls are on
//! their way, so that they arrive closer together than they were sent.

use std::collections::HashMap;
use std::time::Duration;

use gateway_harness::{Answer, gateway};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::broadcasts::{broadcast, path, with_store};

const RECEIVERS: u32 = 10_000;
const STEP: Duration = Duration::from_millis(250);

fn time(value: &Value) -> Timestamp {
    value.as_str().expect("a time").parse().expect("a time")
}

#[actix_web::test]
async fn ten_thousand_receivers_get_one_message_each_in_the_time_that_was_foretold() {
    let (gateway, _directory) = with_store(gateway()).await;
    let receivers: Vec<_> =
        (0..RECEIVERS).map(|number| json!({ "receive_id": format!("oc_{number}") })).collect();
    let asked = gateway.broadcast([]).body(json!({ "receivers": receivers }).to_string());
    let accepted = broadcast(&asked.send().await, 202);
    let path = path(&accepted);
    let mut before = Value::Null;
    let ended = loop {
        let now = broadcast(&Answer::of(gateway.call("GET", &path)).await, 200);
        if now["finished_at"].is_string() {
            break now;
        }
        // Time passes once what it allowed has been done.
        if now["counts"] == before {
            gateway.step(STEP).await;
        }
        before = now["counts"].clone();
    };
    assert_eq!(ended["counts"]["delivered"], RECEIVERS);
    let mut messages: HashMap<String, usize> = HashMap::new();
    for delivery in gateway.deliveries() {
        *messages.entry(delivery.receive_id).or_default() += 1;
    }
    assert_eq!(messages.len(), RECEIVERS as usize);
    assert!(messages.values().all(|count| *count == 1));
    let created_at = time(&accepted["created_at"]);
    let took = time(&ended["finished_at"]).duration_since(created_at).as_secs_f64();
    let foretold = time(&accepted["estimated_finish_at"]).duration_since(created_at).as_secs_f64();
    assert!((foretold * 0.8..foretold * 1.5).contains(&took), "{took} s, {foretold} s foretold");
}
