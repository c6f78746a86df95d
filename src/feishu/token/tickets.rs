//! The app tickets of a store app.
//!
//! Feishu pushes a ticket about every hour, and issues no app token without one. A ticket that is missing, or that
//! Feishu refuses, is asked for: Feishu then pushes one, to whichever replica hears it.

mod app_ticket;
mod error;
mod file;
mod pace;
mod redis;
mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::watch;

use self::pace::ResendPace;
use super::calls::{Issued, TokenCalls};
use super::credentials::Credentials;
use crate::clock::Clock;
use crate::feishu::client::Client;
use crate::feishu::codes::Retry;
use crate::feishu::error::CallError;
use crate::model::feishu_api::FeishuApi;
use crate::model::seal::Seal;
use crate::telemetry::metrics::Metrics;

pub use app_ticket::AppTicket;
pub use error::TicketNotKept;
pub use file::FileTicket;
pub use redis::RedisTicket;
pub use store::TicketStore;

/// The tickets of one store app, of which the newest counts. Clones share them.
#[derive(Clone, Debug)]
pub struct AppTickets(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    calls: Arc<TokenCalls>,
    /// Replaced when the app gets another secret.
    credentials: ArcSwap<Credentials>,
    store: TicketStore,
    known: watch::Sender<KnownTicket>,
    pace: Mutex<ResendPace>,
}

/// What the process knows of the tickets.
#[derive(Debug, Default)]
pub(super) struct KnownTicket {
    newest: Option<AppTicket>,
    /// When the last ticket that Feishu refused was sent. The store may still have it.
    refused: Option<Timestamp>,
}

/// How long a call waits for a push that was asked for. Few forwards have time for more.
const PUSH_TAKES: Duration = Duration::from_secs(5);
/// How often to look meanwhile whether another replica has heard the push.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How far Feishu's clock may be ahead of this machine's. A ticket from a later time would make those after it old.
const AHEAD: Duration = Duration::from_mins(5);

impl AppTickets {
    /// The tickets of the app with this name. Those of an earlier process may be in the store.
    #[must_use]
    pub fn new(
        app: Arc<str>,
        credentials: Credentials,
        client: Client,
        clock: Clock,
        metrics: Metrics,
        store: TicketStore,
    ) -> Self {
        metrics.begin_calls(&app, FeishuApi::AppTicketResend);
        Self(Arc::new(Shared {
            calls: Arc::new(TokenCalls { app, client, clock, metrics }),
            credentials: ArcSwap::from_pointee(credentials),
            store,
            known: watch::Sender::default(),
            pace: Mutex::default(),
        }))
    }

    /// Feishu has pushed a ticket. It is used from now on, unless it is older than the one that is known. The error says
    /// that it could not be stored: Feishu should push it again.
    pub async fn heard(&self, ticket: AppTicket) -> Result<(), TicketNotKept> {
        let TokenCalls { app, clock, .. } = &*self.0.calls;
        let latest = clock.wall().saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
        let sent_at = ticket.sent_at.min(latest).as_millisecond();
        let sent_at = Timestamp::from_millisecond(sent_at).unwrap_or(latest);
        let ticket = AppTicket { sent_at, ..ticket };
        if !ticket.is_one() {
            tracing::warn!(%app, "what Feishu pushed is not an app ticket");
            return Ok(());
        }
        if !self.0.known.send_if_modified(|known| known.accept(&ticket)) {
            tracing::debug!(%app, "an app ticket that came late was ignored");
            return Ok(());
        }
        self.0.pace().pushed();
        self.0.note(&ticket);
        tracing::info!(%app, "app ticket received");
        self.0.store.keep(&self.0.seal(), &ticket).await
    }

    /// Fetches the app token: with the known ticket, and once more with another one if Feishu refuses that.
    pub(super) async fn app_token(&self) -> Result<Issued, CallError> {
        let first = self.app_token_with(&self.get().await?).await;
        match first {
            Err(error) if refuses_ticket(&error) => self.app_token_with(&self.get().await?).await,
            first => first,
        }
    }

    async fn app_token_with(&self, ticket: &AppTicket) -> Result<Issued, CallError> {
        let credentials = self.0.credentials.load_full();
        let answer = self.0.calls.app_token(&credentials, &ticket.ticket).await;
        if answer.as_ref().err().is_some_and(refuses_ticket) {
            self.refused(ticket).await;
        }
        answer
    }

