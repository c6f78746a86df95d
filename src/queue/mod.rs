//! Who goes next: first come, first served for each receiver, and by turns between receivers.
//!
//! A forward draws a [`Ticket`] when it begins and acquires a [`Permit`] for each of its attempts. It gets the
//! permit at once where the limits leave enough for everybody who waits and one more. Otherwise it queues
//! until the receiver's limit and the app's limits grant it an attempt together.

mod coordinator;
mod error;
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

pub use coordinator::Coordinator;
pub use error::QueueError;
pub use in_flight::InFlightAttempt;
pub use permit::{Permit, Waited};
pub use request::Request;
pub use scheduler::{Bounds, Scheduler};
pub use supervisor::Supervisor;
pub use ticket::Ticket;
