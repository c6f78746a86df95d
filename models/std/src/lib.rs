//! The standard library, with locks and atomics that shuttle schedules: files of the gateway that name `std` use these where
//! a crate names this one `std`.

pub use ::std::*;

/// `std::sync` under shuttle.
pub mod sync {
    pub use shuttle::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic};
}
