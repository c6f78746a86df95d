//! An app in a tenant, by which Feishu counts calls and issues tokens.

use std::sync::Arc;

use super::tenant_key::TenantKey;

/// An app in a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Installation {
    /// The operator's name for the app.
    pub app: Arc<str>,
    /// The tenant in which a store app is installed. None: a self-built app, which is in one tenant only.
    pub tenant: Option<TenantKey>,
}

impl Installation {
    /// A self-built app in its tenant.
    #[must_use]
    pub fn self_built(app: Arc<str>) -> Self {
        Self { app, tenant: None }
    }
}
