//! HTTP details, and the end of the server.

use feishu_simulator::{Options, Settings, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::feishu::Feishu;

/// Sends a request as text, and reads until the server closes the connection.
async fn raw(simulator: &Simulator, request: &str) -> String {
    let url = simulator.url();
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn header_names_are_in_title_case_and_the_body_has_its_length() {
    let feishu = Feishu::start_with(Settings { app_per_second: 0, ..Settings::default() }).await;
    let (token, _) = feishu.token().await;
    let request = format!(
        "POST /open-apis/im/v1/messages/om_1/forward HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    let answer = raw(&feishu.simulator, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Type: application/json; charset=utf-8\r\n"), "{head}");
    assert!(head.contains("\r\nX-Tt-Logid: "), "{head}");
    assert!(head.contains("\r\nX-Ogw-Ratelimit-Limit: 0\r\n"), "{head}");
    assert!(head.contains("\r\nX-Ogw-Ratelimit-Reset: 1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
}

#[tokio::test]
async fn a_connection_serves_several_requests() {
    let feishu = Feishu::start().await;
    let get = "GET /_simulator/clock HTTP/1.1\r\nHost: x\r\n";
    let answer = raw(&feishu.simulator, &format!("{get}\r\n{get}Connection: close\r\n\r\n")).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2);
}

#[tokio::test]
async fn after_stop_the_port_is_free_and_connections_are_closed() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let address = simulator.url().strip_prefix("http://").unwrap().to_owned();
    let mut open = TcpStream::connect(&address).await.unwrap();
    open.write_all(b"GET /_simulator/clock HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(open.read(&mut [0; 4096]).await.unwrap() > 0);
    simulator.stop().await;
    assert_eq!(open.read(&mut [0; 4096]).await.unwrap_or(0), 0);
    let listen = address.parse().unwrap();
    Simulator::start(Options { listen, ..Options::default() }).await.unwrap();
}

#[tokio::test]
async fn a_dropped_simulator_stops() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let address = simulator.url().strip_prefix("http://").unwrap().to_owned();
    let mut open = TcpStream::connect(&address).await.unwrap();
    open.write_all(b"GET /_simulator/clock HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(open.read(&mut [0; 4096]).await.unwrap() > 0);
    drop(simulator);
    assert_eq!(open.read(&mut [0; 4096]).await.unwrap_or(0), 0);
}
