//! Who calls: from an API key to a `Caller`, before anything else of a request is read.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use actix_web::{FromRequest, HttpRequest, web};

use crate::api::auth::keyring::{Keyring, Refusal};
use crate::api::auth::unauthorized::Unauthorized;
use crate::api::http::admission::Story;
use crate::api::problems::problem::Problem;
use crate::clock::Clock;
use crate::model::api_key::Caller;

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authenticate(request))
    }
}

fn authenticate(request: &HttpRequest) -> Result<Caller, Problem> {
    let (Some(keyring), Some(clock)) =
        (request.app_data::<web::Data<Keyring>>(), request.app_data::<web::Data<Clock>>())
    else {
        unreachable!("the route table hands every route the keyring and the clock");
    };
    let result = presented_key(request.headers()).and_then(|key| {
        keyring.authenticate(key, clock.wall()).map_err(|refusal| match refusal {
            Refusal::Unknown => Unauthorized::of_unknown(key),
            known => Unauthorized::Refused(known),
        })
    });
    match result {
        Ok(caller) => {
            Story::tell(request, |story| story.caller = Some(caller.name.clone()));
            Ok(caller)
        }
        Err(why) => {
            Story::tell(request, |story| story.reason = Some(why.reason()));
            Err(Problem::unauthorized(&why))
        }
    }
}

/// The key that a request shows, whether or not anybody knows it.
pub(crate) fn presented_key(headers: &HeaderMap) -> Result<&str, Unauthorized> {
    // Where both are shown, this one counts.
    if let Some(key) = headers.get("x-api-key") {
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
