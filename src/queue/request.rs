//! The request for a permit.

use std::sync::Arc;

use super::fair::Flow;
use crate::clock::Moment;
use crate::limits::{Ahead, LimitKey};
use crate::model::api_key::Caller;
use crate::model::receiver::Receiver;
use crate::model::share::Weight;
use crate::model::urgency::Urgency;

/// A forward's request for a permit.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The limits of the app that makes the attempt.
    pub key: &'a LimitKey,
    /// Who gets the message.
    pub receiver: &'a Receiver,
    /// Whose forward it is.
    pub caller: &'a Caller,
    /// How urgent it is.
    pub urgency: Urgency,
    /// When a permit comes too late.
    pub until: Moment,
}

impl Request<'_> {
    pub(super) fn flow(&self) -> Flow {
        Flow { urgency: self.urgency, caller: Arc::clone(&self.caller.name) }
    }

    /// Whether other requests for the receiver are ahead that still sleep, though their permits may have come:
    /// those go first. A request that must not wait takes what they leave.
    pub(super) fn is_behind_sleepers(&self, ahead: Ahead, now: Moment) -> bool {
        ahead.for_receiver > 0 && self.until > now
    }

    pub(super) fn weight(&self) -> Weight {
        self.caller.weight
    }
}