    /// The newest ticket. If there is none, Feishu is asked to push one, which is waited for.
    async fn get(&self) -> Result<AppTicket, CallError> {
        if let Some(ticket) = self.0.newest().await {
            return Ok(ticket);
        }
        self.0.ask_for_push().await?;
        let clock = &self.0.calls.clock;
        let until = clock.now() + PUSH_TAKES;
        let mut known = self.0.known.subscribe();
        loop {
            let look_again = until.min(clock.now() + LOOK_AGAIN);
            let arrived = async { known.wait_for(|it| it.newest.is_some()).await.is_ok() };
            let _ = clock.timeout_at(look_again, arrived).await;
            if let Some(ticket) = self.0.newest().await {
                return Ok(ticket);
            }
            if clock.now() >= until {
                return Err(CallError::NoTicket);
            }
        }
    }

    /// Feishu has refused a ticket: it is forgotten, unless a newer one is known.
    async fn refused(&self, ticket: &AppTicket) {
        self.0.known.send_if_modified(|known| {
            known.refuse(ticket.sent_at);
            // Nobody waits for a refusal.
            false
        });
        if let Err(failure) = self.0.store.forget(ticket).await {
            // The process remembers that it was refused.
            tracing::debug!(app = %self.0.calls.app, %failure, "a refused app ticket was not deleted");
        }
    }

    /// Tells of each ticket that arrives.
    pub(super) fn arrivals(&self) -> watch::Receiver<KnownTicket> {
        self.0.known.subscribe()
    }

    /// The calls for the tokens of the app.
    pub(super) fn calls(&self) -> Arc<TokenCalls> {
        Arc::clone(&self.0.calls)
    }

    /// Uses another secret of the app from the next call on.
    pub(super) fn replace_secret(&self, app_secret: SecretString) {
        let app_id = self.0.credentials.load().app_id.clone();
        self.0.credentials.store(Arc::new(Credentials { app_id, app_secret }));
    }

    /// Forgets that questions for a push have failed, because an operator has removed the cause.
    pub(super) fn ask_again(&self) {
        *self.0.pace() = ResendPace::default();
    }
}

impl Shared {
    /// The newest ticket that this process or the store knows.
    async fn newest(&self) -> Option<AppTicket> {
        let known = self.known.borrow().newest.clone();
        if known.is_some() {
            return known;
        }
        let loaded = self.store.load(&self.seal()).await.unwrap_or_else(|failure| {
            tracing::debug!(app = %self.calls.app, %failure, "the app ticket cannot be read");
            None
        })?;
        self.known.send_if_modified(|known| {
            if known.accept(&loaded) {
                self.note(&loaded);
            }
            // Whoever waits for a push looks into the store.
            false
        });
        self.known.borrow().newest.clone()
    }

    /// Asks Feishu to push a ticket, unless it was asked a short while ago.
    async fn ask_for_push(&self) -> Result<(), CallError> {
        let TokenCalls { app, clock, .. } = &*self.calls;
        if !self.pace().begin(clock.now())? {
            return Ok(());
        }
        let credentials = self.credentials.load_full();
        let answer = self.calls.resend_ticket(&credentials).await;
        match &answer {
            Ok(()) => tracing::warn!(%app, "there is no app ticket: Feishu was asked to push one"),
            Err(error) => {
                tracing::warn!(%app, %error, "there is no app ticket, and Feishu was not asked to push one");
            }
        }
        self.pace().answered(&answer);
        answer
    }

    fn note(&self, ticket: &AppTicket) {
        self.calls.metrics.app_ticket_sent_at(&self.calls.app, ticket.sent_at);
    }

    fn seal(&self) -> Seal {
        Seal::new(&self.credentials.load().app_secret)
    }

    fn pace(&self) -> MutexGuard<'_, ResendPace> {
        // No code that can panic runs under this lock.
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownTicket {
    /// Takes a ticket, unless a later one is known, or it is not later than one that was refused.
    fn accept(&mut self, ticket: &AppTicket) -> bool {
        let is_new = self.newest.as_ref().is_none_or(|newest| ticket.sent_at >= newest.sent_at)
            && self.refused.is_none_or(|refused| ticket.sent_at > refused);
        if is_new {
            self.newest = Some(ticket.clone());
        }
        is_new
    }

    fn refuse(&mut self, sent_at: Timestamp) {
        self.refused = self.refused.max(Some(sent_at));
        self.newest.take_if(|newest| newest.sent_at <= sent_at);
    }
}

/// Whether Feishu wants another ticket.
fn refuses_ticket(error: &CallError) -> bool {
    error.retry() == Some(Retry::ResendTicket)
}
