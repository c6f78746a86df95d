//! [`Simulator`], the handle of a running simulator.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::event::Event;
use crate::fault::Fault;
use crate::ledger::Ledger;
use crate::messages::KnownMessage;
use crate::options::Options;
use crate::port::Outage;
use crate::push::{NotPushed, PushAnswer};
use crate::pusher;
use crate::server;
use crate::settings::Settings;
use crate::state::Shared;

/// A running simulator. Dropping it stops the server and closes its connections.
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<std::io::Result<()>>,
    pusher: JoinHandle<()>,
}

impl Simulator {
    /// Starts a simulator in the current tokio runtime.
    pub async fn start(options: Options) -> std::io::Result<Simulator> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let (wanted_tickets, wanted) = mpsc::unbounded_channel();
        let by_itself = options.pushes_by_itself;
        let shared = Arc::new(Shared::new(options, wanted_tickets));
        let server = tokio::spawn(server::run(listener, Arc::clone(&shared)));
        let pusher = tokio::spawn(pusher::run(Arc::clone(&shared), wanted, by_itself));
        Ok(Self { address, shared, server, pusher })
    }

    /// The base URL without a trailing slash, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A snapshot of the ledger.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.shared.state().ledger.snapshot()
    }

    /// Deletes all entries of the ledger. Limits, uuids and tokens do not change.
    pub fn clear_ledger(&self) {
        self.shared.state().ledger.clear();
    }

    /// Appends a fault to the queue.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.state().faults.push(fault);
    }

    /// The pending faults: those that will still affect a matching request.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.state().faults.clone()
    }

    /// Forgets the faults that have not struck yet, and lets those requests go on that are held.
    pub fn clear_faults(&self) {
        self.shared.state().clear_faults();
    }

    /// Tells the simulator of a message, or changes what it knows of one. Of the messages that it delivered it knows the
    /// newest 1000 anyway. Returns false, and changes nothing, if it was told of 10 000 others.
    #[must_use]
    pub fn add_message(&self, message: KnownMessage) -> bool {
        self.shared.state().messages.add(message)
    }

    /// The messages of which the simulator was told, in the order in which it was.
    #[must_use]
    pub fn messages(&self) -> Vec<KnownMessage> {
        self.shared.state().messages.told().to_vec()
    }

    /// Forgets the messages of which the simulator was told. It still knows those that it delivered.
    pub fn clear_messages(&self) {
        self.shared.state().messages.clear_told();
    }

    /// Changes the settings for all later requests.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.shared.state().settings);
    }

    /// Revokes all tokens. The next token call gets a new token.
    pub fn revoke_tokens(&self) {
        self.shared.state().revoke_tokens();
    }

    /// Gives an app another secret, as a reset in the developer console does. Its tokens stay good.
    pub fn change_secret(&self, app_id: &str, app_secret: &str) {
        self.shared.state().apps.change_secret(app_id, app_secret);
    }

    /// Installs a store app in a tenant. An id that is no store app's changes nothing.
    pub fn install(&self, app_id: &str, tenant_key: &str) {
        if let Some(store) = self.shared.state().apps.store_mut(app_id) {
            store.install(tenant_key);
        }
    }

    /// Uninstalls a store app in a tenant. The tokens of the app there are refused with 99991673 from now on.
    pub fn uninstall(&self, app_id: &str, tenant_key: &str) {
        if let Some(store) = self.shared.state().apps.store_mut(app_id) {
            store.uninstall(tenant_key);
        }
    }

    /// Sets the URL to which a store app's events are pushed. Its scheme must be `http`.
    pub fn set_push_url(&self, app_id: &str, url: &str) {
        if let Some(store) = self.shared.state().apps.store_mut(app_id) {
            store.push_url = Some(url.to_owned());
        }
    }

    /// The newest ticket of a store app, even if no push has brought it to the app. `None` before the first one.
    #[must_use]
    pub fn app_ticket(&self, app_id: &str) -> Option<String> {
        self.shared.state().apps.store(app_id)?.tickets.front().cloned()
    }

    /// Makes a new ticket for a store app and pushes it, as Feishu does about hourly. Returns the receiver's answer.
    pub async fn push_ticket(&self, app_id: &str) -> Result<PushAnswer, NotPushed> {
        pusher::push_ticket(&self.shared, app_id).await
    }

    /// Pushes an event to a store app. Returns the receiver's answer.
    pub async fn push_event(&self, app_id: &str, event: &Event) -> Result<PushAnswer, NotPushed> {
        pusher::push_event(&self.shared, app_id, event).await
    }

    /// Checks the address of a store app, as Feishu does when it is entered in the developer console.
    pub async fn push_address_check(&self, app_id: &str) -> Result<PushAnswer, NotPushed> {
        pusher::push_check(&self.shared, app_id).await
    }

    /// Sends the pushes that are due on the simulator's clock: repetitions of those that were not accepted (15 s,
    /// 5 min, 1 h and 6 h later), and late ones. Returns the receivers' answers.
    pub async fn push_due(&self) -> Vec<Result<PushAnswer, NotPushed>> {
        pusher::push_due(&self.shared).await
    }

    /// Moves the simulator's clock forward.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.state().clock.advance(by);
    }

    /// Refuses new connections and closes all existing ones. The port stays reserved.
    pub async fn refuse_connections(&self) {
        self.shared.port.start_outage(Outage::default());
        self.shared.port.settled().await;
    }

    /// Accepts connections again after [`Self::refuse_connections`].
    pub async fn accept_connections(&self) {
        self.shared.port.end_outage();
        self.shared.port.settled().await;
    }

    /// Strands all open connections: each stays open, but nothing is read from it or answered any more. This simulates
    /// a NAT that has dropped its entry of the connection. New connections work.
    pub fn strand_connections(&self) {
        self.shared.connections.strand(None);
    }

    /// The number of connections that were accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.opened()
    }

    /// Stops the server and releases its port.
    pub async fn stop(mut self) {
        self.pusher.abort();
        self.server.abort();
        // The error only says that the task was aborted.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.pusher.abort();
        self.server.abort();
    }
}
