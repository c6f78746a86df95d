//! A forward that is answered before it is done: a broadcast to one.

use actix_web::{HttpRequest, HttpResponse};

use crate::api::broadcasting::answer::{accepted, add_preference};
use crate::api::broadcasting::input::USUAL_EXPIRY;
use crate::api::broadcasting::problems::{NamedIn, key_missing, problem_of_broadcast};
use crate::api::problems::problem::Problem;
use crate::broadcasts::{BroadcastRequest, Broadcasts};
use crate::delivery::ForwardRequest;
use crate::model::forward::Forward;
use crate::model::idempotency_key::IdempotencyKey;

/// Accepts the forward of a message as a broadcast to its receiver.
pub(crate) async fn broadcast_to_one(
    request: &HttpRequest,
    broadcasts: &Broadcasts,
    forward_request: ForwardRequest,
    key: Option<IdempotencyKey>,
) -> Result<HttpResponse, Problem> {
    let ForwardRequest { caller, forward, receiver, .. } = forward_request;
    let Forward::Message(message) = forward else {
        unreachable!("threads and merges are answered when they are done");
    };
    let (receivers, key) = (vec![receiver], key.ok_or_else(key_missing)?);
    let asked = BroadcastRequest { message, receivers, key, expires_in: USUAL_EXPIRY };
    let result = broadcasts.accept(&caller, asked).await;
    let result = result.map_err(|error| problem_of_broadcast(&error, NamedIn::ReceiveId))?;
    let mut response = accepted(request, broadcasts, &result);
    add_preference(&mut response, "respond-async".to_owned());
    Ok(response)
}
