//! The body of a request: declared as JSON or not at all, no larger than allowed, and complete in time.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::body::{SizedStream, to_bytes_limited};
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, web};

use crate::api::dialect::Dialect;
use crate::api::http::context::RequestContext;
use crate::api::http::places::Holder;
use crate::api::problems::problem::{InvalidField, Problem};
use crate::api::sanitize;
use crate::clock::{Clock, Elapsed};
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

/// The bounds on a request's body.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Largest size in bytes.
    pub max_size: usize,
    /// Longest time from a request's head to the end of its body.
    pub timeout: Duration,
}

impl BodyLimits {
    /// The bounds of the listener that a request came to.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let Some(limits) = request.app_data::<web::Data<Self>>() else {
            unreachable!("every application of the public listener has BodyLimits");
        };
        ***limits
    }
}

/// What the buffer of a body holds, in bytes, before it grows, if the body's length is not declared.
const USUAL_LENGTH: u64 = 1024;

/// The whole body of a request.
pub(crate) struct Body(pub(crate) Bytes);

impl FromRequest for Body {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let max_size = BodyLimits::of(request).max_size;
        Self::read(request, payload, max_size)
    }
}

impl Body {
    /// The body of a request, which may have `max_size` bytes.
    pub(crate) fn read(
        request: &HttpRequest,
        payload: &mut Payload,
        max_size: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Self, Problem>>>> {
        let Some(clock) = request.app_data::<web::Data<Clock>>().cloned() else {
            unreachable!("every application of the public listener has a Clock");
        };
        let timeout = BodyLimits::of(request).timeout;
        let declared = match Dialect::of(request) {
            Dialect::Gateway => require_json(request.headers()),
            // Feishu's SDK for Python sends a token call without a Content-Type.
            Dialect::Feishu => require_plain(request.headers()),
        };
        let length = declared_length(request.headers());
        let declared = declared.and_then(|()| require_length(length, max_size));
        let payload = web::Payload::from_request(request, payload);
        let deadline = clock.now() + timeout;
        let request = request.clone();
        Box::pin(async move {
            declared?;
            // A caller that has shown its key holds the place already.
            RequestContext::hold_place(&request, Holder::Strangers)?;
            RequestContext::update(&request, |context| context.reads_body = true);
            let payload = payload.await.map_err(|error| unreadable(&error))?;
            // Without the declared length, each body would get a buffer of 32 KiB.
            let length = length.unwrap_or(USUAL_LENGTH.min(max_size as u64));
            let sized = SizedStream::new(length, payload);
            match clock.timeout_at(deadline, to_bytes_limited(sized, max_size)).await {
                Ok(Ok(Ok(body))) => Ok(Self(body)),
                Ok(Ok(Err(error))) => Err(unreadable(&error.into())),
                Ok(Err(_)) => Err(too_large(max_size)),
                Err(Elapsed) => Err(too_slow(timeout)),
            }
        })
    }
}

/// Refuses a body that is compressed.
fn require_plain(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let detail = Wording::new(
            "The request has the header Content-Encoding; send the body uncompressed and without this header.",
            "请求带有 Content-Encoding 请求头；请直接发送未压缩的请求体，并去掉该请求头。",
        );
        return Err(Problem::new(ProblemKind::UnsupportedMediaType, detail));
    }
    Ok(())
}

/// Refuses a body that is compressed or declared as anything but JSON.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    require_plain(headers)?;
    let Some(content_type) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let media_type =
        content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    if media_type.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(not_json(media_type.trim()))
}

/// The problem of a body that is declared as another media type than JSON.
pub(crate) fn not_json(media_type: &str) -> Problem {
    // `curl -d` declares this type unless it is given another one.
    if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let detail = Wording::new(
            "The body is declared as form data; send the header Content-Type: application/json.",
            "请求体声明为表单数据；请设置请求头 Content-Type: application/json。",
        );
        return Problem::new(ProblemKind::UnsupportedMediaType, detail);
    }
    let media_type = sanitize::name(media_type);
    let detail = Wording::new(
        format!("The body is declared as {media_type:?}, not as application/json."),
        format!("请求体声明为 {media_type:?}，而不是 application/json。"),
    );
    Problem::new(ProblemKind::UnsupportedMediaType, detail)
}

/// Refuses a body by its `Content-Length`, before any of it is read.
fn require_length(length: Option<u64>, max_size: usize) -> Result<(), Problem> {
    if length.is_some_and(|length| length > max_size as u64) {
        return Err(too_large(max_size));
    }
    Ok(())
}

/// The value of `Content-Length`, in bytes.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(crate) fn too_large(max_size: usize) -> Problem {
    let detail = Wording::new(
        format!("The body is larger than {max_size} bytes."),
        format!("请求体超过 {max_size} 字节。"),
    );
    Problem::new(ProblemKind::BodyTooLarge, detail)
}

pub(crate) fn too_slow(timeout: Duration) -> Problem {
    let seconds = timeout.as_secs_f64();
    let detail = Wording::new(
        format!("The body had not arrived {seconds} s after the head."),
        format!("收到请求头 {seconds} 秒后仍未收到完整的请求体。"),
    );
    Problem::new(ProblemKind::RequestTimeout, detail)
}

fn unreadable(error: &actix_web::Error) -> Problem {
    let detail =
        Wording::new(format!("could not be read: {error}"), "无法完整读取，连接或分块编码有误");
    Problem::invalid(vec![InvalidField::new("body", detail)])
}
