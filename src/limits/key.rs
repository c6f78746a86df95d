//! What Feishu counts an app's calls by.

use std::sync::Arc;

use crate::model::feishu_api::FeishuApi;

/// What Feishu counts calls by: each app has a limit of its own for each API (Feishu's documentation).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LimitKey {
    app: Arc<str>,
    api: FeishuApi,
}

impl LimitKey {
    /// The limit of this app's calls of one API.
    #[must_use]
    pub fn new(app: &Arc<str>, api: FeishuApi) -> Self {
        Self { app: Arc::clone(app), api }
    }

    /// The limits of all calls of this app that forward something.
    #[must_use]
    pub fn forwards_of(app: &Arc<str>) -> [Self; 3] {
        FeishuApi::FORWARDS.map(|api| Self::new(app, api))
    }

    /// The operator's name for the app.
    #[must_use]
    pub fn app(&self) -> &Arc<str> {
        &self.app
    }

    /// The API that is called.
    #[must_use]
    pub fn api(&self) -> FeishuApi {
        self.api
    }
}
