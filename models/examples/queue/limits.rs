//! The gateway's limiter, and a Redis that answers when and what the test wants.

#[path = "../../../src/limits/bucket.rs"]
mod bucket;
#[path = "../../../src/limits/cooldown.rs"]
mod cooldown;
#[path = "../../../src/limits/decision.rs"]
mod decision;
#[path = "../../../src/limits/gcra.rs"]
mod gcra;
#[path = "../../../src/limits/hold.rs"]
mod hold;
#[path = "../../../src/limits/key.rs"]
mod key;
#[path = "../../../src/limits/limiter.rs"]
mod limiter;
#[path = "../../../src/limits/pace.rs"]
mod pace;
#[path = "../../../src/limits/rules.rs"]
mod rules;
#[path = "../../../src/limits/server_clock.rs"]
mod server_clock;
mod shared;
#[path = "../../../src/limits/slots.rs"]
mod slots;
#[path = "../../../src/limits/windows.rs"]
mod windows;

pub use decision::{Ahead, Grant, NotBefore, Scope, Standing};
pub use hold::{Hold, HoldId};
pub use key::LimitKey;
pub use limiter::Limiter;
pub use rules::Rules;
pub use server_clock::{ClockStep, ServerClock};
pub use shared::{AppBlock, Feedback, ServerTime, SharedLimits};
pub use slots::Evicted;
