//! The APIs of Feishu that the gateway calls.

/// An API of Feishu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeishuApi {
    /// `POST /open-apis/im/v1/messages/{message_id}/forward`
    Forward,
    /// `POST /open-apis/im/v1/messages/merge_forward`
    MergeForward,
    /// `POST /open-apis/im/v1/threads/{thread_id}/forward`
    ThreadForward,
    /// `POST /open-apis/auth/v3/tenant_access_token/internal`
    TenantAccessToken,
    /// `POST /open-apis/auth/v3/app_access_token`, for store apps
    AppAccessToken,
    /// `POST /open-apis/auth/v3/tenant_access_token`, for store apps
    StoreTenantAccessToken,
    /// `POST /open-apis/auth/v3/app_ticket/resend`, for store apps
    AppTicketResend,
}

impl FeishuApi {
    /// The APIs that forward something. Feishu limits each of them by itself (its documentation).
    pub const FORWARDS: [Self; 3] = [Self::Forward, Self::MergeForward, Self::ThreadForward];

    /// The name of the API in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::MergeForward => "merge_forward",
            Self::ThreadForward => "thread_forward",
            Self::TenantAccessToken => "tenant_access_token",
            Self::AppAccessToken => "app_access_token",
            Self::StoreTenantAccessToken => "store_tenant_access_token",
            Self::AppTicketResend => "app_ticket_resend",
        }
    }

    /// The method of the API, which is `POST` for all of them, and its path with names for what varies.
    #[must_use]
    pub const fn operation(self) -> &'static str {
        match self {
            Self::Forward => "POST /open-apis/im/v1/messages/{message_id}/forward",
            Self::MergeForward => "POST /open-apis/im/v1/messages/merge_forward",
            Self::ThreadForward => "POST /open-apis/im/v1/threads/{thread_id}/forward",
            Self::TenantAccessToken => "POST /open-apis/auth/v3/tenant_access_token/internal",
            Self::AppAccessToken => "POST /open-apis/auth/v3/app_access_token",
            Self::StoreTenantAccessToken => "POST /open-apis/auth/v3/tenant_access_token",
            Self::AppTicketResend => "POST /open-apis/auth/v3/app_ticket/resend",
        }
    }

    /// The path of the API with names for what varies.
    #[must_use]
    pub fn template(self) -> &'static str {
        self.operation().trim_start_matches("POST ")
    }
}
