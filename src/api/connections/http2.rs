//! HTTP/2, for callers that choose it in their TLS handshake.
//!
//! hyper speaks it: actix neither bounds the streams of a connection, nor ends a request whose caller has cancelled it,
//! nor tells callers that a connection ends.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::error::PayloadError;
use actix_http::{HttpMessage, Payload, Request, Response};
use actix_service::Service;
use actix_web::http::header::{HOST, HeaderName, HeaderValue};
use actix_web::http::{Method, Uri, Version};
use actix_web::rt;
use actix_web::web::Bytes;
use http_body_util::{BodyDataStream, BodyExt as _};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::api::connections::connection::ClientConnection;

/// Requests of one connection at the same time. A stream that its caller resets counts until it is gone, so a flood of
/// resets (CVE-2023-44487) gets no further.
const MOST_STREAMS: u32 = 100;
/// Streams that were reset before the gateway has looked at them, and streams that the gateway has reset because of what
/// came over them. One more ends the connection.
const MOST_RESETS: usize = 20;
const MOST_ERRORS: usize = 100;
/// Largest head of a request, in bytes, by the count of RFC 9113 (section 6.5.2).
const LARGEST_HEAD: u32 = 16 << 10;
/// Bytes of bodies that may come before the gateway has asked for more: of one request, and of a connection.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;
/// Bytes of one answer that wait until the caller takes them.
const SEND_BUFFER: usize = 64 << 10;

/// Answers the requests of a connection by `app`, to its end. Once `stopping` returns, or the connection is asked to leave,
/// the caller is told to send no more requests over it, and it ends with its last answer.
pub async fn serve_http2<A>(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    connection: Arc<ClientConnection>,
    app: Rc<A>,
    stopping: impl Future<Output = ()>,
) where
    A: Service<Request> + 'static,
    A::Response: Into<Response<BoxBody>>,
    A::Error: Into<Response<BoxBody>>,
    A::Future: 'static,
{
    let answered = Arc::clone(&connection);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let is_head = request.method() == http::Method::HEAD;
        let answer = app.call(to_actix(request, &answered));
        async move {
            let answer = answer.await.map_or_else(Into::into, Into::into);
            Ok::<_, Infallible>(to_hyper(answer, is_head))
        }
    });
    let serving = Builder::new(LocalTasks)
        .max_concurrent_streams(MOST_STREAMS)
        .max_pending_accept_reset_streams(MOST_RESETS)
        .max_local_error_reset_streams(MOST_ERRORS)
        .max_header_list_size(LARGEST_HEAD)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = async { tokio::select! { () = stopping => {}, () = connection.is_to_leave() => {} } } => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended
        && !is_gone(&error)
    {
        tracing::debug!(%error, "an HTTP/2 connection failed");
        connection.slots.report_closed(&connection.activity, "malformed");
    }
}

/// Whether the caller has closed the connection.
fn is_gone(error: &hyper::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<io::Error>() {
            return true;
        }
        cause = inner.source();
    }
    error.is_closed()
}

/// Runs the streams of a connection. They end with it.
#[derive(Clone)]
struct LocalTasks;

impl<F: Future<Output = ()> + 'static> Executor<F> for LocalTasks {
    fn execute(&self, stream: F) {
        drop(rt::spawn(stream));
    }
}

fn to_actix(request: http::Request<Incoming>, connection: &Arc<ClientConnection>) -> Request {
    let (parts, body) = request.into_parts();
    let mut request = Request::with_payload(payload(body));
    request.extensions_mut().insert(Arc::clone(connection));
    let head = request.head_mut();
    // What is right for hyper is right for actix: both have the rules of RFC 9110.
    head.method = Method::from_bytes(parts.method.as_str().as_bytes()).unwrap_or(Method::TRACE);
    // As HTTP/1 writes it: the path here and the authority in `Host`.
    let path = parts.uri.path_and_query().map_or("/", |it| it.as_str());
    head.uri = path.parse().unwrap_or(Uri::from_static("/"));
    head.version = Version::HTTP_2;
    head.peer_addr = connection.peer();
    let authority = parts.uri.authority().map(|it| HeaderValue::from_str(it.as_str()));
    if let Some(Ok(authority)) = authority {
        head.headers.insert(HOST, authority);
    }
    for (name, value) in &parts.headers {
        let value = HeaderValue::from_bytes(value.as_bytes());
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, value)
            && (name != HOST || !head.headers.contains_key(HOST))
        {
            head.headers.append(name, value);
        }
    }
    request
}

fn payload(body: Incoming) -> Payload {
    if body.is_end_stream() {
        return Payload::None;
    }
    let body = body.map_err(|error| PayloadError::Incomplete(Some(io::Error::other(error))));
    Payload::Stream { payload: Box::pin(BodyDataStream::new(body)) }
}

fn to_hyper(answer: Response<BoxBody>, is_head: bool) -> http::Response<AnswerBody> {
    let (answer, body) = answer.into_parts();
    let size = body.size();
    let body = if is_head { AnswerBody(BoxBody::new(())) } else { AnswerBody(body) };
    let mut response = http::Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(answer.status().as_u16())
        .unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in answer.headers() {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    if let BodySize::Sized(length) = size {
        headers.insert(http::header::CONTENT_LENGTH, length.into());
    }
    response
}

/// The body of an answer.
struct AnswerBody(BoxBody);

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.0).poll_next(context).map(|chunk| {
            // The error is not `Send`, so its words are kept.
            Some(chunk?.map(Frame::data).map_err(|error| io::Error::other(error.to_string())))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.size().is_eof()
    }

    fn size_hint(&self) -> SizeHint {
        match self.0.size() {
            BodySize::Sized(length) => SizeHint::with_exact(length),
            BodySize::None => SizeHint::with_exact(0),
            BodySize::Stream => SizeHint::default(),
        }
    }
}
