//! A receiver of webhooks that answers as it is told to.

use std::collections::VecDeque;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedSender;

/// The beginning of an answer whose body has no end.
pub(super) const ENDLESS: &str = "HTTP/1.1 200 OK\r\n\r\n";
/// No answer at all.
pub(super) const SILENCE: &str = "";

/// A post that the receiver has got.
pub(super) struct Post {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Post {
    /// The value of a header that the post must have.
    pub(super) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.next().expect(name).1
    }

    async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let end = loop {
            stream.read_buf(&mut bytes).await.unwrap();
            if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8(bytes.drain(..end).collect()).unwrap();
        let mut post = Self { head, body: bytes };
        let length: usize = post.header("content-length").parse().unwrap();
        while post.body.len() < length {
            stream.read_buf(&mut post.body).await.unwrap();
        }
        post
    }
}

/// Answers posts with these answers, one after the other. It reports each post before it answers.
pub(super) async fn receive(
    listener: TcpListener,
    answers: Vec<&'static str>,
    posts: UnboundedSender<Post>,
) {
    let (mut answers, mut silent) = (VecDeque::from(answers), Vec::new());
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        posts.send(Post::read(&mut stream).await).unwrap();
        let answer = answers.pop_front().expect("no more posts");
        stream.write_all(answer.as_bytes()).await.unwrap();
        match answer {
            SILENCE => silent.push(stream),
            // It ends when the gateway closes the connection.
            ENDLESS => while stream.write_all(&[b'x'; 1 << 12]).await.is_ok() {},
            _ => {}
        }
    }
}
