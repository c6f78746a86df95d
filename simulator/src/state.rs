//! Everything the simulated Feishu knows, behind one lock, and what it does with a request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::book::Book;
use crate::call::Call;
use crate::clock::Clock;
use crate::fault::{self, Fault, FaultKind, Phase};
use crate::ids::Ids;
use crate::ledger::Api;
use crate::lines::Lines;
use crate::options::Options;
use crate::port::Port;
use crate::refusal::Refusal;
use crate::repeats::Repeats;
use crate::settings::Settings;
use crate::token::Tokens;
use crate::window::Windows;

/// The state that all connections share.
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) port: Port,
    pub(crate) lines: Lines,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        let state = State {
            apps: options.apps.into_iter().map(|app| (app.app_id, app.app_secret)).collect(),
            settings_at_start: options.settings.clone(),
            settings: options.settings,
            clock: Clock::new(options.clock),
            ids: Ids::new(),
            tokens: Tokens::default(),
            windows: Windows::default(),
            repeats: Repeats::default(),
            faults: Vec::new(),
            held: Vec::new(),
            book: Book::default(),
        };
        Self { state: Mutex::new(state), port: Port::open_at_first(), lines: Lines::default() }
    }

    /// The state; a panic elsewhere does not make it useless.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct State {
    /// Secrets by app id.
    pub(crate) apps: HashMap<String, String>,
    settings_at_start: Settings,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) tokens: Tokens,
    pub(crate) windows: Windows,
    pub(crate) repeats: Repeats,
    /// What waits to go wrong, first come first served.
    pub(crate) faults: Vec<Fault>,
    /// One for each request that is held: dropped, it lets the request go on.
    held: Vec<oneshot::Sender<()>>,
    pub(crate) book: Book,
}

/// A request that was written into the ledger.
pub(crate) struct Received {
    pub(crate) number: u64,
    pub(crate) fault: Option<Fault>,
    /// Feishu's own answer, unless a fault strikes before Feishu looks at the request.
    pub(crate) answer: Option<Answer>,
    /// Ends when the request is to go on, if a fault holds it.
    pub(crate) held: Option<oneshot::Receiver<()>>,
}

impl State {
    /// Writes a request down and, if nothing goes wrong before, does what it asks for.
    pub(crate) fn receive(&mut self, call: &Call) -> Received {
        let now = self.clock.now();
        let number = self.book.open(call, now, self.settings.ledger_limit);
        let fault = fault::take(&mut self.faults, call);
        let answer =
            fault.as_ref().is_none_or(lets_pass).then(|| self.process_at(call, number, now));
        let held = fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Held);
        let held = held.then(|| {
            let (release, held) = oneshot::channel();
            self.held.push(release);
            held
        });
        Received { number, fault, answer, held }
    }

    /// Forgets all faults, and lets the requests go on that one of them holds.
    pub(crate) fn clear_faults(&mut self) {
        self.faults.clear();
        self.held.clear();
    }

    /// Does what a request asks for.
    pub(crate) fn process(&mut self, call: &Call, number: u64) -> Answer {
        self.process_at(call, number, self.clock.now())
    }

    /// The answer that carries a refusal.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) -> Answer {
        Answer::refused(refusal, &self.settings, self.ids.log_id())
    }

    /// A success without content, for a request that was not looked at.
    pub(crate) fn hollow_success(&mut self) -> Answer {
        Answer::success(&json!({"code": 0, "msg": "success", "data": {}}), self.ids.log_id())
    }

    /// Makes every token invalid.
    pub(crate) fn revoke_tokens(&mut self) {
        self.tokens = Tokens::default();
    }

    /// Everything as it was at the start, but for the time, which never runs backwards.
    pub(crate) fn reset(&mut self) {
        self.settings = self.settings_at_start.clone();
        self.revoke_tokens();
        self.windows = Windows::default();
        self.repeats = Repeats::default();
        self.clear_faults();
        self.book.clear();
    }

    fn process_at(&mut self, call: &Call, number: u64, now: u64) -> Answer {
        let result = match call.api {
            Api::TenantAccessToken | Api::AppAccessToken => self.token(call, now),
            Api::Forward => self.forward(call, number, now),
            Api::Unknown => Ok(Answer::page_not_found()),
        };
        result.unwrap_or_else(|refusal| self.refuse(&refusal))
    }
}

/// Whether a request that the fault strikes still has its effect as it arrives.
fn lets_pass(fault: &Fault) -> bool {
    fault.phase == Phase::AfterCommit || matches!(fault.kind, FaultKind::SlowDrip { .. })
}
