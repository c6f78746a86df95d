//! What comes over a connection and is no HTTP, and what a connection costs.

use serde_json::Value;

use crate::program::{client, serve, serve_with_files};
use gateway_harness::{Answer, Metrics, Wire, guarded};

async fn metrics(admin: &str) -> Metrics {
    Metrics::parse(&Answer::of(client().get(format!("{admin}/metrics"))).await.text())
}

/// Returns once so many strangers are connected.
async fn connections_reach(admin: &str, count: u64) {
    let labels = [("listener", "public")];
    let now = async || metrics(admin).await.count("feishu_gateway_connections", &labels);
    guarded(async { while now().await < count {} }).await;
}

#[actix_web::test]
async fn noise_is_counted_and_wakes_nobody() {
    let mut served = serve(&[]).await;
    let large = [b"GET / HTTP/1.1\r\nHost: x\r\nX: ".to_vec(), vec![b'y'; 131_072 - 28]].concat();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03noise".to_vec();
    let noise: [(&str, Vec<u8>); 4] = [
        ("tls", hello),
        ("http2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("head_too_large", large),
        ("malformed", b"\x00\xff\r\n\r\n".to_vec()),
    ];
    for (listener, url) in [("public", &served.api), ("admin", &served.admin)] {
        for (reason, bytes) in &noise {
            let mut wire = Wire::to(url).await;
            wire.send(bytes).await;
            let status = wire.answer().await.status;
            assert_eq!(status, if *reason == "head_too_large" { 431 } else { 400 }, "{reason}");
            let labels = [("listener", listener), ("reason", reason)];
            let name = "feishu_gateway_connections_closed_total";
            let count = async || metrics(&served.admin).await.count(name, &labels);
            guarded(async { while count().await < 1 {} }).await;
            assert_eq!(count().await, 1, "{listener} {reason}");
        }
    }
    served.program.signal("TERM");
    for line in served.program.lines_to("\"stopped\"").await {
        let line: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(line["level"], "INFO", "{line:#}");
    }
}

#[actix_web::test]
async fn a_connection_takes_one_descriptor() {
    let served = serve(&[]).await;
    // The connection over which it is asked stays.
    metrics(&served.admin).await;
    let before = served.program.descriptors();
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(Wire::to(&served.api).await);
    }
    connections_reach(&served.admin, 100).await;
    let more = served.program.descriptors() - before;
    assert!((100..150).contains(&more), "{more} for 100 connections");
}

#[actix_web::test]
async fn callers_get_what_the_limit_on_open_files_leaves_and_forwards_have_theirs() {
    let served = serve_with_files(256).await;
    let line = served.started_with.iter().find(|line| line.contains("max_connections"));
    let line: Value = serde_json::from_str(line.expect("it says so")).expect("JSON");
    let numbers = ["limit", "configured", "max_connections"].map(|name| line[name].clone());
    assert_eq!(numbers, [256, 4096, 64].map(Value::from));
    assert_eq!(line["level"], "WARN");
    let mut crowd = Vec::new();
    for _ in 0..300 {
        crowd.push(Wire::to(&served.api).await);
    }
    for _ in 0..3 {
        Answer::of(served.forward("oc_1", "well")).await.message_id();
    }
    assert!(served.program.descriptors() < 200);
}
