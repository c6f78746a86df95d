//! A connection that a test writes and reads byte by byte.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Answer, guarded};

/// One connection.
pub struct Wire {
    stream: TcpStream,
    /// What has come and no answer holds yet.
    came: Vec<u8>,
}

impl Wire {
    /// Connects to the address of this URL, which has no path.
    pub async fn to(url: &str) -> Self {
        let address = url.trim_start_matches("http://");
        let stream = guarded(TcpStream::connect(address)).await.expect("it listens");
        Self { stream, came: Vec::new() }
    }

    /// Writes these bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        guarded(self.stream.write_all(bytes.as_ref())).await.expect("the connection is open");
    }

    /// The next answer, which must come whole.
    pub async fn answer(&mut self) -> Answer {
        while self.head_length().is_none() {
            assert!(self.read().await > 0, "it ended inside a head: {self:?}");
        }
        let head: Vec<u8> = self.came.drain(..self.head_length().unwrap_or_default()).collect();
        let head = String::from_utf8(head).expect("UTF-8");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers: HeaderMap = lines.filter_map(header).collect();
        let length = headers.get("content-length").map_or("0", |it| it.to_str().expect("digits"));
        let length: usize = length.parse().expect("a length");
        while self.came.len() < length {
            assert!(self.read().await > 0, "it ended inside a body: {self:?}");
        }
        let body = self.came.drain(..length).collect();
        Answer { status: status.expect("a status"), headers, body }
    }

    /// The next answer, which must come whole. None if the gateway closes the connection instead.
    pub async fn answer_or_end(&mut self) -> Option<Answer> {
        if self.came.is_empty() && self.read().await == 0 {
            return None;
        }
        Some(self.answer().await)
    }

    /// Returns once the gateway has closed the connection. It must have sent nothing more.
    pub async fn ended(mut self) {
        let count = self.read().await;
        assert!(count == 0 && self.came.is_empty(), "more came: {self:?}");
    }

    /// Whether there is nothing to read now, not even the end.
    pub fn is_silent(&self) -> bool {
        let found = self.stream.try_read(&mut [0]);
        found.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    fn head_length(&self) -> Option<usize> {
        Some(self.came.windows(4).position(|four| four == b"\r\n\r\n")? + 4)
    }

    async fn read(&mut self) -> usize {
        guarded(self.stream.read_buf(&mut self.came)).await.expect("the connection is not reset")
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.came))
    }
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(": ")?;
    Some((name.try_into().expect("a header's name"), value.try_into().expect("a header's value")))
}
