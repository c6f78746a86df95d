//! The request for a permit.

use std::sync::Arc;

use crate::clock::Moment;
use crate::limits::LimitKey;
use crate::model::receiver::Receiver;

/// A forward's request for a permit.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The limits of the app that makes the attempt.
    pub key: &'a LimitKey,
    /// Who gets the message.
    pub receiver: &'a Receiver,
    /// Whose forward it is.
    pub caller: &'a Arc<str>,
    /// When a permit comes too late.
    pub until: Moment,
}
