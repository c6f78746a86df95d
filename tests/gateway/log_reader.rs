//! The reader of the log may stop, leave and come back. No caller notices.

use feishu_simulator::{Api, Fault, FaultKind};
use reqwest::Client;
use serde_json::Value;

use crate::program::{Served, client, listening_at, serve};
use gateway_harness::{Answer, Metrics, Wire, eventually, guarded, run_program_unread};

const DROPPED: &str = "feishu_gateway_log_lines_dropped_total";
/// More lines for each request, so that fewer requests fill the buffer.
const ALL: (&str, &str) = ("GATEWAY__LOG__FILTER", "trace");

async fn metrics(served: &Served, client: &Client) -> Metrics {
    let answer = Answer::of(client.get(format!("{}/metrics", served.admin))).await;
    Metrics::parse(&answer.text())
}

/// Sends requests until lines are dropped. Each is answered.
async fn flood(served: &Served, client: &Client) {
    // It costs little, and its lines are long.
    let request_id = "x".repeat(128);
    let request = format!("GET /nope HTTP/1.1\r\nHost: x\r\nX-Request-Id: {request_id}\r\n\r\n");
    let mut wire = Wire::to(&served.api).await;
    guarded(async {
        while metrics(served, client).await.count(DROPPED, &[]) == 0 {
            wire.send(request.repeat(200)).await;
            for _ in 0..200 {
                assert_eq!(wire.answer().await.status, 404);
            }
        }
    })
    .await;
}

#[actix_web::test]
async fn a_gateway_whose_log_nobody_reads_answers_counts_and_ends() {
    for format in ["json", "text"] {
        let mut served = serve(&[ALL, ("GATEWAY__LOG__FORMAT", format)]).await;
        let client = client();
        flood(&served, &client).await;
        Answer::of(served.forward("oc_1", "one")).await.message_id();
        for path in ["livez", "readyz"] {
            let answer = Answer::of(client.get(format!("{}/{path}", served.admin))).await;
            assert_eq!(answer.status, 200, "{path}");
        }
        assert_eq!(metrics(&served, &client).await.count(DROPPED, &[("target", "audit")]), 0);
        served.program.signal("TERM");
        assert_eq!(served.program.exit_code().await, Some(0), "{format}");
    }
}

#[actix_web::test]
async fn a_second_signal_ends_a_gateway_whose_log_nobody_reads() {
    let mut served = serve(&[
        ALL,
        ("GATEWAY__FEISHU__ATTEMPT_TIMEOUT", "10m"),
        ("GATEWAY__FEISHU__DEADLINE", "10m"),
        ("GATEWAY__SERVER__DRAIN_TIMEOUT", "10m"),
    ])
    .await;
    let client = client();
    flood(&served, &client).await;
    let silence = Fault { api: Some(Api::Forward), ..Fault::once(FaultKind::Silence) };
    served.simulator.add_fault(silence);
    let in_flight = actix_web::rt::spawn(served.forward("oc_1", "one").send());
    eventually(|| served.simulator.ledger().of(Api::Forward).count() == 1).await;
    served.program.signal("TERM");
    let ready =
        || async { Answer::of(client.get(format!("{}/readyz", served.admin))).await.status == 200 };
    guarded(async { while ready().await {} }).await;
    served.program.signal("TERM");
    assert_eq!(served.program.exit_code().await, Some(130));
    assert!(in_flight.await.unwrap().is_err());
}

#[actix_web::test]
async fn a_reader_that_comes_back_finds_whole_lines_and_the_audit_lines_of_meanwhile() {
    let mut served = serve(&[ALL]).await;
    let client = client();
    flood(&served, &client).await;
    for number in 0..20 {
        let forward = served.forward(&format!("oc_{number}"), &format!("meanwhile-{number}"));
        Answer::of(forward).await.message_id();
    }
    for number in 0..20 {
        let line = loop {
            let line = served.program.line_with("").await;
            let line: Value = serde_json::from_str(&line).expect("a whole line");
            if line["target"] == "audit" {
                break line;
            }
        };
        assert_eq!(line["request_id"], format!("meanwhile-{number}"));
    }
    Answer::of(served.forward("oc_1", "afterwards")).await.message_id();
    served.program.line_with("afterwards").await;
    assert_eq!(metrics(&served, &client).await.count(DROPPED, &[("target", "audit")]), 0);
}

#[actix_web::test]
async fn a_gateway_whose_log_is_closed_answers_counts_and_ends() {
    let mut served = serve(&[]).await;
    let client = client();
    served.program.stop_reading();
    guarded(async {
        while metrics(&served, &client).await.count(DROPPED, &[("target", "audit")]) == 0 {
            Answer::of(served.forward("oc_1", "closed")).await.message_id();
        }
    })
    .await;
    served.program.signal("TERM");
    assert_eq!(served.program.exit_code().await, Some(0));
}

#[test]
fn a_start_that_fails_ends_though_nobody_reads_why() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_eq!(run_program_unread(&["serve"], &listening_at(&address)), Some(1));
    assert_eq!(run_program_unread(&["serve"], &[]), Some(2));
    assert_eq!(run_program_unread(&["dev", "--listen", &address], &[]), Some(1));
}
