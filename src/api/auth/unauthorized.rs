//! What a request holds in place of a valid API key, and the answer to it. The answer describes what was
//! sent and never repeats it.

use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};

use crate::api::auth::keyring::KeyRefusal;
use crate::api::problems::problem::Problem;
use crate::model::api_key::ApiKey;
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

/// Why a request is `unauthorized`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unauthorized {
    /// No header that is known to hold keys.
    NoKey,
    /// A header that holds keys in other APIs, and is not read by this one.
    OtherHeader(&'static str),
    /// A header without anything in it, or `Bearer` without a key.
    Empty,
    /// Characters other than visible ASCII.
    NotText,
    /// `Authorization` without a scheme.
    WithoutBearer,
    /// `Authorization` with the scheme `Basic`.
    Basic,
    /// `Authorization` with another scheme.
    OtherScheme,
    /// The scheme stands inside the key: `Bearer Bearer …`, or `X-API-Key: Bearer …`.
    BearerInKey,
    /// A key in quotes or brackets, as examples and templates have them.
    Quoted,
    /// The hash of a key, as the configuration holds it.
    Hash,
    /// A credential of Feishu: a token, or the id of an app.
    Feishu,
    /// A key in the gateway's format with a wrong checksum.
    Damaged,
    /// A call for a token whose body lacks `app_id` or `app_secret`.
    NoAppSecret,
    /// A key that is unknown, expired or disabled.
    Refused(KeyRefusal),
}

/// Headers that hold keys in other APIs.
const OTHER_HEADERS: &[&str] = &[
    "api-key",
    "apikey",
    "x-apikey",
    "x-api_key",
    "x_api_key",
    "x-api-token",
    "x-auth-token",
    "x-access-token",
    "proxy-authorization",
];
/// The beginnings of Feishu's credentials: tenant, user and app tokens, user tokens that are JWTs, and ids
/// of apps (Feishu's documentation).
const OF_FEISHU: &[&str] = &["t-", "u-", "a-", "eyJ", "cli_"];

impl Unauthorized {
    /// For a request without a header that is read: another one may hold the key.
    pub(crate) fn without_key(has_header: impl Fn(&str) -> bool) -> Self {
        let other = OTHER_HEADERS.iter().find(|name| has_header(name));
        other.map_or(Self::NoKey, |name| Self::OtherHeader(name))
    }

    /// For a key or a token that the keyring refuses.
    pub(crate) fn of_refusal(refusal: KeyRefusal, shown: &str) -> Self {
        match refusal {
            KeyRefusal::Unknown => Self::of_unknown(shown),
            known => Self::Refused(known),
        }
    }

