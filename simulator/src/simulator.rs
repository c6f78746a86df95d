//! The handle of a running simulator.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::fault::Fault;
use crate::ledger::Ledger;
use crate::options::Options;
use crate::port::Shutting;
use crate::server;
use crate::settings::Settings;
use crate::state::Shared;

/// A running simulator; dropping it stops the server and closes its connections.
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Simulator {
    /// Listens, and serves in tasks of the current tokio runtime.
    pub async fn start(options: Options) -> std::io::Result<Simulator> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options));
        let server = tokio::spawn(server::run(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, server })
    }

    /// The base URL, such as `http://127.0.0.1:40001`, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything seen so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.shared.state().book.snapshot()
    }

    /// Forgets everything seen so far; limits, uuids and tokens stay as they are.
    pub fn clear_ledger(&self) {
        self.shared.state().book.clear();
    }

    /// Adds a fault at the end of the queue.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.state().faults.push(fault);
    }

    /// The faults that have not struck yet, or not as often as they shall.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.state().faults.clone()
    }

    /// Forgets the faults that have not struck yet, and lets those requests go on that are held.
    pub fn clear_faults(&self) {
        self.shared.state().clear_faults();
    }

    /// Changes the settings, for the requests that arrive from now on.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.shared.state().settings);
    }

    /// Makes every token invalid; the next token call gets a new one.
    pub fn revoke_tokens(&self) {
        self.shared.state().revoke_tokens();
    }

    /// Moves the simulator's clock ahead of its time source.
    pub fn advance_clock(&self, by: Duration) {
        self.shared.state().clock.advance(by);
    }

    /// Refuses connections from now on and closes those that there are; the port stays taken.
    pub async fn refuse_connections(&self) {
        self.shared.port.shut(Shutting::default());
        self.shared.port.settled().await;
    }

    /// Accepts connections again.
    pub async fn accept_connections(&self) {
        self.shared.port.open();
        self.shared.port.settled().await;
    }

    /// Lets every connection that is open now go silent for ever, as behind a NAT that has forgotten it:
    /// what comes over it is neither read nor answered, and it is not closed. New ones work.
    pub fn strand_connections(&self) {
        self.shared.lines.strand(None);
    }

    /// How many connections have been accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.lines.opened()
    }

    /// Stops the server; afterwards its port is free.
    pub async fn stop(mut self) {
        self.server.abort();
        // The error says that it was aborted.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
