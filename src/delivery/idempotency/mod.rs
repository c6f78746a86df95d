//! One forward for one key of a caller, however often it asks.
//!
//! The first request with a key leads. Requests that come meanwhile follow and get the leader's answer; later
//! requests get it again, if it is final. A leader whose caller hangs up leaves the lead to a follower. All of
//! them send with the `uuid` of the key: what is forgotten here, or was never known because the gateway was
//! restarted, is still not delivered twice.
//!
//! Where replicas share a Redis, a leader claims the key there too, and its followers wait for that as well. A single
//! process that has a file claims it there.

mod cache;
mod entry;
mod kept;
mod leader;
mod remembered;
mod sealed;
mod shared;

pub(super) use cache::Claim;
pub use cache::Idempotency;
pub use kept::KeptIdempotency;
pub(super) use leader::Leader;
pub(super) use remembered::RemoteClaim;
pub use shared::SharedIdempotency;
