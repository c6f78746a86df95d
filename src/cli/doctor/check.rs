//! The steps of an examination, and their names.

use serde::Serialize;

use crate::model::wording::Wording;

/// A step of the examination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Check {
    Address,
    Proxy,
    Tcp,
    Tls,
    Http,
    Clock,
    /// Of a store app: what the configuration says about its events.
    Events,
    Credentials,
    /// Of a store app: the ticket, the app token, and the token in a tenant.
    Ticket,
    AppToken,
    TenantToken,
    Bot,
    Scopes,
    AllowList,
    Quota,
    Membership,
    Forward,
}

impl Check {
    pub(super) fn label(self) -> Wording {
        let (en, zh) = match self {
            Self::Address => ("address", "地址"),
            Self::Proxy => ("proxy", "代理"),
            Self::Tcp => ("tcp", "TCP 连接"),
            Self::Tls => ("tls", "TLS"),
            Self::Http => ("http", "HTTP"),
            Self::Clock => ("clock", "时钟"),
            Self::Events => ("events", "事件"),
            Self::Credentials => ("credentials", "应用凭证"),
            Self::Ticket => ("app ticket", "app_ticket"),
            Self::AppToken => ("app token", "应用 token"),
            Self::TenantToken => ("tenant token", "租户 token"),
            Self::Bot => ("bot", "机器人"),
            Self::Scopes => ("scopes", "权限"),
            Self::AllowList => ("allow list", "IP 白名单"),
            Self::Quota => ("quota", "额度"),
            Self::Membership => ("membership", "群成员"),
            Self::Forward => ("forward", "转发"),
        };
        Wording::new(en, zh)
    }
}
