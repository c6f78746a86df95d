//! Faults that affect connections, outages, and connections without an answer.

use std::io::ErrorKind;
use std::net::SocketAddr;

use feishu_simulator::{Api, Fault, FaultKind, Phase, Settings};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::feishu::{FORWARD, Feishu, reply};

const PHASES: [(Phase, usize); 2] = [(Phase::BeforeCommit, 0), (Phase::AfterCommit, 1)];

fn before_request(kind: FaultKind) -> Fault {
    Fault { phase: Phase::BeforeRequest, ..Fault::once(kind) }
}

fn address(feishu: &Feishu) -> SocketAddr {
    feishu.simulator.url().strip_prefix("http://").unwrap().parse().unwrap()
}

async fn connect(feishu: &Feishu) -> TcpStream {
    TcpStream::connect(address(feishu)).await.unwrap()
}

/// Reads to the end, and returns the received bytes and the error kind, if the connection ended with an error.
async fn read_all(stream: &mut TcpStream) -> (Vec<u8>, Result<(), ErrorKind>) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await;
    (bytes, end.map(drop).map_err(|error| error.kind()))
}

/// Sends a forward over a new connection, and reads to the end.
async fn forward(feishu: &Feishu) -> (Vec<u8>, Result<(), ErrorKind>) {
    let (token, _) = feishu.token().await;
    let body = r#"{"receive_id":"oc_1"}"#;
    let length = body.len();
    let head = format!("POST {FORWARD} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n");
    let mut stream = connect(feishu).await;
    let request = format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    read_all(&mut stream).await
}

/// A simulator with a fault that affects the next forward.
async fn feishu_with(kind: FaultKind, phase: Phase) -> Feishu {
    let feishu = Feishu::start().await;
    feishu.simulator.add_fault(Fault { api: Some(Api::Forward), phase, ..Fault::once(kind) });
    feishu
}

/// The number of deliveries, and the status and the code of the last attempt in the ledger.
fn recorded(feishu: &Feishu) -> (usize, Option<u16>, Option<i64>) {
    let ledger = feishu.simulator.ledger();
    let last = ledger.attempts.last().unwrap();
    (ledger.deliveries.len(), last.status, last.code)
}

#[tokio::test]
async fn a_cut_is_an_end_of_file_and_a_reset_is_an_error() {
    let ends = [(FaultKind::Cut, Ok(())), (FaultKind::Reset, Err(ErrorKind::ConnectionReset))];
    for (kind, end) in ends {
        for (phase, delivered) in PHASES {
            let feishu = feishu_with(kind.clone(), phase).await;
            assert_eq!(forward(&feishu).await, (Vec::new(), end), "{kind:?}");
            assert_eq!(recorded(&feishu), (delivered, None, None));
        }
    }
}

#[tokio::test]
async fn a_reset_in_the_body_comes_after_the_headers_and_half_of_the_body() {
    for (phase, delivered) in PHASES {
        let feishu = feishu_with(FaultKind::ResetInBody, phase).await;
        let (bytes, end) = forward(&feishu).await;
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length = head.split_once("Content-Length: ").unwrap().1;
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        assert_eq!((body.len(), end), (length / 2, Err(ErrorKind::ConnectionReset)));
        assert_eq!(recorded(&feishu), (delivered, Some(200), None));
    }
}

#[tokio::test]
async fn garbage_is_bytes_that_are_not_http() {
    for (phase, delivered) in PHASES {
        let feishu = feishu_with(FaultKind::Garbage, phase).await;
        let (bytes, end) = forward(&feishu).await;
        assert!(bytes.len() > 10 && !bytes.starts_with(b"H"));
        assert_eq!((end, recorded(&feishu)), (Ok(()), (delivered, None, None)));

        let feishu = feishu_with(FaultKind::Garbage, phase).await;
        let request = feishu.authorized(FORWARD, &json!({"receive_id": "oc_1"})).await;
        assert!(request.send().await.is_err());
    }
}

#[tokio::test]
async fn a_fault_before_the_request_ends_a_connection_without_reading() {
    for kind in [FaultKind::Cut, FaultKind::Garbage] {
        let feishu = Feishu::start().await;
        feishu.simulator.add_fault(before_request(kind.clone()));
        // The test sends nothing, so the end of the connection cannot be a reaction to a request.
        let (bytes, end) = read_all(&mut connect(&feishu).await).await;
        assert_eq!((end, bytes.is_empty()), (Ok(()), kind == FaultKind::Cut), "{kind:?}");
        assert_eq!(feishu.simulator.ledger().attempts, []);
        assert_eq!(feishu.forward("oc_1").await.code(), 0);
    }
}

