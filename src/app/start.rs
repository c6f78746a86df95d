//! How the gateway starts, and why it may not.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use crate::config::ConfigError;
use crate::sqlite::OpenError;

/// What may have been sent with the same apps right before the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentBefore {
    /// As much as the limits allow: an earlier process may have been killed just now.
    Anything,
    /// Nothing: Feishu is a simulator that starts together with the gateway.
    Nothing,
}

/// Why the gateway could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        cause: io::Error,
    },
    /// There are no threads for the calls to Feishu.
    #[error("cannot start threads: {0}")]
    Threads(io::Error),
    /// The HTTP client cannot be made.
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The certificate of the public listener cannot be used.
    #[error("server.tls: {0}")]
    Tls(String),
    /// The file of the broadcasts cannot be used.
    #[error("broadcasts.path: {0}")]
    Broadcasts(OpenError),
    /// The keys file is not valid.
    #[error("{}", .0.iter().map(ConfigError::to_string).collect::<Vec<_>>().join("\n"))]
    Keys(Vec<ConfigError>),
}