    /// For a key that is unknown: classifies it by its form.
    fn of_unknown(shown: &str) -> Self {
        let begins = |prefix: &str| {
            shown.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix))
        };
        if begins("Bearer ") || begins("Bearer:") {
            return Self::BearerInKey;
        }
        if shown.starts_with(['"', '\'', '<', '{', '$', '`']) {
            return Self::Quoted;
        }
        if begins("sha256:") {
            return Self::Hash;
        }
        if OF_FEISHU.iter().any(|prefix| shown.starts_with(prefix)) {
            return Self::Feishu;
        }
        if ApiKey::begins_like_one(shown) && !ApiKey::has_valid_checksum(shown) {
            return Self::Damaged;
        }
        Self::Refused(KeyRefusal::Unknown)
    }

    /// What [`Self::label`] returns for a request that shows no key that is configured.
    pub(crate) const LABELS_OF_STRANGERS: &[&str] = &[
        "no_key",
        "other_header",
        "empty",
        "not_text",
        "without_bearer",
        "basic",
        "other_scheme",
        "bearer_in_key",
        "quoted",
        "hash",
        "feishu",
        "damaged",
        "no_app_secret",
        "unknown",
        "token",
    ];

    /// The reason for metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::OtherHeader(_) => "other_header",
            Self::Empty => "empty",
            Self::NotText => "not_text",
            Self::WithoutBearer => "without_bearer",
            Self::Basic => "basic",
            Self::OtherScheme => "other_scheme",
            Self::BearerInKey => "bearer_in_key",
            Self::Quoted => "quoted",
            Self::Hash => "hash",
            Self::Feishu => "feishu",
            Self::Damaged => "damaged",
            Self::NoAppSecret => "no_app_secret",
            Self::Refused(KeyRefusal::Unknown) => "unknown",
            Self::Refused(KeyRefusal::Token) => "token",
            Self::Refused(KeyRefusal::Expired { .. }) => "expired",
            Self::Refused(KeyRefusal::Disabled { .. }) => "disabled",
            Self::Refused(KeyRefusal::OtherApp { .. }) => "other_app",
            Self::Refused(KeyRefusal::OtherTenant { .. }) => "other_tenant",
        }
    }

    /// The name of the key, where it is configured and was shown whole.
    pub(crate) fn key_name(&self) -> Option<&str> {
        match self {
            Self::Refused(
                KeyRefusal::Expired { name }
                | KeyRefusal::Disabled { name }
                | KeyRefusal::OtherApp { name }
                | KeyRefusal::OtherTenant { name },
            ) => Some(name),
            _ => None,
        }
    }

    /// The reason for the log: one of a few texts, with the key's name where the key is known.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::NoKey => "no key".into(),
            Self::OtherHeader(name) => format!("the key is in the header {name}"),
            Self::Empty => "the header for the key is empty".into(),
            Self::NotText => "the key is not text".into(),
            Self::WithoutBearer => "Bearer is missing before the key".into(),
            Self::Basic => "the scheme is Basic".into(),
            Self::OtherScheme => "the scheme is not Bearer".into(),
            Self::BearerInKey => "the key begins with Bearer".into(),
            Self::Quoted => "the key is in quotes or brackets".into(),
            Self::Hash => "the key is a hash".into(),
            Self::Feishu => "the key is a Feishu credential".into(),
            Self::Damaged => "the key is damaged".into(),
            Self::NoAppSecret => "app_id or app_secret is missing".into(),
            Self::Refused(refusal) => refusal.to_string(),
        }
    }

    /// The problem for the caller.
    pub(crate) fn problem(&self) -> Problem {
        Problem::new(ProblemKind::Unauthorized, self.detail())
            .with_header(WWW_AUTHENTICATE, self.challenge())
    }

    /// The detail of the problem. It says when a key has expired or is disabled: only the key's holder can
    /// show the whole key.
    fn detail(&self) -> Wording {
        match self {
            Self::NoKey => Wording::new(
                "The request has no API key; send it as X-API-Key: KEY or as Authorization: Bearer KEY.",
                "请求没有携带 API 密钥；请使用 X-API-Key: KEY 或 Authorization: Bearer KEY。",
            ),
            Self::OtherHeader(name) => Wording::new(
                format!(
                    "The gateway does not read the header {name}; send the API key as X-API-Key."
                ),
                format!("网关不读取请求头 {name}；请通过 X-API-Key 携带 API 密钥。"),
            ),
            Self::Empty => Wording::new(
                "The header for the API key is empty.",
                "用于携带 API 密钥的请求头为空。",
            ),
            Self::NotText => Wording::new(
                "The API key contains characters that are never part of a key; copy it again.",
                "API 密钥包含不应出现的字符；请重新复制。",
            ),
            Self::WithoutBearer => Wording::new(
                "The header Authorization has no scheme; write Bearer and a space before the API key.",
                "请求头 Authorization 缺少认证方式；请在 API 密钥前加上 Bearer 和一个空格。",
            ),
            Self::Basic => Wording::new(
                "The header Authorization uses the scheme Basic. The API key is not a password; send it as Bearer KEY.",
                "请求头 Authorization 使用了 Basic 认证；API 密钥不是密码，请使用 Bearer KEY。",
            ),
            Self::OtherScheme => Wording::new(
                "The header Authorization uses a scheme other than Bearer; send Bearer KEY.",
                "请求头 Authorization 的认证方式不是 Bearer；请使用 Bearer KEY。",
            ),
            Self::BearerInKey => Wording::new(
                "The API key begins with the word Bearer. Write Bearer once in Authorization, and never in X-API-Key.",
                "API 密钥以 Bearer 开头：Authorization 中只写一次 Bearer，X-API-Key 中不写。",
            ),
            Self::Quoted => Wording::new(
                "The API key is in quotes or brackets, or is a placeholder; send only the key.",
                "API 密钥带有引号或括号，或是占位符；请只发送密钥本身。",
            ),
            Self::Hash => Wording::new(
                "This is the hash of an API key, which belongs in the gateway's configuration; send the key itself.",
                "这是 API 密钥的哈希，只用于网关配置；请发送密钥本身。",
            ),
            Self::Feishu => Wording::new(
                "This is a Feishu credential. The gateway has its own API keys and fetches Feishu's tokens itself.",
                "这是飞书的 access token；网关使用自己的 API 密钥，并自行获取飞书的 token。",
            ),
            Self::Damaged => Wording::new(
                "The API key is damaged: some characters are missing or changed; copy it again.",
                "API 密钥已损坏：有字符缺失或被改动；请重新复制。",
            ),
            Self::NoAppSecret => Wording::new(
                "The body has no app_id or no app_secret; send the API key as app_secret.",
                "请求体缺少 app_id 或 app_secret；请以 API 密钥作为 app_secret。",
            ),
            Self::Refused(KeyRefusal::Unknown) => Wording::new(
                "The gateway does not know this API key. The key may have been replaced, or may belong to another gateway.",
                "网关不认识此 API 密钥；它可能已被更换，或属于其他网关。",
            ),
            Self::Refused(KeyRefusal::Expired { .. }) => Wording::new(
                "The API key has expired; ask the operator for a new one.",
                "API 密钥已过期；请联系运维人员获取新的密钥。",
            ),
            Self::Refused(KeyRefusal::OtherApp { .. }) => Wording::new(
                "The app_id is neither the name of this API key nor the app_id of its app.",
                "app_id 既不是此 API 密钥的名称，也不是其应用的 app_id。",
            ),
            Self::Refused(KeyRefusal::OtherTenant { .. }) => Wording::new(
                "The API key or its token may not be used in this tenant.",
                "此 API 密钥或其 token 不能用于该租户。",
            ),
            Self::Refused(KeyRefusal::Token) => Wording::new(
                "The token has expired, or its API key no longer exists. Fetch a new token with the API key as app_secret.",
                "token 已过期，或其 API 密钥已不存在；请以 API 密钥作为 app_secret 重新获取。",
            ),
            Self::Refused(KeyRefusal::Disabled { .. }) => Wording::new(
                "The API key is disabled; ask the operator.",
                "API 密钥已停用；请联系运维人员。",
            ),
        }
    }

    /// The value of `WWW-Authenticate`. A request without a bearer token gets no error code (RFC 6750,
    /// section 3).
    fn challenge(&self) -> HeaderValue {
        let realm = "Bearer realm=\"feishu-forward-gateway\"";
        let bare = HeaderValue::from_static("Bearer realm=\"feishu-forward-gateway\"");
        match self {
            Self::NoKey
            | Self::OtherHeader(_)
            | Self::Empty
            | Self::WithoutBearer
            | Self::Basic
            | Self::OtherScheme => bare,
            _ => {
                let description = self.detail().en;
                let value = format!(
                    "{realm}, error=\"invalid_token\", error_description=\"{description}\""
                );
                HeaderValue::try_from(value).unwrap_or(bare)
            }
        }
    }
}

#[cfg(test)]
mod tests;
