//! Composition: puts the parts together, starts them, drains them and stops them.

mod application;
mod apps;
mod broadcasts;
mod certificates;
mod core;
mod delivery;
mod descriptors;
mod feishu;
mod idle_memory;
mod listeners;
mod parts;
mod reload;
#[cfg(test)]
mod simulated;
mod sockets;
mod start;
mod state;
mod stores;
mod way_in;

#[cfg(test)]
pub(crate) use self::core::Core;
#[cfg(test)]
pub(crate) use self::simulated::Simulated;
pub use application::Application;
pub use apps::open_ticket_store;
pub use reload::Reloader;
pub use start::{SentBefore, StartError};
pub use state::check_state;
