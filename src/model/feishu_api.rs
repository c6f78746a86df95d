//! The APIs of Feishu that the gateway calls.

/// An API of Feishu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeishuApi {
    /// `POST /open-apis/im/v1/messages/{message_id}/forward`
    Forward,
    /// `POST /open-apis/auth/v3/tenant_access_token/internal`
    TenantAccessToken,
}

impl FeishuApi {
    /// The name of the API in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::TenantAccessToken => "tenant_access_token",
        }
    }
}
