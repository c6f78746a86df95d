//! `POST /open-apis/auth/v3/tenant_access_token/internal` and `…/app_access_token/internal`: a caller gets a token of the
//! gateway's own for its API key, as a program gets one of Feishu's for the secret of an app.

use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;

use crate::api::auth::keyring::Keyring;
use crate::api::auth::unauthorized::Unauthorized;
use crate::api::compat::answer::PROBLEM;
use crate::api::http::body::Body;
use crate::api::http::context::RequestContext;
use crate::clock::Clock;
use crate::model::problem_kind::ProblemKind;

/// The answer to a token call. As with Feishu, the results are at the top level and the HTTP status is always 200.
#[derive(Serialize)]
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

/// Answers with a tenant token.
pub(crate) async fn tenant_access_token(
    request: HttpRequest,
    body: Body,
    keyring: web::Data<Keyring>,
    clock: web::Data<Clock>,
) -> HttpResponse {
    answer(&request, &body, &keyring, &clock, false)
}

/// Answers with an app token, which Feishu gives out as the tenant token too.
pub(crate) async fn app_access_token(
    request: HttpRequest,
    body: Body,
    keyring: web::Data<Keyring>,
    clock: web::Data<Clock>,
) -> HttpResponse {
    answer(&request, &body, &keyring, &clock, true)
}

fn answer(
    request: &HttpRequest,
    body: &Body,
    keyring: &Keyring,
    clock: &Clock,
    is_for_app: bool,
) -> HttpResponse {
    let Some((app_id, app_secret)) = credentials(&body.0) else {
        return refused(request, 10003, "invalid param", Unauthorized::NoAppSecret);
    };
    match keyring.issue_token(&app_id, &app_secret, clock.wall()) {
        Ok(issued) => {
            RequestContext::update(request, |context| context.caller = Some(issued.caller));
            json(&TokenAnswer {
                code: 0,
                msg: "ok",
                tenant_access_token: Some(&issued.token),
                app_access_token: is_for_app.then_some(&issued.token),
                expire: Some(issued.expires_in.as_secs()),
            })
        }
        Err(refusal) => {
            let why = Unauthorized::of_refusal(refusal, &app_secret);
            refused(request, 10014, "app secret invalid", why)
        }
    }
}

/// `app_id` and `app_secret`. Other members are ignored, as Feishu does.
fn credentials(body: &[u8]) -> Option<(String, String)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| body.get(name)?.as_str().map(str::to_owned).filter(|it| !it.is_empty());
    Some((text("app_id")?, text("app_secret")?))
}

fn refused(request: &HttpRequest, code: i64, msg: &str, why: Unauthorized) -> HttpResponse {
    RequestContext::update(request, |context| {
        context.key_refusal = Some(why);
        context.problem = Some((ProblemKind::Unauthorized, None));
    });
    let mut answer = json(&TokenAnswer {
        code,
        msg,
        tenant_access_token: None,
        app_access_token: None,
        expire: None,
    });
    answer.headers_mut().insert(PROBLEM, HeaderValue::from_static("unauthorized"));
    answer
}

fn json(answer: &TokenAnswer<'_>) -> HttpResponse {
    HttpResponse::Ok().json(answer)
}
