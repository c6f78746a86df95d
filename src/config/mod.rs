//! The configuration: plain data, read once at the start and valid from then on.
//!
//! `defaults.toml` documents every key and is compiled in. What a file sets wins over it, and what a variable
//! `GATEWAY__SECTION__KEY` sets wins over both. API keys and secrets are read again while the gateway runs.
//!
//! A key is a field of its section's struct, a row in the function below that struct, and a line in
//! `defaults.toml`. The file `reader.rs` says what follows from the row.

mod broadcasts;
mod effective;
mod error;
mod files;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod key;
mod keys;
mod load;
mod log;
mod reader;
mod sections;
mod sources;
mod state;
mod store_app;
#[cfg(test)]
mod tests;
mod tls;
mod values;
mod warnings;
mod watch;
mod watched_tls;
mod webhooks;

pub use broadcasts::BroadcastsConfig;
pub use effective::Effective;
pub use error::ConfigError;
pub use key::{dotted, is_name};
pub use keys::{ApiKeys, read_keys_file};
pub use load::{Config, DEFAULTS, admin_listen, load};
pub use log::LogConfig;
pub use sections::{AppConfig, FeishuConfig, LimitsConfig, ServerConfig};
pub use state::StateConfig;
pub use store_app::StoreAppConfig;
pub use tls::TlsOwner;
pub use warnings::warnings;
pub use watch::{KeyFiles, SecretFile, SecretOwner};
pub use watched_tls::WatchedTls;
