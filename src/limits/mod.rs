//! Yes, or not until: Feishu's limits, kept exactly, and what its refusals teach.
//!
//! Nothing here waits or reads a clock. A decision is a function of what was allowed before and of
//! the moment that is handed in.

mod app;
mod caution;
mod cells;
mod deferring;
mod gcra;
mod hold;
mod receivers;
mod server_clock;
mod shared;
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
use app::LONGEST_RESET;
pub use cells::Forgotten;
pub use hold::{Asker, Cell, Hold};
use receivers::ReceiverGates;
pub use server_clock::{ServerClock, Stepped};
pub use shared::{Beat, Gate, Note, Seen, Shared, Shown};
pub(crate) use shared::{OVERLAP, birth_key};

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

impl Rules {
    /// The span in which a receiver may get so many.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs(1) + self.guard
    }

    fn pace(&self) -> AppPace {
        AppPace::derive(self.app_per_second, self.app_per_minute, self.guard)
    }
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

/// Leave to make one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Whether it is the one attempt a pause that a receiver under caution may get.
    pub trial: bool,
    /// Whether there is no Redis that has to agree.
    pub is_final: bool,
}

/// A refusal: which limit, and the earliest moment at which it would allow one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUntil {
    /// The limit that refuses.
    pub scope: Scope,
    /// When it will not.
    pub moment: Moment,
}

/// How soon to look if Redis was asked meanwhile.
const SOON: Duration = Duration::from_millis(50);

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
    rules: Rules,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    receivers: ReceiverGates,
    apps: HashMap<Arc<str>, AppGate>,
    decides: Decides,
}

/// Who decides, once nothing here is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decides {
    /// These limits, which nobody shares.
    Whole,
    /// Redis.
    Redis,
    /// These limits, which are a share: until then, as Redis was asked in vain not long before.
    Share(Moment),
}

impl Limits {
    /// Nothing allowed yet, under rules that hold for each app.
    #[must_use]
    pub fn new(rules: &Rules, apps: impl IntoIterator<Item = Arc<str>>) -> Self {
        let receivers = ReceiverGates::new(rules.receiver_per_second, rules.window());
        let apps = apps.into_iter().map(|app| (app, AppGate::new(rules.pace()))).collect();
        Self {
            rules: *rules,
            state: Mutex::new(State { receivers, apps, decides: Decides::Whole }),
        }
    }

    /// Takes the receiver's turn and the app's together, or neither.
    pub fn take(&self, app: &str, receiver: &Receiver, now: Moment) -> Result<Pass, NotUntil> {
        self.take_after(Ahead::default(), app, receiver, now)
    }

    /// The same, and neither where it would not leave enough for those who are ahead.
    pub fn take_after(
        &self,
        ahead: Ahead,
        app: &str,
        receiver: &Receiver,
        now: Moment,
    ) -> Result<Pass, NotUntil> {
        self.with(|state| {
            let defers = state.decides == Decides::Redis;
            if let Some(pass) = state.is_to_be_asked(receiver, now) {
                return Ok(pass);
            }
            // Looked at first and taken last, so that a refusal by the app costs the receiver nothing.
            state.ready(ahead, app, receiver, now)?;
            state.app(app).take(now)?;
            let trial = state.receivers.take(receiver, now)?;
            Ok(Pass { trial, is_final: !defers })
        })
    }

    /// Whether [`Limits::take_after`] would take them; nothing is taken.
    pub fn ready_after(
        &self,
        ahead: Ahead,
        app: &str,
        receiver: &Receiver,
        now: Moment,
    ) -> Result<(), NotUntil> {
        self.with(|state| state.ready(ahead, app, receiver, now))
    }

    /// Feishu refused a message because the receiver gets too many: other bots spend its budget too.
    ///
    /// From then on the receiver gets one attempt a pause, a trial. Each trial that is refused doubles
    /// the pause, from half a second up to 30 s.
    pub fn receiver_refused(&self, receiver: &Receiver, trial: bool, now: Moment) {
        self.with(|state| state.receivers.cautions.refused(receiver, trial, now));
    }

    /// Feishu accepted a message: if it was a trial, the receiver's own limit is all that holds again.
    pub fn receiver_accepted(&self, receiver: &Receiver, trial: bool) {
        if trial {
            self.with(|state| state.receivers.cautions.accepted(receiver));
        }
    }

    /// Feishu refused a call because the app makes too many: nothing goes for `reset`, which counts
    /// for 5 minutes at most.
    pub fn app_refused(&self, app: &str, reset: Duration, now: Moment) {
        self.with(|state| state.app(app).refused(reset, now));
    }

    /// Whether the receiver gets trials only.
    #[must_use]
    pub fn is_under_caution(&self, receiver: &Receiver) -> bool {
        self.with(|state| state.receivers.cautions.contains(receiver))
    }

    /// How many receivers may get nothing now because Feishu refused.
    #[must_use]
    pub fn closed_receivers(&self, now: Moment) -> usize {
        self.with(|state| state.receivers.cautions.closed(now))
    }

    /// Whether the app may do nothing now because Feishu refused.
    #[must_use]
    pub fn is_app_closed(&self, app: &str, now: Moment) -> bool {
        self.with(|state| state.app(app).is_closed(now))
    }

    /// When the receiver's limit would allow a message that has `ahead` others before it.
    #[must_use]
    pub fn receiver_ready_at(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        self.with(|state| state.receivers.ready_at(receiver, ahead, now))
    }

    /// The same at best: if the next trial that the receiver gets is accepted.
    #[must_use]
    pub fn receiver_ready_at_best(&self, receiver: &Receiver, ahead: usize, now: Moment) -> Moment {
        self.with(|state| state.receivers.ready_at_best(receiver, ahead, now))
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

    /// Forgets the receivers that got nothing between the last two sweeps that were a window apart, and
    /// the cautions that nobody has put to the test for a minute.
    /// Hands out what is forgotten: to drop it takes a while if it was much.
    pub fn sweep(&self, now: Moment) -> Forgotten {
        self.with(|state| state.receivers.sweep(now))
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
    fn ready(
        &mut self,
        ahead: Ahead,
        app: &str,
        receiver: &Receiver,
        now: Moment,
    ) -> Result<(), NotUntil> {
        if let Decides::Share(until) = self.decides
            && until < now
        {
            // The process stood still, perhaps: it may be Redis' turn to decide.
            return Err(NotUntil { scope: Scope::Receiver, moment: now.saturating_add(SOON) });
        }
        self.receivers.ready(receiver, ahead.for_receiver, now)?;
        self.app(app).ready(ahead.for_app, now)
    }

    fn app(&mut self, app: &str) -> &mut AppGate {
        self.apps.get_mut(app).expect("only apps that the limits were made for are asked about")
    }
}
