//! What Feishu counts an app's calls by.

use crate::model::feishu_api::FeishuApi;
use crate::model::installation::Installation;

/// What Feishu counts calls by: each app has a limit of its own for each API in each tenant (Feishu's documentation).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitKey {
    installation: Installation,
    api: FeishuApi,
}

impl LimitKey {
    /// The limit of an app's calls of one API in a tenant.
    #[must_use]
    pub fn new(installation: Installation, api: FeishuApi) -> Self {
        Self { installation, api }
    }

    /// The limits of all calls of an app in a tenant that forward something.
    #[must_use]
    pub fn forwards_of(installation: &Installation) -> [Self; 3] {
        FeishuApi::FORWARDS.map(|api| Self::new(installation.clone(), api))
    }

    /// The app in a tenant.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// The API that is called.
    #[must_use]
    pub fn api(&self) -> FeishuApi {
        self.api
    }
}
