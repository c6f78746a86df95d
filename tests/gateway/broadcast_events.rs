//! Following a broadcast by server-sent events.

use std::time::Duration;

use serde_json::{Value, json};

use crate::broadcasts::{broadcast, finished, held, path, with_store};
use gateway_harness::{Answer, Gateway, gateway, guarded, refuses_connections};

/// A stream of events as it is read.
struct Events {
    response: reqwest::Response,
    came: String,
}

impl Events {
    async fn of(gateway: &Gateway, path: &str, last: Option<&str>) -> Self {
        let mut request = gateway.call("GET", &format!("{path}/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = guarded(request.send()).await.expect("an answer");
        assert_eq!(response.status(), 200);
        let header = |name| response.headers().get(name).and_then(|it| it.to_str().ok());
        assert_eq!(header("content-type"), Some("text/event-stream"));
        assert_eq!(header("cache-control"), Some("no-store"));
        assert_eq!(header("x-accel-buffering"), Some("no"));
        Self { response, came: String::new() }
    }

    /// The next event or comment, as it came. None at the end.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.came.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.came = rest;
                return Some(event);
            }
            let chunk = guarded(self.response.chunk()).await.expect("no broken stream");
            let Some(chunk) = chunk else {
                assert!(self.came.is_empty(), "{}", self.came);
                return None;
            };
            self.came.push_str(str::from_utf8(&chunk).expect("UTF-8"));
        }
    }

    /// The next event or comment, for which time passes.
    async fn next_in_time(&mut self, gateway: &Gateway) -> Option<String> {
        let next = self.next();
        tokio::pin!(next);
        loop {
            tokio::select! {
                biased;
                event = &mut next => return event,
                () = tokio::task::yield_now() => gateway.advance(Duration::from_millis(50)),
            }
        }
    }
}

/// The name, the id and the data of an event.
#[track_caller]
fn parts(event: &str) -> (String, String, Value) {
    let mut lines = event.lines();
    let mut line = |name: &str| {
        let line = lines.next().and_then(|it| it.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name}: {event}")).to_owned()
    };
    let (name, id) = (line("event"), line("id"));
    (name, id, serde_json::from_str(&line("data")).expect("JSON"))
}

#[actix_web::test]
async fn a_stream_begins_with_the_state_now_and_ends_with_the_broadcast() {
    let (gateway, _directory) = held().await;
    let path = path(&broadcast(&gateway.broadcast(["oc_1", "oc_2"]).send().await, 202));
    gateway.forwards_reach(2).await;
    let mut events = Events::of(&gateway, &path, None).await;
    let (name, first, data) = parts(&events.next().await.expect("the state now"));
    assert_eq!((&*name, &data["state"]), ("progress", &json!("running")));
    gateway.in_flight_are(1).await;

    gateway.simulator.clear_faults();
    let (mut last, mut data) = (first.clone(), data);
    let mut name = name;
    while name != "completed" {
        let event = events.next_in_time(&gateway).await.expect("more events");
        if event == ":" {
            continue;
        }
        let (next, id, now) = parts(&event);
        assert!(id.parse::<u64>().expect("a number") > last.parse().expect("a number"));
        (name, last, data) = (next, id, now);
    }
    assert_eq!((&data["state"], &data["counts"]["delivered"]), (&json!("completed"), &json!(2)));
    assert_eq!(events.next().await, None);
    gateway.in_flight_are(0).await;

    // Who comes back gets the end, whatever it knows.
    for known in [None, Some(&*first), Some(&*last), Some("later")] {
        let mut events = Events::of(&gateway, &path, known).await;
        let (name, id, _) = parts(&events.next().await.expect("the end"));
        assert_eq!((&*name, &*id), ("completed", &*last));
        assert_eq!(events.next().await, None);
    }
}

#[actix_web::test]
async fn nothing_is_told_twice_and_a_quiet_stream_shows_that_it_is_alive() {
    let (gateway, _directory) = held().await;
    let path = path(&broadcast(&gateway.broadcast(["oc_1"]).send().await, 202));
    gateway.forwards_reach(1).await;
    let mut events = Events::of(&gateway, &path, None).await;
    let (_, id, _) = parts(&events.next().await.expect("the state now"));
    drop(events);
    gateway.in_flight_are(0).await;
    let mut events = Events::of(&gateway, &path, Some(&id)).await;
    let before = gateway.clock.now();
    // The attempt times out before long, so only the first seconds are quiet for sure.
    let next = events.next_in_time(&gateway).await.expect("an event or a comment");
    if next == ":" {
        assert!(gateway.clock.now() >= before + Duration::from_secs(15));
    } else {
        assert_ne!(parts(&next).1, id);
    }
}

#[actix_web::test]
async fn events_are_a_second_apart() {
    let (gateway, _directory) = held().await;
    let path = path(&broadcast(&gateway.broadcast(["oc_1", "oc_2"]).send().await, 202));
    gateway.forwards_reach(2).await;
    let mut events = Events::of(&gateway, &path, None).await;
    events.next().await.expect("the state now");
    let before = gateway.clock.now();
    let canceled = Answer::of(gateway.call("POST", &format!("{path}/cancel"))).await;
    assert_eq!(canceled.status, 200);
    let (_, _, data) = parts(&events.next_in_time(&gateway).await.expect("a change"));
    assert_eq!(data["state"], "canceled");
    assert!(gateway.clock.now() >= before + Duration::from_secs(1));
}

#[actix_web::test]
async fn a_stream_ends_when_the_process_begins_to_end() {
    let (mut gateway, _directory) = held().await;
    let path = path(&broadcast(&gateway.broadcast(["oc_1"]).send().await, 202));
    gateway.forwards_reach(1).await;
    let mut events = Events::of(&gateway, &path, None).await;
    events.next().await.expect("the state now");
    gateway.process.stop();
    assert_eq!(events.next().await, None);
    gateway.simulator.clear_faults();
    refuses_connections(&gateway.api).await;
    gateway.process.ended().await;
}

#[actix_web::test]
async fn a_stream_ends_with_its_key() {
    let setup = gateway().set("keys.tester.expires_at", "2026-01-01T00:00:30Z");
    let (gateway, _directory) = with_store(setup).await;
    gateway.spoil_every_forward(feishu_simulator::FaultKind::Held);
    let path = path(&broadcast(&gateway.broadcast(["oc_1"]).send().await, 202));
    gateway.forwards_reach(1).await;
    let mut events = Events::of(&gateway, &path, None).await;
    // The broadcast is canceled with its key, and finishes after that.
    while let Some(event) = events.next_in_time(&gateway).await {
        assert!(!event.contains("completed"), "an event for a key that has ended: {event}");
    }
    gateway.in_flight_are(0).await;
}

#[actix_web::test]
async fn who_asks_for_the_head_of_a_stream_gets_no_more() {
    let (gateway, _directory) = with_store(gateway()).await;
    let path = path(&broadcast(&gateway.broadcast(["oc_1"]).send().await, 202));
    finished(&gateway, &path).await;
    let head = Answer::of(gateway.call("HEAD", &format!("{path}/events"))).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    assert!(head.body.is_empty());
}
