//! The events that Feishu pushes to a store app: from the bytes of a request to an event, or to what is wrong with it.

mod cipher;
mod decode;
mod event;
mod rejection;
mod seen;
mod signature;
#[cfg(test)]
mod tests;

pub use decode::{ExpectedApp, decode};
pub use event::{Event, EventId};
pub use rejection::Rejection;
pub use seen::SeenEvents;
pub use signature::EventSignature;
