//! Feishu's limits as the strictest reading has them: so many in any span.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::clock::nanos;
use crate::codes;
use crate::refusal::Refusal;
use crate::settings::Settings;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// Fewer receivers than this are not worth sweeping.
const SWEEP_FROM: usize = 1024;

/// Who a limit per receiver belongs to: the app, but for chats, whose limit all bots share (doc).
type ReceiverKey = (Option<String>, String, String);

/// When the attempts came that count, per app and per receiver.
#[derive(Default)]
pub(crate) struct Windows {
    seconds: HashMap<String, Window>,
    minutes: HashMap<String, Window>,
    receivers: HashMap<ReceiverKey, Window>,
    sweep_at: usize,
}

impl Windows {
    /// Takes a place in both spans of the app, or in neither.
    pub(crate) fn admit_app(
        &mut self,
        app_id: &str,
        now: u64,
        settings: &Settings,
    ) -> Result<(), Refusal> {
        let second = self.seconds.entry(app_id.to_owned()).or_default();
        let minute = self.minutes.entry(app_id.to_owned()).or_default();
        let spans = [
            (&*second, SECOND, settings.app_per_second),
            (&*minute, MINUTE, settings.app_per_minute),
        ];
        // Where both are full, the one that takes longer decides when to come again.
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

    /// Takes a place in the receiver's span.
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

    /// Forgets receivers that have been quiet, each time their number has doubled.
    fn sweep(&mut self, now: u64) {
        if self.receivers.len() < self.sweep_at.max(SWEEP_FROM) {
            return;
        }
        self.receivers.retain(|_, window| window.wait(now, SECOND, 1).is_some());
        self.sweep_at = self.receivers.len() * 2;
    }
}

/// The times that count towards one limit, oldest first.
#[derive(Default)]
struct Window(VecDeque<u64>);

impl Window {
    /// Nanoseconds until the span has room, or `None` if it has room now.
    ///
    /// The span is half-open: what came exactly one span ago is outside.
    fn wait(&self, now: u64, span: Duration, limit: usize) -> Option<u64> {
        let span = nanos(span);
        let Some(from_the_end) = limit.checked_sub(1) else {
            return Some(span);
        };
        let deciding = self.0.len().checked_sub(1)?.checked_sub(from_the_end)?;
        (self.0[deciding] + span).checked_sub(now).filter(|wait| *wait > 0)
    }

    /// Only the newest `limit` times can decide anything, so no more are kept.
    fn count(&mut self, now: u64, limit: usize) {
        self.0.push_back(now);
        let surplus = self.0.len().saturating_sub(limit);
        self.0.drain(..surplus);
    }
}
