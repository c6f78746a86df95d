//! How the apps are, for readiness.

use std::sync::Arc;
use std::time::Duration;

use crate::feishu::codes::Code;
use crate::feishu::error::CallError;

/// How an app is.
#[derive(Clone, Debug)]
pub struct AppHealth {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// How long the gateway has had it.
    pub age: Duration,
    /// Whether it has ever had a tenant token.
    pub has_had_token: bool,
    /// How long its tenant token is still valid. None if there is no valid one.
    pub token_expires_in: Option<Duration>,
    /// Why it has no token, or why its token is not renewed.
    pub token_error: Option<Arc<CallError>>,
    /// The codes with which Feishu refuses it, and the time for which each of them blocks it.
    pub refused_with: Vec<(&'static Code, Duration)>,
}
