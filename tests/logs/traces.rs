//! `trace_id` in each line of a request: the caller's trace, or a new one.

use serde_json::Value;

use gateway_harness::log::{capture, is_seen_at_info, lines_of};
use gateway_harness::{Forward, gateway};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// The trace in every line of the request, which must be the same one in all of them.
#[track_caller]
pub(crate) fn trace_of(request_id: &str) -> String {
    let lines = lines_of(request_id);
    let seen: Vec<&Value> = lines.iter().filter(|it| is_seen_at_info(it)).collect();
    assert!(seen.iter().any(|it| it["message"] == "answered"), "{lines:#?}");
    let traces: Vec<&Value> = seen.iter().map(|it| &it["span"]["trace_id"]).collect();
    let first = traces[0].as_str().expect("a trace");
    assert!(traces.iter().all(|it| *it == first), "{seen:#?}");
    first.to_owned()
}

/// A request's trace in the log, which is that of the problem too if it is answered with one.
async fn trace(request_id: &str, forward: Forward) -> String {
    let answer = forward.header("x-request-id", request_id).send().await;
    let trace = trace_of(request_id);
    if answer.status != 200 {
        assert_eq!(answer.json()["trace_id"], trace, "{}", answer.text());
    }
    trace
}

#[actix_web::test]
async fn a_request_belongs_to_the_trace_of_its_caller() {
    capture();
    let gateway = gateway().start().await;
    let traceparent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let delivered = gateway.forward("oc_1").header("traceparent", &traceparent);
    assert_eq!(trace("trace-delivered", delivered).await, TRACE);
    let audited = lines_of("trace-delivered").iter().any(|it| it["target"] == "audit");
    assert!(audited, "the audit line is one of them");
    let refused = gateway.forward("oc 1").header("traceparent", &traceparent);
    assert_eq!(trace("trace-refused", refused).await, TRACE);
    let unknown = gateway.forward("oc_1").header("traceparent", &traceparent).without("x-api-key");
    assert_eq!(trace("trace-unknown", unknown).await, TRACE);
    let no_route = gateway.forward("").path("/nope").header("traceparent", &traceparent);
    assert_eq!(trace("trace-no-route", no_route).await, TRACE);
}

#[actix_web::test]
async fn a_request_without_one_valid_traceparent_begins_a_trace_of_its_own() {
    capture();
    let gateway = gateway().start().await;
    let mut traces = Vec::new();
    for (number, wrong) in ["", "00", &format!("00-{TRACE}-0000000000000000-01")].iter().enumerate()
    {
        let forward = gateway.forward("oc 1").header("traceparent", wrong);
        traces.push(trace(&format!("trace-wrong-{number}"), forward).await);
    }
    traces.push(trace("trace-none", gateway.forward("oc 1")).await);
    traces.push(trace("trace-none-2", gateway.forward("oc 1")).await);
    for trace in &traces {
        assert!(trace.len() == 32 && trace != TRACE, "{trace}");
        assert_eq!(traces.iter().filter(|it| *it == trace).count(), 1, "{traces:?}");
    }
}
