//! The APIs of Feishu that the gateway calls.

/// An API of Feishu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeishuApi {
    /// `POST /open-apis/im/v1/messages/{message_id}/forward`
    Forward,
    /// `POST /open-apis/im/v1/messages/merge_forward`
    MergeForward,
    /// `POST /open-apis/im/v1/threads/{thread_id}/forward`
    ThreadForward,
    /// `POST /open-apis/auth/v3/tenant_access_token/internal`
    TenantAccessToken,
}

impl FeishuApi {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Forward, Self::MergeForward, Self::ThreadForward, Self::TenantAccessToken];
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
        }
    }

    /// The path of the API with names for what varies.
    #[must_use]
    pub fn template(self) -> &'static str {
        self.operation().trim_start_matches("POST ")
    }
}
