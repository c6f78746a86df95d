//! The options with which a simulator starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::clock::{TimeSource, real_time};
use crate::settings::Settings;

/// The key of the tenant in which self-built apps are, and of the first tenant of a store app by default.
pub(crate) const TENANT_KEY: &str = "736588c9260f175e";

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
    /// Whether the simulator pushes what is due without being asked: an app ticket each hour, and repetitions. A test
    /// leaves this off and calls [`crate::Simulator::push_ticket`] and [`crate::Simulator::push_due`].
    pub pushes_by_itself: bool,
    /// The wall time at which the clock shows zero, since 1970. `None`: by the machine's clock.
    pub starts_at: Option<Duration>,
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
    /// What only a store app has. `None` is a self-built app.
    pub store: Option<StoreApp>,
}

/// What the simulator knows of a store app besides its id and its secret.
#[derive(Clone)]
pub struct StoreApp {
    /// The verification token, which every event carries.
    pub verification_token: String,
    /// The Encrypt Key. `None` pushes events in plain text.
    pub encrypt_key: Option<String>,
    /// The keys of the tenants in which the app is installed.
    pub tenants: Vec<String>,
    /// The URL to which events are pushed, with the scheme `http`. `None` pushes nothing.
    pub push_url: Option<String>,
    /// The app ticket that is valid from the start on. `None` is an app whose first ticket is still to be pushed.
    pub app_ticket: Option<String>,
}

impl App {
    /// A self-built app.
    #[must_use]
    pub fn new(app_id: &str, app_secret: &str) -> Self {
        Self { app_id: app_id.into(), app_secret: app_secret.into(), store: None }
    }

    /// A store app.
    #[must_use]
    pub fn store(app_id: &str, app_secret: &str, store: StoreApp) -> Self {
        Self { store: Some(store), ..Self::new(app_id, app_secret) }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            apps: vec![App::default()],
            clock: real_time(),
            settings: Settings::default(),
            pushes_by_itself: false,
            starts_at: None,
        }
    }
}

impl Default for App {
    fn default() -> Self {
        Self::new("cli_simulator", "simulator-secret")
    }
}

impl Default for StoreApp {
    fn default() -> Self {
        Self {
            verification_token: "simulator-verification-token".into(),
            encrypt_key: None,
            tenants: vec![TENANT_KEY.into()],
            push_url: None,
            app_ticket: None,
        }
    }
}