#[tokio::test]
async fn a_reset_before_the_request_comes_with_the_first_byte() {
    let feishu = Feishu::start().await;
    feishu.simulator.add_fault(before_request(FaultKind::Reset));
    let mut stream = connect(&feishu).await;
    assert_eq!(feishu.forward("oc_1").await.code(), 0);
    assert_eq!(stream.try_read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    stream.write_all(b"P").await.unwrap();
    assert_eq!(read_all(&mut stream).await, (Vec::new(), Err(ErrorKind::ConnectionReset)));
    assert_eq!(feishu.simulator.ledger().attempts.len(), 2, "the token and the forward");
}

#[tokio::test]
async fn silence_before_the_request_keeps_the_connection_open_without_an_answer() {
    let feishu = Feishu::start().await;
    feishu.simulator.add_fault(before_request(FaultKind::Silence));
    let mut silent = connect(&feishu).await;
    silent.write_all(b"GET /_simulator/clock HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(feishu.forward("oc_1").await.code(), 0);
    let unread = silent.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(unread.kind(), ErrorKind::WouldBlock);
    silent.shutdown().await.unwrap();
    assert_eq!(read_all(&mut silent).await, (Vec::new(), Ok(())));
    assert_eq!(feishu.simulator.ledger().attempts.len(), 2, "the token and the forward");
}

#[tokio::test]
async fn a_fault_before_the_request_affects_only_new_connections_and_as_many_as_requested() {
    let feishu = Feishu::start().await;
    feishu.token().await;
    feishu.simulator.add_fault(Fault { times: Some(2), ..before_request(FaultKind::Cut) });
    feishu.token().await;
    for left in [1, 0] {
        assert_eq!(read_all(&mut connect(&feishu).await).await, (Vec::new(), Ok(())));
        let faults = feishu.simulator.faults();
        assert_eq!(faults.iter().filter_map(|fault| fault.times).sum::<u32>(), left);
    }
    assert_eq!(forward(&feishu).await.1, Ok(()));
    assert_eq!(feishu.simulator.ledger().deliveries.len(), 1);
}

#[tokio::test]
async fn a_fault_that_needs_a_request_affects_no_connection() {
    let feishu = Feishu::start().await;
    for fault in [
        before_request(FaultKind::CutInBody),
        Fault { api: Some(Api::Forward), ..before_request(FaultKind::Cut) },
        Fault { receive_id: Some("oc_1".into()), ..before_request(FaultKind::Cut) },
    ] {
        feishu.simulator.add_fault(fault);
    }
    assert_eq!(feishu.forward("oc_1").await.code(), 0);
    assert_eq!(feishu.simulator.faults().len(), 3);
}

#[tokio::test]
async fn after_an_outage_the_port_and_the_state_are_unchanged() {
    let feishu = Feishu::start().await;
    let original = feishu.forward_once("oc_1", "u").await.message_id();
    for _ in 0..3 {
        let mut open = connect(&feishu).await;
        feishu.simulator.refuse_connections().await;
        assert_eq!(read_all(&mut open).await.0, Vec::<u8>::new());
        let refused = TcpStream::connect(address(&feishu)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        feishu.simulator.refuse_connections().await;
        feishu.simulator.accept_connections().await;
        feishu.simulator.accept_connections().await;
        assert_eq!(feishu.forward_once("oc_1", "u").await.message_id(), original);
    }
    assert_eq!(feishu.simulator.ledger().deliveries.len(), 1);
}

#[tokio::test]
async fn an_outage_closes_a_connection_that_gets_no_answer() {
    let feishu = feishu_with(FaultKind::Silence, Phase::AfterCommit).await;
    let (attempt, ()) = tokio::join!(forward(&feishu), async {
        while feishu.simulator.ledger().deliveries.is_empty() {
            tokio::task::yield_now().await;
        }
        feishu.simulator.refuse_connections().await;
    });
    assert_eq!(attempt.0, Vec::<u8>::new());
}

/// Requests an outage over the control API.
async fn refuse(feishu: &Feishu, ms: u64) {
    let body = json!({"ms": ms}).to_string();
    let request = feishu.request(Method::POST, "/_simulator/refuse").body(body);
    assert_eq!(reply(request).await.json(), json!({"ok": true}));
}

#[tokio::test]
async fn connections_can_be_refused_for_a_while_over_the_control_api() {
    let feishu = Feishu::start().await;
    let mut open = connect(&feishu).await;
    refuse(&feishu, 3_600_000).await;
    let refused = TcpStream::connect(address(&feishu)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(read_all(&mut open).await.0, Vec::<u8>::new());

    // The connection of the first request to the control API is still open, and can request a shorter outage.
    feishu.simulator.accept_connections().await;
    refuse(&feishu, 1).await;
    while TcpStream::connect(address(&feishu)).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(feishu.forward("oc_1").await.code(), 0);
}

#[tokio::test]
async fn a_message_is_delivered_although_the_caller_gives_up_during_a_slow_drip() {
    let drip = FaultKind::SlowDrip { ms_per_byte: 3_600_000 };
    for (phase, _) in PHASES {
        let feishu = feishu_with(drip.clone(), phase).await;
        let request = feishu.authorized(FORWARD, &json!({"receive_id": "oc_1"})).await;
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        drop(response);
        assert_eq!(recorded(&feishu), (1, Some(200), Some(0)));
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_an_answer_if_the_settings_say_so() {
    let settings = Settings { idle_timeout_ms: Some(1), ..Settings::default() };
    let feishu = Feishu::start_with(settings).await;
    let mut stream = connect(&feishu).await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: feishu\r\n\r\n").await.unwrap();
    let (bytes, ended) = read_all(&mut stream).await;
    assert!(bytes.starts_with(b"HTTP/1.1 404") && ended.is_ok());
}
