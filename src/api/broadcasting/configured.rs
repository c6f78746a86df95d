//! Extracts the broadcasts of the gateway from a request, where the gateway has some.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use crate::api::problems::problem::Problem;
use crate::broadcasts::Broadcasts;
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

impl FromRequest for Broadcasts {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(of_gateway(request).ok_or_else(not_configured))
    }
}

/// The broadcasts of the gateway that a request came to. None if it has no store for them.
pub(crate) fn of_gateway(request: &HttpRequest) -> Option<Broadcasts> {
    let Some(broadcasts) = request.app_data::<web::Data<Option<Broadcasts>>>() else {
        unreachable!("every application of the public listener has Broadcasts or none");
    };
    Option::clone(broadcasts)
}

pub(crate) fn not_configured() -> Problem {
    let detail = Wording::new(
        "Broadcasts are not configured: neither broadcasts.path nor state.url is set.",
        "网关未配置群发：broadcasts.path 和 state.url 均未设置。",
    );
    Problem::new(ProblemKind::BroadcastsNotConfigured, detail)
}
