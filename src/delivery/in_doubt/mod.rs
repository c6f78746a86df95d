//! The in-doubt register: what was sent under which `uuid`, and which forwards may have been delivered.

mod feishu_uuids;
mod prior;
mod register;
mod shared;

pub use prior::SAFE_TO_REPEAT;
pub(super) use prior::{AttemptEnd, Prior, REMEMBERED, UuidReused};
pub use register::InDoubtRegister;
pub use shared::SharedUuids;
pub(super) use shared::UuidClaim;
