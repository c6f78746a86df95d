//! The calls for tokens, with which a caller gets a token of the gateway's own for its API key, as a program gets one of
//! Feishu's for the secret of an app.
//!
//! The program of a self-built app calls `…/internal` once. That of a store app first gets a token for the app, with the
//! ticket that Feishu has pushed to it, and for this a token for each tenant.

use std::sync::Arc;

use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::api::auth::keyring::{IssuedToken, KeyRefusal, Keyring};
use crate::api::auth::unauthorized::Unauthorized;
use crate::api::compat::answer::PROBLEM;
use crate::api::http::body::Body;
use crate::api::http::context::RequestContext;
use crate::clock::Clock;
use crate::model::problem_kind::ProblemKind;
use crate::model::tenant_key::TenantKey;

/// The answer to a token call. As with Feishu, the results are at the top level and the HTTP status is always 200.
#[derive(Default, Serialize)]
struct TokenAnswer<'a> {
    code: i64,
    msg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_access_token: Option<&'a str>,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    expire: Option<u64>,
}

/// A call for a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenCall {
    /// A tenant token of a self-built app.
    Tenant,
    /// An app token of a self-built app, which Feishu gives out as the tenant token too.
    App,
    /// An app token of a store app. Its ticket is Feishu's business with the gateway: that of the call is not looked at.
    StoreApp,
    /// A tenant token of a store app.
    StoreTenant,
    /// Another ticket for a store app. The gateway has its own tickets, and none is pushed to its callers.
    ResendTicket,
}

/// What a call for a token shows of its caller.
enum Shown {
    Credentials { app_id: String, app_secret: String },
    AppToken { app_token: String, tenant: String },
}

type TokenExchange = (HttpRequest, Body, web::Data<Keyring>, web::Data<Clock>);

/// Answers a call for a token.
pub(crate) fn answer(
    call: TokenCall,
    (request, body, keyring, clock): TokenExchange,
) -> HttpResponse {
    let Some(shown) = call.shown(&body.0) else {
        return refused(&request, (10003, "invalid param"), Unauthorized::NoAppSecret);
    };
    match call.issue(&shown, &keyring, clock.wall()) {
        Ok(issued) => {
            let answer = call.granted(&issued);
            RequestContext::update(&request, |context| {
                context.caller = Some(Arc::clone(&issued.caller));
            });
            HttpResponse::Ok().json(answer)
        }
        Err(refusal) => {
            let code = call.code(&refusal);
            refused(&request, code, Unauthorized::of_refusal(refusal, shown.secret()))
        }
    }
}

impl TokenCall {
    /// What the body shows of the caller. Other members are ignored, as Feishu does.
    fn shown(self, body: &[u8]) -> Option<Shown> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let text =
            |name: &str| body.get(name)?.as_str().map(str::to_owned).filter(|it| !it.is_empty());
        Some(match self {
            Self::StoreTenant => Shown::AppToken {
                app_token: text("app_access_token")?,
                tenant: text("tenant_key")?,
            },
            _ => Shown::Credentials { app_id: text("app_id")?, app_secret: text("app_secret")? },
        })
    }

    fn issue(
        self,
        shown: &Shown,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<IssuedToken, KeyRefusal> {
        match shown {
            Shown::AppToken { app_token, tenant } => {
                keyring.issue_tenant_token(app_token, TenantKey::parse(tenant).as_ref(), now)
            }
            Shown::Credentials { app_id, app_secret } => match self {
                Self::Tenant | Self::App => keyring.issue_token(app_id, app_secret, now),
                _ => keyring.issue_app_token(app_id, app_secret, now),
            },
        }
    }

    fn granted(self, issued: &IssuedToken) -> TokenAnswer<'_> {
        let answer = TokenAnswer { msg: "ok", ..TokenAnswer::default() };
        let expire = Some(issued.expires_in.as_secs());
        let token = Some(&*issued.token);
        match self {
            Self::Tenant | Self::StoreTenant => {
                TokenAnswer { tenant_access_token: token, expire, ..answer }
            }
            Self::App => TokenAnswer {
                tenant_access_token: token,
                app_access_token: token,
                expire,
                ..answer
            },
            Self::StoreApp => TokenAnswer { app_access_token: token, expire, ..answer },
            Self::ResendTicket => TokenAnswer { msg: "success", ..answer },
        }
    }

    /// Feishu's code and words for a refusal.
    fn code(self, refusal: &KeyRefusal) -> (i64, &'static str) {
        match (refusal, self) {
            (KeyRefusal::OtherTenant { .. }, Self::StoreApp) => {
                (10012, "get app access token failed")
            }
            (KeyRefusal::OtherTenant { .. }, Self::ResendTicket) => {
                (10016, "app ticket can be resent only for a store app")
            }
            (KeyRefusal::OtherTenant { .. }, _) => (10013, "get tenant access token failed"),
            (_, Self::StoreTenant) => (99991664, "invalid app access token"),
            _ => (10014, "app secret invalid"),
        }
    }
}

impl Shown {
    /// What must be a key or a token.
    fn secret(&self) -> &str {
        match self {
            Self::Credentials { app_secret, .. } => app_secret,
            Self::AppToken { app_token, .. } => app_token,
        }
    }
}

fn refused(request: &HttpRequest, (code, msg): (i64, &str), why: Unauthorized) -> HttpResponse {
    RequestContext::update(request, |context| {
        context.key_refusal = Some(why);
        context.problem = Some((ProblemKind::Unauthorized, None));
    });
    let mut answer = HttpResponse::Ok().json(TokenAnswer { code, msg, ..TokenAnswer::default() });
    answer.headers_mut().insert(PROBLEM, HeaderValue::from_static("unauthorized"));
    answer
}
