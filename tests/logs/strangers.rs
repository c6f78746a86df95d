//! What callers make up is bounded before it stands in the log, and a key that was put into the wrong place
//! does not stand there at all.

use serde_json::Value;

use gateway_harness::log::{answered, capture, is_seen_at_info, lines};
use gateway_harness::{Answer, Gateway, Wire, gateway};

/// A key in the wrong place; its shape is that of one.
const PASTED: &str = "ffg_strangers000_pasted0Into0The0Wrong0Place";

async fn answer(gateway: &Gateway, request: impl AsRef<[u8]>) -> Answer {
    let mut wire = Wire::to(&gateway.api).await;
    wire.send(request).await;
    wire.answer().await
}

fn with_method(method: &str, path: &str, request_id: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: {request_id}\r\n\r\n")
}

#[actix_web::test]
async fn a_method_that_is_made_up_is_neither_logged_nor_counted_as_it_came() {
    capture();
    let gateway = gateway().start().await;
    let long = "X".repeat(100_000);
    for (number, method) in [&long, PASTED, "forward"].into_iter().enumerate() {
        for (place, path, status) in
            [("route", "/v1/messages/om_1/forward", 405), ("page", "/", 405), ("none", "/x", 404)]
        {
            let id = format!("strange-{place}-{number}");
            let answer = answer(&gateway, with_method(method, path, &id)).await;
            assert_eq!(answer.status, status);
            assert!(answer.body.len() < 4096, "{} bytes", answer.body.len());
            let line = answered(&id);
            assert_eq!(line["method"], "other");
            assert!(line.to_string().len() < 1024, "{line:#}");
            assert!(!line.to_string().contains(PASTED), "{line:#}");
        }
    }
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.count("feishu_gateway_http_requests_total", &[("method", "other")]), 9);
    for value in metrics.label_values() {
        assert!(value.len() <= 64 && !value.contains(PASTED), "{value}");
    }
}

#[actix_web::test]
async fn what_callers_make_up_elsewhere_is_bounded_too_and_no_key_is_seen() {
    capture();
    let gateway = gateway().start().await;
    let long = "y".repeat(60_000);
    let key = &gateway.key;
    let mut answers = Vec::new();
    for path in [format!("/{PASTED}"), format!("/problems/{PASTED}"), format!("/docs/{PASTED}")] {
        answers.push(answer(&gateway, with_method("GET", &path, "strange-path")).await);
    }
    for path in ["/", "/problems/", "/docs/", "/v1/messages/"] {
        let path = format!("{path}{long}");
        answers.push(answer(&gateway, with_method("GET", &path, "strange-long")).await);
    }
    for header in [
        format!("X-Request-Id: {PASTED}"),
        format!("X-Request-Id: {long}"),
        format!("Prefer: {PASTED}"),
        format!("Idempotency-Key: {long}"),
        format!("User-Agent: {PASTED}{long}"),
        format!("Accept-Language: {PASTED}{long}"),
        format!("Content-Type: {PASTED}{long}"),
        format!("Content-Encoding: {PASTED}{long}"),
        format!("traceparent: {PASTED}"),
    ] {
        let head = gateway.head(&format!("{header}\r\nContent-Length: 0\r\n"));
        answers.push(answer(&gateway, head).await);
    }
    let mut odd = gateway.head("").into_bytes();
    odd.splice(
        odd.len() - 2..,
        b"X-Request-Id: \xff\xfe\x80\r\nContent-Length: 0\r\n\r\n".to_vec(),
    );
    answers.push(answer(&gateway, odd).await);
    for answer in &answers {
        assert!(answer.body.len() < 8192, "{} bytes", answer.body.len());
        assert_ne!(answer.header("x-request-id"), Some(PASTED));
    }
    for text in lines() {
        let line: Value = serde_json::from_str(&text).expect("JSON");
        assert!(text.len() < 64 << 10, "{} bytes", text.len());
        if is_seen_at_info(&line) {
            assert!(!text.contains(PASTED) && !text.contains(key.as_str()), "{text}");
            assert!(!text.contains(&long[..1000]), "{text}");
        }
    }
}

#[actix_web::test]
async fn the_place_of_a_wrong_message_is_logged_and_no_name_that_only_looks_like_one() {
    capture();
    let gateway = gateway().start().await;
    let body = format!(
        "{{\"receive_id\":\"oc_1\",\"message_id_list\":[\"om_1\",7],\
         \"message_id_list[{PASTED}]\":1,\"message_id_list[123]\":1}}"
    );
    let merge = gateway.merge("oc_1", &[]).body(body).header("x-request-id", "strange-list");
    assert_eq!(merge.send().await.wrong_fields().len(), 3);
    let detail = "Not valid: an unknown one, an unknown one, message_id_list[1].";
    assert_eq!(answered("strange-list")["detail"], detail);
    let none = gateway.merge("oc_1", &[]).header("x-request-id", "strange-none");
    none.send().await.wrong_fields();
    assert_eq!(answered("strange-none")["detail"], "Not valid: message_id_list.");
    let thread = gateway.forward_thread("om_1", "oc_1").header("x-request-id", "strange-thread");
    thread.send().await.wrong_fields();
    assert_eq!(answered("strange-thread")["detail"], "Not valid: thread_id.");
}
