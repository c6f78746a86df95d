//! Answers that are no HTTP, or HTTP without an end: a forward ends in its time, whatever comes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::program::serve;
use gateway_harness::Answer;

const TOKEN: &str = r#"{"code":0,"expire":7200,"msg":"ok","tenant_access_token":"t-1"}"#;
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/// Bytes that are sent once, and bytes that are sent after them until the connection ends.
type Saying = (&'static str, String, String);

fn sayings() -> Vec<Saying> {
    let saying = |name, once: &str, again: &str| (name, once.to_owned(), again.to_owned());
    let delivered = r#"{"code":0,"data":{"message_id":"om_new"}}"#;
    let length = delivered.len();
    vec![
        saying("interim answers", "", "HTTP/1.1 100 Continue\r\n\r\n"),
        saying("early hints", "", "HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n"),
        saying("a header", &format!("{HEAD}x: "), &"a".repeat(1000)),
        saying("headers", HEAD, "x: a\r\n"),
        saying(
            "many headers",
            &format!(
                "{HEAD}{}content-length: {length}\r\n\r\n{delivered}",
                "x-header: a\r\n".repeat(5000)
            ),
            "",
        ),
        saying("a reason", "HTTP/1.1 200 ", "OK "),
        saying("a status", "HTTP/1.1 2", "0"),
        saying("a huge status", &format!("HTTP/1.1 99999 OK\r\n\r\n{delivered}"), ""),
        saying("a body", &format!("{HEAD}\r\n"), "a"),
        saying("chunks", &format!("{HEAD}transfer-encoding: chunked\r\n\r\n"), "1\r\na\r\n"),
        saying("a chunk", &format!("{HEAD}transfer-encoding: chunked\r\n\r\nffffffff\r\n"), "a"),
        saying(
            "a chunk of 2^64",
            &format!("{HEAD}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n"),
            "a",
        ),
        saying("trailers", &format!("{HEAD}transfer-encoding: chunked\r\n\r\n0\r\n"), "x: a\r\n"),
        saying(
            "a length of 2^63",
            &format!("{HEAD}content-length: 9223372036854775808\r\n\r\n{delivered}"),
            "",
        ),
        saying(
            "two lengths",
            &format!("{HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\n{delivered}"),
            "",
        ),
        saying("no HTTP", "", "SSH-2.0-OpenSSH_9.2\r\n"),
        saying("zeros", "", "\0"),
        saying("nothing", "", ""),
    ]
}

/// Something on Feishu's address that hands out a token, and then says one thing after the other.
fn feishu() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let number = Arc::new(AtomicUsize::new(0));
    let next = Arc::clone(&number);
    // It ends with the process.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let next = Arc::clone(&next);
            thread::spawn(move || answer(stream, &next));
        }
    });
    (url, number)
}

/// Fails when the other side has gone, which is how it ends.
fn answer(mut stream: TcpStream, next: &AtomicUsize) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let length = stream.read(&mut request)?;
    if String::from_utf8_lossy(&request[..length]).contains("tenant_access_token") {
        let length = TOKEN.len();
        write!(stream, "{HEAD}connection: close\r\ncontent-length: {length}\r\n\r\n{TOKEN}")?;
        return Ok(());
    }
    let (_, once, again) = sayings().swap_remove(next.load(Relaxed));
    stream.write_all(once.as_bytes())?;
    while !again.is_empty() {
        stream.write_all(again.as_bytes())?;
    }
    // It keeps the connection until the gateway gives it up.
    stream.read(&mut request).map(drop)
}

#[actix_web::test]
async fn no_answer_without_an_end_keeps_a_forward_or_fills_the_memory() {
    let (url, number) = feishu();
    let served = serve(&[
        ("GATEWAY__FEISHU__BASE_URL", url.as_str()),
        ("GATEWAY__FEISHU__CONNECT_TIMEOUT", "200ms"),
        ("GATEWAY__FEISHU__ATTEMPT_TIMEOUT", "250ms"),
        ("GATEWAY__FEISHU__MAX_ATTEMPTS", "1"),
    ])
    .await;
    let before = served.program.resident();
    for (which, (name, ..)) in sayings().into_iter().enumerate() {
        number.store(which, Relaxed);
        let answer = Answer::of(served.forward(&format!("oc_{which}"), name)).await;
        let problem = answer.json();
        assert!([502, 504].contains(&answer.status), "{name}: {problem:#}");
        assert_eq!(problem["outcome"], "unknown", "{name}: {problem:#}");
    }
    let after = served.program.resident();
    assert!(after < before + 64, "{before} MiB became {after} MiB");
}
