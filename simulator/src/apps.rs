//! The apps that the simulator knows, with the tenants and the tickets of store apps.

use std::collections::{HashMap, VecDeque};

use crate::options::{App, StoreApp};

/// How many tickets of an app are kept. The setting `valid_tickets` says how many of them are valid.
const MOST_TICKETS: usize = 100;

/// The apps by their ids.
#[derive(Clone)]
pub(crate) struct Apps(HashMap<String, KnownApp>);

/// An app.
#[derive(Clone)]
pub(crate) struct KnownApp {
    pub(crate) secret: String,
    /// `None` for a self-built app.
    pub(crate) store: Option<KnownStoreApp>,
}

/// What only a store app has.
#[derive(Clone)]
pub(crate) struct KnownStoreApp {
    pub(crate) verification_token: String,
    pub(crate) encrypt_key: Option<String>,
    /// The tenants in which the app is installed.
    pub(crate) tenants: Vec<String>,
    pub(crate) push_url: Option<String>,
    /// The tickets, newest first.
    pub(crate) tickets: VecDeque<String>,
    /// The time on the simulator's clock at which the newest ticket was made, in nanoseconds.
    pub(crate) ticket_at: u64,
}

impl Apps {
    pub(crate) fn new(apps: Vec<App>) -> Self {
        Self(apps.into_iter().map(|app| (app.app_id.clone(), KnownApp::new(app))).collect())
    }

    pub(crate) fn get(&self, app_id: &str) -> Option<&KnownApp> {
        self.0.get(app_id)
    }

    pub(crate) fn store(&self, app_id: &str) -> Option<&KnownStoreApp> {
        self.0.get(app_id)?.store.as_ref()
    }

    pub(crate) fn store_mut(&mut self, app_id: &str) -> Option<&mut KnownStoreApp> {
        self.0.get_mut(app_id)?.store.as_mut()
    }

    /// The store apps, by their ids in order.
    pub(crate) fn stores(&self) -> Vec<(&str, &KnownStoreApp)> {
        let mut stores: Vec<_> = self
            .0
            .iter()
            .filter_map(|(app_id, app)| Some((app_id.as_str(), app.store.as_ref()?)))
            .collect();
        stores.sort_unstable_by_key(|(app_id, _)| *app_id);
        stores
    }

    /// Gives an app another secret. An app that is not known becomes a self-built app.
    pub(crate) fn change_secret(&mut self, app_id: &str, secret: &str) {
        match self.0.get_mut(app_id) {
            Some(app) => secret.clone_into(&mut app.secret),
            None => {
                self.0.insert(app_id.to_owned(), KnownApp::new(App::new(app_id, secret)));
            }
        }
    }
}

impl KnownApp {
    fn new(app: App) -> Self {
        Self { secret: app.app_secret, store: app.store.map(KnownStoreApp::new) }
    }
}

impl KnownStoreApp {
    fn new(app: StoreApp) -> Self {
        let StoreApp { verification_token, encrypt_key, tenants, push_url, app_ticket } = app;
        let tickets = app_ticket.into_iter().collect();
        Self { verification_token, encrypt_key, tenants, push_url, tickets, ticket_at: 0 }
    }

    pub(crate) fn is_installed_in(&self, tenant_key: &str) -> bool {
        self.tenants.iter().any(|known| known == tenant_key)
    }

    /// Installs the app in a tenant. It may be installed there already.
    pub(crate) fn install(&mut self, tenant_key: &str) {
        if !self.is_installed_in(tenant_key) {
            self.tenants.push(tenant_key.to_owned());
        }
    }

    pub(crate) fn uninstall(&mut self, tenant_key: &str) {
        self.tenants.retain(|known| known != tenant_key);
    }

    /// Makes this ticket the newest one.
    pub(crate) fn add_ticket(&mut self, ticket: String, now: u64) {
        self.tickets.push_front(ticket);
        self.tickets.truncate(MOST_TICKETS);
        self.ticket_at = now;
    }

    /// Whether the ticket is among as many of the newest ones as are valid.
    pub(crate) fn accepts(&self, ticket: &str, valid_tickets: usize) -> bool {
        self.tickets.iter().take(valid_tickets).any(|known| known == ticket)
    }
}
