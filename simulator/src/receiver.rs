//! The HTTP client with which the simulator calls the receiver of events.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// The largest size of an answer in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Posts a body to a URL with the scheme `http` over a new connection. Returns the status and the body of the answer.
pub(crate) async fn post(
    url: &str,
    headers: &[(String, String)],
    body: String,
) -> io::Result<(u16, String)> {
    let url = Url::parse(url).map_err(io::Error::other)?;
    let host = url.host_str().ok_or_else(|| io::Error::other("the URL has no host"))?;
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let mut request = Request::post(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header(HOST, &url[url::Position::BeforeHost..url::Position::AfterPort]);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::<Bytes>::from(body)).map_err(io::Error::other)?;
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let _connection = AbortOnDrop(tokio::spawn(connection));
    let (head, body) = sender.send_request(request).await.map_err(io::Error::other)?.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(io::Error::other)?;
    Ok((head.status.as_u16(), String::from_utf8_lossy(&body.to_bytes()).into_owned()))
}

/// Whether something can be pushed to this URL.
pub(crate) fn is_push_url(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "http" && url.has_host())
}

/// Ends the task of a connection together with the exchange over it.
struct AbortOnDrop(tokio::task::JoinHandle<hyper::Result<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
