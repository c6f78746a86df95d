//! How Feishu's servers treat connections: whether they speak HTTP/2, and when they close an idle one.
//!
//! Both look at a connection of their own, over which nothing secret is sent.

use std::io;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::super::handshake::{self, HTTP_1, HTTP_2};
use super::lab::Lab;
use super::lesson::Lesson;
use crate::model::wording::Wording;

/// Time to connect, and for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// Asks by ALPN whether the server speaks HTTP/2. It costs no call.
pub(super) async fn http_2(lab: &Lab<'_>) -> Lesson {
    const NAME: &str = "http_2";
    if !lab.route.is_tls {
        let answer = Wording::new("not checked: no TLS", "未测试：未使用 TLS");
        return Lesson::new(NAME, answer, json!(null));
    }
    let connect = handshake::connect_by_tls(lab.route, &[HTTP_2, HTTP_1]);
    let Ok(Ok(stream)) = lab.clock.timeout_at(lab.clock.now() + TIMEOUT, connect).await else {
        return not_connected(NAME);
    };
    let chosen = stream.get_ref().1.alpn_protocol();
    let chosen = chosen.map(|it| String::from_utf8_lossy(it).into_owned());
    let answer = if chosen.as_deref().is_some_and(|it| it.as_bytes() == HTTP_2) {
        Wording::new("offered", "支持")
    } else {
        Wording::new("not offered", "不支持")
    };
    Lesson::new(NAME, answer, json!({"alpn": chosen}))
}

/// Waits until the server closes a connection that is idle after an answer, or the patience ends. It costs no call.
pub(super) async fn idle_timeout(lab: &Lab<'_>) -> Lesson {
    const NAME: &str = "idle_timeout";
    let until = lab.clock.now() + TIMEOUT;
    let closed = if lab.route.is_tls {
        let connect = handshake::connect_by_tls(lab.route, &[HTTP_1]);
        match lab.clock.timeout_at(until, connect).await {
            Ok(Ok(stream)) => watch(lab, stream).await,
            _ => return not_connected(NAME),
        }
    } else {
        match lab.clock.timeout_at(until, handshake::connect(lab.route)).await {
            Ok(Ok(stream)) => watch(lab, stream).await,
            _ => return not_connected(NAME),
        }
    };
    let Ok(closed) = closed else { return not_connected(NAME) };
    let Some(after) = closed else {
        let seconds = lab.patience.as_secs();
        let answer = Wording::new(
            format!("still open after {seconds} s"),
            format!("空闲 {seconds} 秒后仍未关闭"),
        );
        let evidence = json!({"open_after_seconds": seconds});
        return Lesson::new(NAME, answer, evidence).set("idle_timeout_ms", json!(null));
    };
    // A server's setting is a whole number of seconds. One that closes at once has none.
    let seconds = (after + Duration::from_millis(500)).as_secs();
    let answer =
        Wording::new(format!("closed after {seconds} s"), format!("空闲 {seconds} 秒后被关闭"));
    Lesson::new(NAME, answer, json!({"seconds": seconds}))
        .set("idle_timeout_ms", (seconds * 1000).max(1))
}

/// Sends a request, reads the answer, and waits. Returns how long the connection was idle when the server closed it.
/// None: the patience ended before.
async fn watch(
    lab: &Lab<'_>,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<Option<Duration>> {
    let path = lab.caller.url("").path().to_owned();
    let host = &lab.route.host;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: feishu-forward-gateway\r\n\r\n"
    );
    let mut answer = vec![0; LONGEST_ANSWER];
    let exchange = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        stream.read(&mut answer).await
    };
    let clock = lab.clock;
    let read = clock.timeout_at(clock.now() + TIMEOUT, exchange).await;
    let mut read = read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut idle_since = clock.now();
    let end = idle_since + lab.patience;
    loop {
        // The rest of the answer comes too. What fills the buffer is no answer.
        if read == answer.len() {
            return Err(io::Error::other("the answer is too long"));
        }
        tokio::select! {
            biased;
            more = stream.read(&mut answer[read..]) => match more {
                Ok(more) if more > 0 => {
                    read += more;
                    idle_since = clock.now();
                }
                // Closed or reset.
                _ => return Ok(Some(clock.since(idle_since))),
            },
            () = clock.sleep_until(end) => return Ok(None),
        }
    }
}

fn not_connected(name: &'static str) -> Lesson {
    let answer =
        Wording::new("no result: the observed connection failed", "未得出结论：用于观察的连接失败");
    Lesson::new(name, answer, json!(null))
}
