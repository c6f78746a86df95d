//! The state of the simulated Feishu behind one lock, and the dispatch of a request to its API.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use crate::answer::Answer;
use crate::apps::Apps;
use crate::call::Call;
use crate::clock::Clock;
use crate::connections::Connections;
use crate::fault::{self, Fault, FaultKind, Phase};
use crate::ids::Ids;
use crate::ledger::Api;
use crate::ledger_writer::LedgerWriter;
use crate::limits::Limits;
use crate::messages::Messages;
use crate::options::Options;
use crate::outbox::Outbox;
use crate::port::Port;
use crate::refusal::Refusal;
use crate::repeats::Repeats;
use crate::settings::Settings;
use crate::tokens::{Caller, Tokens};

/// What all connections share.
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) port: Port,
    pub(crate) connections: Connections,
}

impl Shared {
    /// `wanted_tickets` gets the ids of the apps that ask for a ticket.
    pub(crate) fn new(options: Options, wanted_tickets: mpsc::UnboundedSender<String>) -> Self {
        let apps = Apps::new(options.apps);
        let state = State {
            apps_at_start: apps.clone(),
            apps,
            settings_at_start: options.settings.clone(),
            settings: options.settings,
            clock: Clock::new(options.clock, options.starts_at),
            ids: Ids::new(),
            tokens: Tokens::default(),
            app_tokens: Tokens::default(),
            limits: Limits::default(),
            repeats: Repeats::default(),
            messages: Messages::default(),
            faults: Vec::new(),
            held: Vec::new(),
            outbox: Outbox::default(),
            wanted_tickets,
            ledger: LedgerWriter::default(),
        };
        Self { state: Mutex::new(state), port: Port::new(), connections: Connections::default() }
    }

    /// Locks the state.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic in one request must not make all others fail.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of the simulated Feishu.
pub(crate) struct State {
    apps_at_start: Apps,
    pub(crate) apps: Apps,
    settings_at_start: Settings,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    /// The tenant tokens.
    pub(crate) tokens: Tokens<Caller>,
    /// The tokens of store apps, by app id.
    pub(crate) app_tokens: Tokens<String>,
    pub(crate) limits: Limits,
    pub(crate) repeats: Repeats,
    pub(crate) messages: Messages,
    /// The pending faults. The first one that matches a request affects it.
    pub(crate) faults: Vec<Fault>,
    /// One sender for each held request. Dropping it releases the request.
    held: Vec<oneshot::Sender<()>>,
    /// The pushes that are not due yet.
    pub(crate) outbox: Outbox,
    pub(crate) wanted_tickets: mpsc::UnboundedSender<String>,
    pub(crate) ledger: LedgerWriter,
}

/// A request that was recorded in the ledger.
pub(crate) struct Received {
    /// The number of the attempt in the ledger.
    pub(crate) number: u64,
    /// The fault that affects the request.
    pub(crate) fault: Option<Fault>,
    /// Feishu's answer. `None` if the fault applies before the request is executed.
    pub(crate) answer: Option<Answer>,
    /// Ends when a held request is released. None if no fault holds the request.
    pub(crate) held: Option<oneshot::Receiver<()>>,
}

impl State {
    /// Records a request, and executes it unless a fault applies before.
    pub(crate) fn receive(&mut self, call: &Call) -> Received {
        let now = self.clock.now();
        let number = self.ledger.record_attempt(call, now, self.settings.ledger_limit);
        let fault = fault::take(&mut self.faults, call);
        let answer = fault
            .as_ref()
            .is_none_or(takes_effect_at_once)
            .then(|| self.execute_at(call, number, now));
        let is_held = fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Held);
        let held = is_held.then(|| {
            let (release, held) = oneshot::channel();
            self.held.push(release);
            held
        });
        Received { number, fault, answer, held }
    }

    /// Removes all pending faults, and releases the held requests.
    pub(crate) fn clear_faults(&mut self) {
        self.faults.clear();
        self.held.clear();
    }

    /// Executes a request and returns Feishu's answer.
    pub(crate) fn execute(&mut self, call: &Call, number: u64) -> Answer {
        self.execute_at(call, number, self.clock.now())
    }

    /// The answer for a refusal, with a new log id.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) -> Answer {
        Answer::refused(refusal, &self.settings, self.ids.log_id())
    }

    /// A success without content, for a request that was not executed.
    pub(crate) fn empty_success(&mut self) -> Answer {
        Answer::success(&json!({"code": 0, "msg": "success", "data": {}}), self.ids.log_id())
    }

    /// Revokes all tokens.
    pub(crate) fn revoke_tokens(&mut self) {
        self.tokens = Tokens::default();
        self.app_tokens = Tokens::default();
    }

    /// Restores the initial state. The clock is not reset, because time never goes back.
    pub(crate) fn reset(&mut self) {
        self.settings = self.settings_at_start.clone();
        self.apps = self.apps_at_start.clone();
        self.outbox = Outbox::default();
        self.revoke_tokens();
        self.limits = Limits::default();
        self.repeats = Repeats::default();
        self.messages = Messages::default();
        self.clear_faults();
        self.ledger.clear();
    }

    /// The store apps with a URL whose newest ticket has at least this age in nanoseconds, and those without a ticket.
    pub(crate) fn apps_without_fresh_ticket(&self, age: u64) -> Vec<String> {
        let now = self.clock.now();
        let stores = self.apps.stores().into_iter();
        stores
            .filter(|(_, store)| store.push_url.is_some())
            .filter(|(_, store)| store.tickets.is_empty() || now - store.ticket_at >= age)
            .map(|(app_id, _)| app_id.to_owned())
            .collect()
    }

    fn execute_at(&mut self, call: &Call, number: u64, now: u64) -> Answer {
        let result = match call.api {
            Api::TenantAccessToken | Api::AppAccessToken => self.token(call, now),
            Api::StoreAppAccessToken => self.store_app_token(call, now),
            Api::StoreTenantAccessToken => self.store_tenant_token(call, number, now),
            Api::AppTicketResend => self.resend_ticket(call),
            Api::Forward | Api::MergeForward | Api::ThreadForward => {
                self.forward(call, number, now)
            }
            Api::BotInfo | Api::Scopes | Api::IsInChat => self.about_app(call, number, now),
            Api::Unknown => Ok(Answer::page_not_found()),
        };
        result.unwrap_or_else(|refusal| self.refuse(&refusal))
    }
}

/// Whether a request with this fault takes effect as soon as it arrives.
fn takes_effect_at_once(fault: &Fault) -> bool {
    fault.phase == Phase::AfterCommit || matches!(fault.kind, FaultKind::SlowDrip { .. })
}
