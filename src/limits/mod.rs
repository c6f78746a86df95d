//! Yes, or not until: Feishu's limits, kept exactly.
//!
//! Nothing here waits or reads a clock. A decision is a function of what was allowed before and of
//! the moment that is handed in.

mod app;
mod gcra;
mod receivers;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Moment;
use crate::model::receiver::Receiver;

use app::AppGate;
pub use app::AppPace;
use receivers::ReceiverGates;

/// What each receiver may get and each app may do.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Messages to one receiver in any span of one second.
    pub receiver_per_second: NonZeroU32,
    /// Calls of the app in any span of one second.
    pub app_per_second: NonZeroU32,
    /// Calls of the app in any span of one minute.
    pub app_per_minute: NonZeroU32,
    /// Added to every span: calls that leave a second apart may arrive at Feishu closer together.
    pub guard: Duration,
}

/// Which of the two limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The limit of one receiver.
    Receiver,
    /// The limits of the app.
    App,
}

impl Scope {
    /// The name in metrics and headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::App => "app",
        }
    }
}

/// A refusal: which limit, and the earliest moment at which it would allow one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUntil {
    /// The limit that refuses.
    pub scope: Scope,
    /// When it will not.
    pub moment: Moment,
}

/// How many wait before somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// For the same receiver.
    pub for_receiver: usize,
    /// For the same app.
    pub for_app: usize,
}

/// How much of a receiver's limit is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Messages that may go to the receiver at once.
    pub remaining: u32,
    /// Time until there is one more; zero when nothing is used.
    pub reset: Duration,
}

/// The limits of all receivers and apps, and what has been allowed under them.
///
/// Receivers are shared by the apps: to Feishu, the bots of a group share its budget.
#[derive(Debug)]
pub struct Limits {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    receivers: ReceiverGates,
    apps: HashMap<Arc<str>, AppGate>,
}

impl Limits {
    /// Nothing allowed yet, under rules that hold for each app.
    #[must_use]
    pub fn new(rules: &Rules, apps: impl IntoIterator<Item = Arc<str>>) -> Self {
        let receivers =
            ReceiverGates::new(rules.receiver_per_second, Duration::from_secs(1) + rules.guard);
        let pace = AppPace::derive(rules.app_per_second, rules.app_per_minute, rules.guard);
        let apps = apps.into_iter().map(|app| (app, AppGate::new(pace))).collect();
        Self { state: Mutex::new(State { receivers, apps }) }
    }

    /// Takes the receiver's turn and the app's together, or neither.
    pub fn take(&self, app: &str, receiver: &Receiver, now: Moment) -> Result<(), NotUntil> {
        self.take_after(Ahead::default(), app, receiver, now)
    }

    /// The same, and neither where it would not leave enough for those who are ahead.
    pub fn take_after(
        &self,
        ahead: Ahead,
        app: &str,
        receiver: &Receiver,
        now: Moment,
    ) -> Result<(), NotUntil> {
        self.with(|state| {
            // Looked at first and taken last, so that a refusal by the app costs the receiver nothing.
            state.receivers.ready(receiver, ahead.for_receiver, now)?;
            let app = state.app(app);
            app.ready(ahead.for_app, now)?;
            app.take(now)?;
            state.receivers.take(receiver, now)
        })
    }

    /// When the receiver's limit would allow a message that has `ahead` others before it.
    #[must_use]
    pub fn receiver_ready_at(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        self.with(|state| state.receivers.ready_at(receiver, ahead, now))
    }

    /// When the app's limits would allow a call that has `ahead` others before it.
    #[must_use]
    pub fn app_ready_at(&self, app: &str, ahead: usize, now: Moment) -> Moment {
        self.with(|state| state.app(app).ready_at(ahead, now))
    }

    /// How much of the receiver's limit is left.
    #[must_use]
    pub fn standing(&self, receiver: &Receiver, now: Moment) -> Standing {
        self.with(|state| state.receivers.standing(receiver, now))
    }

    /// Forgets the receivers whose last message no longer counts.
    pub fn sweep(&self, now: Moment) {
        self.with(|state| state.receivers.sweep(now));
    }

    /// How many receivers are remembered.
    #[must_use]
    pub fn receivers(&self) -> usize {
        self.with(|state| state.receivers.len())
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // A panic in here leaves no half-made state behind, so a poisoned lock is used on.
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn app(&mut self, app: &str) -> &mut AppGate {
        self.apps.get_mut(app).expect("only apps that the limits were made for are asked about")
    }
}
