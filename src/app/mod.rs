//! Composition: puts the parts together, starts them, drains them and stops them.

mod application;
mod apps;
mod broadcasts;
mod certificates;
mod delivery;
mod descriptors;
mod feishu;
mod listeners;
mod reload;
mod sockets;
mod start;
mod state;
mod stores;
mod way_in;

pub use application::Application;
pub use apps::open_ticket_store;
pub use reload::Reloader;
pub use start::{SentBefore, StartError};
pub use state::check_state;
