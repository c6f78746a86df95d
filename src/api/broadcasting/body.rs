//! The body of a request for a broadcast, which may be larger than that of any other request.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use bytes::Bytes;

use crate::api::broadcasting::configured;
use crate::api::http::admission::Admission;
use crate::api::http::body::{Body, BodyLimits, declared_length};
use crate::api::http::context::RequestContext;
use crate::api::http::places::RequestPlace;
use crate::api::problems::problem::Problem;

/// The whole body of a request for a broadcast.
pub(crate) struct LargeBody {
    pub(crate) bytes: Bytes,
    /// What bounds the memory that such requests need. None for a body that any other route takes too.
    _place: Option<RequestPlace>,
}

/// Bytes of the body for each receiver: an id of 256 ASCII characters, its type, and the names and the punctuation
/// around them. Ids of Feishu's take a third of it.
const BYTES_PER_RECEIVER: usize = 320;

impl FromRequest for LargeBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    /// Called behind `Caller`, which makes the caller known.
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let every_route = BodyLimits::of(request).max_size;
        let most = configured::of_gateway(request).map_or(0, |it| it.settings().max_receivers);
        let max_size = every_route.saturating_add(most as usize * BYTES_PER_RECEIVER);
        let body = Body::read(request, payload, max_size);
        let is_large =
            declared_length(request.headers()).is_none_or(|length| length > every_route as u64);
        let request = request.clone();
        Box::pin(async move {
            let caller = RequestContext::of(&request).borrow().caller.clone();
            let place = match caller {
                Some(caller) if is_large => {
                    Some(Admission::place_for_large_body(&request, caller)?)
                }
                _ => None,
            };
            let Body(bytes) = body.await?;
            // A body of unknown length may have been small.
            let place = place.filter(|_| bytes.len() > every_route);
            Ok(Self { bytes, _place: place })
        })
    }
}
