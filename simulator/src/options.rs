//! The options with which a simulator starts.

use std::net::{Ipv4Addr, SocketAddr};

use crate::clock::{TimeSource, real_time};
use crate::settings::Settings;

/// The options of a simulator. By default it listens on a free port of the loopback address and knows one example app.
pub struct Options {
    /// The address to listen on. Port 0 selects a free port.
    pub listen: SocketAddr,
    /// The apps that can get a token.
    pub apps: Vec<App>,
    /// The source of the simulator's time.
    pub clock: TimeSource,
    /// The initial settings.
    pub settings: Settings,
}

/// A Feishu app that the simulator knows.
///
/// Do not use a real secret: the ledger records requests with their secrets.
#[derive(Clone)]
pub struct App {
    /// The app's id. Feishu's app ids start with `cli_`.
    pub app_id: String,
    /// The app's secret.
    pub app_secret: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            apps: vec![App::default()],
            clock: real_time(),
            settings: Settings::default(),
        }
    }
}

impl Default for App {
    fn default() -> Self {
        Self { app_id: "cli_simulator".into(), app_secret: "simulator-secret".into() }
    }
}
