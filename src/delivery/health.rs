//! How the apps are, for readiness.

use std::sync::Arc;
use std::time::Duration;

use super::apps::KnownApp;
use crate::clock::Moment;
use crate::feishu::codes::Code;
use crate::feishu::error::CallError;

/// How an app is.
#[derive(Clone, Debug)]
pub struct AppHealth {
    /// The operator's name for it.
    pub name: Arc<str>,
    /// How long the gateway has had it.
    pub age: Duration,
    /// Whether callers may begin: a self-built app has had its tenant token. A store app always lets them, because Feishu
    /// pushes its ticket only to a gateway that is ready.
    pub may_begin: bool,
    /// How long its token is still valid: a self-built app's tenant token, a store app's app token. None if there is no
    /// valid one.
    pub token_expires_in: Option<Duration>,
    /// Why it has no token, or why its token is not renewed.
    pub token_error: Option<Arc<CallError>>,
    /// The codes with which Feishu refuses it, and the time for which each of them blocks it.
    pub refused_with: Vec<(&'static Code, Duration)>,
    /// In how many tenants Feishu refuses it, where it is a store app.
    pub refused_tenants: usize,
}

impl AppHealth {
    pub(super) fn of(app: &KnownApp, now: Moment) -> Self {
        let (common, token) = (app.common(), app.token());
        let usable = token.usable();
        let (may_begin, refused_with, refused_tenants) = match app {
            KnownApp::SelfBuilt(app) => (token.has_had_one(), app.refused_with(), 0),
            KnownApp::Store(_) => {
                let tenants = app.in_tenants();
                let refused = tenants.iter().filter(|app| !app.refused_with().is_empty());
                (true, Vec::new(), refused.count())
            }
        };
        Self {
            name: Arc::clone(&common.name),
            age: now.saturating_sub(common.since),
            may_begin,
            token_expires_in: usable.map(|it| it.expires_at().saturating_sub(now)),
            token_error: token.trouble().map(|trouble| trouble.error),
            refused_with,
            refused_tenants,
        }
    }
}
