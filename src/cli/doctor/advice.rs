//! Who does what where, for each failure.

use serde::Serialize;

use super::check::Check;
use super::console::Console;
use crate::feishu::codes;
use crate::model::problem_kind::{FixBy, ProblemKind};
use crate::model::wording::Wording;

/// Who can put a failure right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    /// Who develops the app: an owner or developer in the developer console.
    Developer,
    /// Who administers the tenant.
    TenantAdmin,
    /// Who owns or administers the chat.
    ChatAdmin,
    /// Who runs the gateway, its machine and its network.
    Operator,
    /// Who runs this command.
    You,
}

impl Role {
    pub(super) fn label(self) -> Wording {
        let (en, zh) = match self {
            Self::Developer => ("app developer", "应用开发者"),
            Self::TenantAdmin => ("tenant administrator", "企业管理员"),
            Self::ChatAdmin => ("chat administrator", "群管理员"),
            Self::Operator => ("gateway operator", "网关运维"),
            Self::You => ("you", "你"),
        };
        Wording::new(en, zh)
    }

    pub(super) fn of(fix_by: FixBy) -> Self {
        match fix_by {
            FixBy::ChatAdmin => Self::ChatAdmin,
            FixBy::TenantAdmin => Self::TenantAdmin,
            FixBy::Operator => Self::Operator,
            FixBy::Caller | FixBy::Receiver | FixBy::Nobody => Self::You,
        }
    }
}

/// What somebody does to put a failure right.
#[derive(Clone, Debug)]
pub(super) struct Advice {
    pub(super) who: Role,
    pub(super) what: Wording,
    /// The page where it is done.
    pub(super) link: Option<String>,
}

impl Advice {
    pub(super) fn to(who: Role, en: &'static str, zh: &'static str) -> Self {
        Self { who, what: Wording::new(en, zh), link: None }
    }

    pub(super) fn at(self, link: String) -> Self {
        Self { link: Some(link), ..self }
    }
}

/// An app, and the consoles in which it is put right.
#[derive(Clone, Copy)]
pub(super) struct AppPages<'a> {
    pub(super) console: Console,
    pub(super) app_id: &'a str,
}

