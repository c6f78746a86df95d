//! Extracts the caller from a request, before anything else of the request is read.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, web};

use crate::api::auth::keyring::{Authenticated, Keyring};
use crate::api::auth::unauthorized::Unauthorized;
use crate::api::dialect::Dialect;
use crate::api::http::context::RequestContext;
use crate::api::http::places::Holder;
use crate::api::problems::problem::Problem;
use crate::clock::Clock;
use crate::model::api_key::Caller;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authenticate(request).map(|it| it.caller))
    }
}

/// The caller of a request, and the tenants in which it may forward.
pub(super) fn authenticate(request: &HttpRequest) -> Result<Authenticated, Problem> {
    let (Some(keyring), Some(clock)) =
        (request.app_data::<web::Data<Keyring>>(), request.app_data::<web::Data<Clock>>())
    else {
        unreachable!("every application of the public listener has a Keyring and a Clock");
    };
    let result = presented_key(request.headers()).and_then(|key| {
        let caller = match Dialect::of(request) {
            Dialect::Gateway => keyring.authenticate(key, clock.wall()),
            Dialect::Feishu => keyring.authenticate_token(key, clock.wall()),
        };
        caller.map_err(|refusal| Unauthorized::of_refusal(refusal, key))
    });
    match result {
        Ok(authenticated) => {
            let caller = &authenticated.caller;
            RequestContext::update(request, |context| context.caller = Some(caller.name.clone()));
            RequestContext::hold_place(request, Holder::Caller(caller.name.clone()))?;
            Ok(authenticated)
        }
        Err(why) => {
            RequestContext::update(request, |context| context.key_refusal = Some(why.clone()));
            Err(why.problem())
        }
    }
}

/// The API key that a request shows, known or not.
pub(crate) fn presented_key(headers: &HeaderMap) -> Result<&str, Unauthorized> {
    // `X-API-Key` counts where both headers are there.
    if let Some(key) = headers.get(X_API_KEY) {
        return text(key);
    }
    let Some(authorization) = headers.get(AUTHORIZATION) else {
        return Err(Unauthorized::without_key(|name| headers.contains_key(name)));
    };
    let authorization = text(authorization)?;
    let Some((scheme, key)) = authorization.split_once(' ') else {
        return Err(match authorization.to_ascii_lowercase().as_str() {
            "bearer" => Unauthorized::Empty,
            "basic" => Unauthorized::Basic,
            _ => Unauthorized::WithoutBearer,
        });
    };
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(key.trim()).filter(|key| !key.is_empty()).ok_or(Unauthorized::Empty),
        "basic" => Err(Unauthorized::Basic),
        _ => Err(Unauthorized::OtherScheme),
    }
}

fn text(header: &HeaderValue) -> Result<&str, Unauthorized> {
    match header.to_str() {
        Ok("") => Err(Unauthorized::Empty),
        Ok(text) => Ok(text),
        Err(_) => Err(Unauthorized::NotText),
    }
}
