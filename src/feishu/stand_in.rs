//! Somebody who answers instead of Feishu, for tests on paused time: a network would let it run.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::header::HeaderMap;
use reqwest::{Request, StatusCode};

use super::error::CallError;
use super::wire::Answer;

/// An answer: HTTP status, headers and body; or how the call fails.
pub(crate) type Answered = Result<(u16, HeaderMap, String), CallError>;

/// Clones share it.
#[derive(Clone)]
pub(crate) struct StandIn(Arc<dyn Fn(Request) -> Answering + Send + Sync>);

type Answering = Pin<Box<dyn Future<Output = Answered> + Send>>;

impl StandIn {
    pub(crate) fn new<F: Future<Output = Answered> + Send + 'static>(
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

impl fmt::Debug for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StandIn")
    }
}
