//! The calls to the collector.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

use crate::tls;

/// Makes the calls of the SDK, which come from a thread without a runtime.
#[derive(Debug)]
pub(super) struct Collector {
    http: reqwest::Client,
    runtime: Handle,
    /// Whether the last call failed, so that a collector that is away is logged once.
    has_failed: Arc<AtomicBool>,
}

/// Longest time of a call. `OTEL_EXPORTER_OTLP_TIMEOUT` shortens the time of all attempts together.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes. It only says how many spans were refused.
const LARGEST_ANSWER: usize = 64 << 10;

impl Collector {
    pub(super) fn new(runtime: Handle) -> reqwest::Result<Self> {
        tls::use_ring();
        let http = reqwest::Client::builder()
            .user_agent(concat!("feishu-forward-gateway/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self { http, runtime, has_failed: Arc::default() })
    }
}

type Answered<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Collector {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Answered<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let (http, has_failed) = (self.http.clone(), Arc::clone(&self.has_failed));
        let call = self.runtime.spawn(async move {
            let answer = exchange(&http, request).await;
            note(&answer, &has_failed);
            answer
        });
        Box::pin(async move { call.await? })
    }
}

async fn exchange(
    http: &reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let mut response = http.execute(request.try_into()?).await?;
    let mut answer = Response::builder().status(response.status());
    if let Some(headers) = answer.headers_mut() {
        *headers = std::mem::take(response.headers_mut());
    }
    let mut body = BytesMut::new();
    while let Some(more) = response.chunk().await? {
        if body.len() + more.len() > LARGEST_ANSWER {
            break;
        }
        body.extend_from_slice(&more);
    }
    Ok(answer.body(body.freeze())?)
}

/// Logs that the collector fails, or takes spans again.
fn note(answer: &Result<Response<Bytes>, HttpError>, has_failed: &AtomicBool) {
    let failure = match answer {
        Ok(response) if response.status().is_success() => None,
        Ok(response) => Some(response.status().to_string()),
        Err(error) => Some(innermost(&**error)),
    };
    let failed_before = has_failed.swap(failure.is_some(), Ordering::Relaxed);
    match failure {
        Some(error) if !failed_before => tracing::warn!(error, "spans cannot be exported for now"),
        None if failed_before => tracing::info!("spans are exported again"),
        _ => {}
    }
}

/// The innermost cause: the outer ones repeat the URL, which may hold a password.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
