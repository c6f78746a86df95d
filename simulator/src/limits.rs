//! Feishu's limits of apps and receivers. By default they are sliding windows, the strictest interpretation.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::nanos;
use crate::codes;
use crate::ledger::Api;
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::tokens::Caller;
use crate::windows::{Rule, Window};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The number of receivers from which on unused windows are removed.
const SWEEP_FROM: usize = 1024;

/// The app in a tenant, and the API. Each API of an app has limits of its own in each tenant (doc).
type AppKey = (Caller, Api);

/// The app, the tenant, the type and the id of a receiver. Chats have no app here, because all bots share a chat's
/// limit (doc). An id in another tenant is another receiver (guess).
type ReceiverKey = (Option<String>, String, String, String);

/// The windows of all apps and receivers.
#[derive(Default)]
pub(crate) struct Limits {
    seconds: HashMap<AppKey, Window>,
    minutes: HashMap<AppKey, Window>,
    receivers: HashMap<ReceiverKey, Window>,
    sweep_at: usize,
}

impl Limits {
    /// Counts a forward against both limits of the app in the tenant for this API. If one of them is full, neither counts it,
    /// unless `Settings::refused_attempts_count` is set.
    pub(crate) fn admit_app(
        &mut self,
        caller: &Caller,
        api: Api,
        now: u64,
        settings: &Settings,
    ) -> Result<(), Refusal> {
        let second = self.seconds.entry((caller.clone(), api)).or_default();
        let minute = self.minutes.entry((caller.clone(), api)).or_default();
        let per_second = Rule::new(settings.window, settings.app_per_second, SECOND);
        let per_minute = Rule::new(settings.window, settings.app_per_minute, MINUTE);
        let spans = [(&*second, per_second), (&*minute, per_minute)];
        // If both limits are full, the answer holds the longer wait.
        let longest = spans
            .into_iter()
            .filter_map(|(window, rule)| Some((window.wait(now, rule)?, rule.limit)))
            .max();
        if longest.is_none() || settings.refused_attempts_count {
            second.count(now, per_second);
            minute.count(now, per_minute);
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
        caller: &Caller,
        receiver: (&str, &str),
        now: u64,
        settings: &Settings,
    ) -> Result<(), Refusal> {
        self.sweep(now);
        let (kind, id) = receiver;
        let is_chat = kind == "chat_id";
        let owner = (!is_chat).then(|| caller.app_id.clone());
        let key = (owner, caller.tenant_key.clone(), kind.to_owned(), id.to_owned());
        let window = self.receivers.entry(key).or_default();
        let rule = Rule::new(settings.window, settings.receiver_per_second, SECOND);
        let full = window.wait(now, rule).is_some();
        if !full || settings.refused_attempts_count {
            window.count(now, rule);
        }
        if !full {
            return Ok(());
        }
        let refusal = if is_chat {
            Refusal::with_ext(codes::RECEIVER_LIMIT, "chat rate limit")
        } else {
            Refusal::new(codes::RECEIVER_LIMIT)
        };
        Err(Refusal { reset: settings.receiver_limit_reset, ..refusal })
    }

    /// Removes the windows of receivers without a forward in the last second, each time the number of windows has
    /// doubled.
    fn sweep(&mut self, now: u64) {
        if self.receivers.len() < self.sweep_at.max(SWEEP_FROM) {
            return;
        }
        self.receivers.retain(|_, window| window.is_used_within(now, SECOND));
        self.sweep_at = self.receivers.len() * 2;
    }
}
