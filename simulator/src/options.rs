//! What a simulator is started with.

use std::net::{Ipv4Addr, SocketAddr};

use crate::clock::{TimeSource, real_time};
use crate::settings::Settings;

/// How to start a simulator; the default listens on a free loopback port and knows one made-up app.
pub struct Options {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The apps that may fetch tokens.
    pub apps: Vec<App>,
    /// Where the time comes from.
    pub clock: TimeSource,
    /// How Feishu behaves at first.
    pub settings: Settings,
}

/// A Feishu app that the simulator knows.
///
/// Use made-up secrets: the ledger shows requests as they came.
#[derive(Clone)]
pub struct App {
    /// The app's id, `cli_…` by Feishu's habit.
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
