//! Feishu's limits in their strictest interpretation, as sliding windows: a limit holds in every time span of its
//! length.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::clock::nanos;
use crate::codes;
use crate::ledger::Api;
use crate::refusal::Refusal;
use crate::settings::Settings;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The number of receivers from which on unused windows are removed.
const SWEEP_FROM: usize = 1024;

/// The app and the API. Each API of an app has limits of its own (doc).
type AppKey = (String, Api);

/// The app, the type and the id of a receiver. Chats have no app here, because all bots share a chat's limit (doc).
type ReceiverKey = (Option<String>, String, String);

/// The sliding windows of all apps and receivers.
#[derive(Default)]
pub(crate) struct Limits {
    seconds: HashMap<AppKey, Window>,
    minutes: HashMap<AppKey, Window>,
    receivers: HashMap<ReceiverKey, Window>,
    sweep_at: usize,
}

impl Limits {
    /// Counts a forward against both limits of the app for this API. If one of them is full, neither counts it,
    /// unless `Settings::refused_attempts_count` is set.
    pub(crate) fn admit_app(
        &mut self,
        app_id: &str,
        api: Api,
        now: u64,
        settings: &Settings,
    ) -> Result<(), Refusal> {
        let second = self.seconds.entry((app_id.to_owned(), api)).or_default();
        let minute = self.minutes.entry((app_id.to_owned(), api)).or_default();
        let spans = [
            (&*second, SECOND, settings.app_per_second),
            (&*minute, MINUTE, settings.app_per_minute),
        ];
        // If both limits are full, the answer holds the longer wait.
        let longest = spans
            .into_iter()
            .filter_map(|(window, span, limit)| Some((window.wait(now, span, limit)?, limit)))
            .max();
        if longest.is_none() || settings.refused_attempts_count {
            second.count(now, settings.app_per_second);
            minute.count(now, settings.app_per_minute);
        }
        let Some((wait, limit)) = longest else {
            return Ok(());
        };
        Err(Refusal::app_limit(limit, wait.div_ceil(nanos(SECOND))))
    }

    /// Counts a forward against the limit of the receiver, which all APIs share (guess). A full limit counts it only if
    /// `Settings::refused_attempts_count` is set.
    pub(crate) fn admit_receiver(
        &mut self,
        app_id: &str,
        receiver: (&str, &str),
        now: u64,
        settings: &Settings,
    ) -> Result<(), Refusal> {
        self.sweep(now);
        let (kind, id) = receiver;
        let is_chat = kind == "chat_id";
        let owner = (!is_chat).then(|| app_id.to_owned());
        let window = self.receivers.entry((owner, kind.to_owned(), id.to_owned())).or_default();
        let limit = settings.receiver_per_second;
        let full = window.wait(now, SECOND, limit).is_some();
        if !full || settings.refused_attempts_count {
            window.count(now, limit);
        }
        match (full, is_chat) {
            (false, _) => Ok(()),
            (true, true) => Err(Refusal::with_ext(codes::RECEIVER_LIMIT, "chat rate limit")),
            (true, false) => Err(Refusal::new(codes::RECEIVER_LIMIT)),
        }
    }

    /// Removes the windows of receivers without a forward in the last second, each time the number of windows has
    /// doubled.
    fn sweep(&mut self, now: u64) {
        if self.receivers.len() < self.sweep_at.max(SWEEP_FROM) {
            return;
        }
        self.receivers.retain(|_, window| window.wait(now, SECOND, 1).is_some());
        self.sweep_at = self.receivers.len() * 2;
    }
}

/// The times of the forwards that one limit counts, oldest first.
#[derive(Default)]
struct Window(VecDeque<u64>);

impl Window {
    /// The time in nanoseconds until the limit allows another forward. `None` if it allows one now.
    ///
    /// The span is half-open: a forward exactly one span ago does not count.
    fn wait(&self, now: u64, span: Duration, limit: usize) -> Option<u64> {
        let span = nanos(span);
        let Some(from_the_end) = limit.checked_sub(1) else {
            return Some(span);
        };
        let deciding = self.0.len().checked_sub(1)?.checked_sub(from_the_end)?;
        (self.0[deciding] + span).checked_sub(now).filter(|wait| *wait > 0)
    }

    /// Counts a forward.
    fn count(&mut self, now: u64, limit: usize) {
        self.0.push_back(now);
        // Only the newest `limit` times affect later decisions.
        let surplus = self.0.len().saturating_sub(limit);
        self.0.drain(..surplus);
    }
}