impl AppPages<'_> {
    /// What to do about a code of Feishu's.
    pub(super) fn for_code(self, code: i64) -> Advice {
        use ProblemKind::*;
        let Self { console, app_id } = self;
        let Some(known) = codes::find(code) else {
            return match code {
                NOT_INSTALLED => self.publish(),
                _ => unknown(),
            };
        };
        match known.problem {
            _ if code == TICKET_REFUSED => Advice::to(
                Role::Operator,
                "run this again in a minute: the gateway asks Feishu for another ticket. If the failure stays, check that pushes reach this app's request URL, and that state.url, state.prefix and the App Secret are those of the gateway.",
                "请一分钟后重试：网关会请求飞书重新推送 app_ticket。若持续出现，请检查推送是否到达该应用的请求地址，以及 state.url、state.prefix 与 App Secret 是否与网关一致。",
            )
            .at(console.events(app_id)),
            _ if code == NO_TENANT_TOKEN => Advice::to(
                Role::TenantAdmin,
                "install and enable the app in this tenant. Before that, compare the tenant key with the one that Feishu names for this tenant.",
                "在该租户安装并启用应用；请先核对 tenant_key 是否为该租户在飞书的取值。",
            )
            .at(console.admin()),
            _ if code == NOT_A_STORE_APP => Advice::to(
                Role::Operator,
                "set apps.NAME.type = \"self_built\" and remove its encrypt_key, verification_token and tenant_key, or set the App ID and App Secret of a store app.",
                "设置 apps.NAME.type = \"self_built\" 并移除 encrypt_key、verification_token 与 tenant_key，或填写商店应用的 App ID 与 App Secret。",
            )
            .at(console.credentials(app_id)),
            AppNotAvailable => Advice::to(
                Role::TenantAdmin,
                "install the app in this tenant, or enable it there.",
                "在该租户安装应用，或在管理后台启用。",
            )
            .at(console.admin()),
            CredentialsRejected if is_of_token_api(code) => Advice::to(
                Role::Developer,
                "compare App ID and App Secret with the developer console, and set apps.NAME.app_id and app_secret. A Lark app needs feishu.base_url = \"https://open.larksuite.com\", a Feishu app \"https://open.feishu.cn\".",
                "核对开发者后台中的 App ID 与 App Secret，并更新 apps.NAME.app_id 与 app_secret。Lark 应用需设置 feishu.base_url = \"https://open.larksuite.com\"，飞书应用为 \"https://open.feishu.cn\"。",
            )
            .at(console.credentials(app_id)),
            AppNotInUse => Advice::to(
                Role::TenantAdmin,
                "enable the app in this tenant.",
                "在管理后台为本企业启用该应用。",
            )
            .at(console.admin()),
            BotNotEnabled => self.enable_bot(),
            PermissionMissing => self.add_scope(),
            GatewayAddressDenied => Advice::to(
                Role::Developer,
                "add this machine's public IP address to the app's IP allow list (Security settings).",
                "把本机的公网出口 IP 加入应用的 IP 白名单（安全设置）。",
            )
            .at(console.allow_list(app_id)),
            MonthlyQuotaExhausted | DailyQuotaExhausted => Advice::to(
                Role::TenantAdmin,
                "upgrade the tenant's plan, or wait until the quota is renewed.",
                "升级企业套餐，或等待额度重置。",
            )
            .at(console.plan()),
            _ => Advice {
                who: Role::of(known.problem.facts().fix_by),
                what: Wording::new(known.remedy.en, known.remedy.zh),
                link: None,
            },
        }
    }

    pub(super) fn enable_bot(self) -> Advice {
        Advice::to(
            Role::Developer,
            "add the capability Bot to the app, then create and publish a version.",
            "为应用添加机器人能力，然后创建并发布版本。",
        )
        .at(self.console.bot(self.app_id))
    }

    pub(super) fn publish(self) -> Advice {
        Advice::to(
            Role::Developer,
            "create a version of the app and publish it; an administrator of the tenant then approves it.",
            "创建应用版本并申请发布，由企业管理员审核通过。",
        )
        .at(self.console.versions(self.app_id))
    }

    pub(super) fn approve(self) -> Advice {
        Advice::to(
            Role::TenantAdmin,
            "approve and enable the app in the admin console.",
            "在管理后台审核并启用该应用。",
        )
        .at(self.console.admin())
    }

    pub(super) fn add_scope(self) -> Advice {
        Advice::to(
            Role::Developer,
            "add the scope im:message:send_as_bot (or im:message) to the app, then create and publish a version.",
            "为应用开通权限 im:message:send_as_bot（或 im:message），然后创建并发布版本。",
        )
        .at(self.console.scopes(self.app_id))
    }
}

/// The app is not installed (Feishu's documentation of the scopes).
const NOT_INSTALLED: i64 = 212100;
/// Codes of the token APIs that store apps call (Feishu's documentation).
const TICKET_REFUSED: i64 = 10012;
const NO_TENANT_TOKEN: i64 = 10013;
const NOT_A_STORE_APP: i64 = 10016;

/// The step that a code of Feishu's is about, whichever call it refused. None if it is about the call itself.
pub(super) fn step_of(code: i64) -> Option<Check> {
    use ProblemKind::*;
    match codes::find(code)?.problem {
        GatewayAddressDenied => Some(Check::AllowList),
        MonthlyQuotaExhausted | DailyQuotaExhausted | AppRateLimited => Some(Check::Quota),
        _ => None,
    }
}

/// Whether a code of the token APIs says that the app's id or secret is wrong.
fn is_of_token_api(code: i64) -> bool {
    (10_000..11_000).contains(&code) || code == 99991543
}

/// What to do about an answer that nothing is known of.
pub(super) fn unknown() -> Advice {
    Advice::to(
        Role::Operator,
        "look up the code in Feishu's documentation, or give the log id to Feishu's support.",
        "请在飞书文档中查询该错误码，或携带 log id 联系飞书技术支持。",
    )
}
