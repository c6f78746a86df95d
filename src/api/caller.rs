//! Who calls: from an API key to a `Caller`, before anything else of a request is read.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};

use super::keyring::Keyring;
use super::observe::Story;
use super::problem::Problem;
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
    let result = match presented_key(request.headers()) {
        Some(key) => keyring.authenticate(key, clock.wall()).map_err(|refusal| refusal.to_string()),
        None => Err("there is no key".to_owned()),
    };
    match result {
        Ok(caller) => {
            Story::tell(request, |story| story.caller = Some(caller.name.clone()));
            Ok(caller)
        }
        Err(reason) => {
            // Why is for the operator: to the caller, every refusal looks the same.
            Story::tell(request, |story| story.reason = Some(reason));
            Err(Problem::unauthorized())
        }
    }
}

pub(super) fn presented_key(headers: &HeaderMap) -> Option<&str> {
    // Where both are shown, this one counts.
    if let Some(key) = headers.get("x-api-key") {
        return key.to_str().ok().filter(|key| !key.is_empty());
    }
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}
