//! A Feishu without a network, for tests on paused time: waiting for a network would let the time run.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::header::HeaderMap;
use reqwest::{Request, StatusCode};

use super::error::CallError;
use super::wire::Answer;

/// An answer (HTTP status, headers and body), or how the call fails.
pub(crate) type FakeAnswer = Result<(u16, HeaderMap, String), CallError>;

/// Answers by a closure, which clones share.
#[derive(Clone)]
pub(crate) struct FakeFeishu(Arc<dyn Fn(Request) -> PendingAnswer + Send + Sync>);

type PendingAnswer = Pin<Box<dyn Future<Output = FakeAnswer> + Send>>;

impl FakeFeishu {
    pub(crate) fn new<F: Future<Output = FakeAnswer> + Send + 'static>(
        answer: impl Fn(Request) -> F + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |request| Box::pin(answer(request))))
    }

    pub(super) async fn answer(&self, request: Request) -> Result<Answer, CallError> {
        let (status, headers, body) = (self.0)(request).await?;
        let status = StatusCode::from_u16(status).expect("an HTTP status");
        Ok(Answer::new(status, headers, body.into()))
    }
}

impl fmt::Debug for FakeFeishu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeFeishu")
    }
}
