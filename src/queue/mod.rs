//! Who goes next. In front of an app's limits turns go between callers by weight, then between a caller's
//! receivers, then by arrival; in front of a receiver's limit between the callers that write to it, then by arrival.
//!
//! A forward draws a [`Ticket`] when it begins and acquires a [`Permit`] for each of its attempts. It gets the
//! permit at once where the limits leave enough for everybody who waits and one more. Otherwise it queues
//! until the receiver's limit and the app's limits grant it an attempt together.
//!
//! Bulk forwards leave half of an app's burst to interactive ones that may come: while no interactive request waits
//! for the app, a bulk one gets a call only if half a burst is left after it. Once interactive requests wait, nothing
//! is left to keep for them, and turns decide.

mod bounds;
mod coordinator;
mod error;
mod fair;
mod in_flight;
mod ordered;
mod permit;
mod queued;
mod queues;
mod request;
mod scheduler;
mod supervisor;
#[cfg(test)]
mod tests;
mod ticket;
mod turns;

pub use bounds::Bounds;
pub use coordinator::Coordinator;
pub use error::QueueError;
pub use in_flight::InFlightAttempt;
pub use permit::{Permit, Waited};
pub use request::Request;
pub use scheduler::Scheduler;
pub use supervisor::Supervisor;
pub use ticket::Ticket;
