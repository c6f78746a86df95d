//! The limits that replicas share, in Redis. It has the last word on what the limiter in memory grants.
//!
//! `shared.lua` does in Lua what the limiter does in Rust. `limits/tests` run against either, and one test holds
//! three replicas against one limiter in memory, decision by decision; times are whole microseconds for that.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use redis::{Script, ScriptInvocation};

use super::bucket::LONGEST_RESET;
use super::cooldown::{FIRST_PAUSE, KEPT, LONGEST_PAUSE};
use super::hold::{HoldId, Slot};
use super::key::LimitKey;
use super::pace::AppPace;
use super::rules::Rules;
use super::script_clock::{ScriptClock, micros};
use crate::clock::Moment;
use crate::model::feishu_api::FeishuApi;
use crate::model::installation::Installation;
use crate::model::receiver::Receiver;
use crate::redis::{RedisClient, Unavailable};

/// How long a replica takes Redis for lost without asking it again. So long may other replicas still use their
/// shares after one of them has found Redis.
pub(crate) const OVERLAP: Duration = Duration::from_secs(1);

/// The limits of all replicas with one prefix.
#[derive(Debug)]
pub struct SharedLimits {
    redis: Arc<RedisClient>,
    script: Script,
    /// `{prefix}`: in a cluster all keys of one prefix are in one slot, because one step needs several keys.
    /// Receivers belong to all apps, so they cannot be in a slot of their own.
    prefix: String,
    epoch_key: String,
    rules: Rules,
    pace: AppPace,
    /// Feishu's ids of the apps by the operator's names.
    app_ids: HashMap<Arc<str>, String>,
    /// How many replicas there are at most.
    replicas: NonZeroU32,
    /// Longest time that a message is under way.
    pub(super) longest_call: Duration,
    pub(super) clock: ScriptClock,
}

/// The longest time that any answer of Redis counts for.
const LONGEST_LEFT: Duration = Duration::from_hours(1);

/// What Redis says of its clock and of its epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerTime {
    /// The time since the Unix epoch.
    pub time: Duration,
    /// Whether the clock has gone back since a replica looked at it last. Then a new epoch has begun.
    pub is_back: bool,
    /// Until anything is granted in this epoch.
    opens_in: Duration,
    /// For how long anything has been granted in this epoch.
    open_for: Duration,
}

/// What Redis says of itself and of the apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Its clock.
    pub server_time: ServerTime,
    /// For each app how long its monthly quota counts as used up.
    pub quotas: Vec<Duration>,
}

/// What Redis answers to [`SharedLimits::take`]. All times are times that are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeReply {
    /// Its clock.
    pub server_time: ServerTime,
    /// Whether the attempt was granted.
    pub is_granted: bool,
    /// Whether the attempt probes a receiver that is cooling down.
    pub is_probe: bool,
    /// The slot that was taken.
    pub slot: Slot,
    /// The pause of the receiver's cooldown, if it cools down.
    pub(super) pause: Option<Duration>,
    /// Until the receiver's next probe.
    pub(super) probe_in: Duration,
    pub(super) spent_for: Duration,
    pub(super) app_paused_for: Duration,
    /// Until each of the receiver's taken slots is free.
    pub(super) slots: Vec<Duration>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug)]
pub enum Feedback {
    /// The message may have arrived only now. The hold and the slot are known where Redis granted it.
    Arrived(Option<(HoldId, Slot)>),
    /// The message of this hold was not sent.
    NotSent(HoldId),
    /// Feishu refused the message because the receiver gets too many.
    Refused {
        /// Whether it was a probe.
        is_probe: bool,
    },
    /// Feishu accepted a probe.
    Accepted,
}

/// Why Feishu lets none of an app's calls through.
#[derive(Clone, Copy, Debug)]
pub enum AppBlock {
    /// The app makes too many calls.
    RateLimit,
    /// The app's monthly quota is used up.
    Quota,
}

/// The key under which Redis says since when it knows everything that was granted, in microseconds of its
/// clock. A server that was emptied has no such key: then a new epoch begins.
pub(crate) fn epoch_key(prefix: &str) -> String {
    format!("{{{prefix}}}:born")
}

impl SharedLimits {
    /// Asks nothing yet.
    #[must_use]
    pub fn new(
        redis: Arc<RedisClient>,
        prefix: &str,
        rules: Rules,
        app_ids: HashMap<Arc<str>, String>,
        replicas: NonZeroU32,
        longest_call: Duration,
    ) -> Self {
        Self {
            redis,
            app_ids,
            script: Script::new(include_str!("shared.lua")),
            prefix: format!("{{{prefix}}}"),
            epoch_key: epoch_key(prefix),
            pace: rules.pace(),
            rules,
            replicas,
            longest_call,
            clock: ScriptClock::default(),
        }
    }

    /// The Redis that holds the limits.
    #[must_use]
    pub fn redis(&self) -> &RedisClient {
        &self.redis
    }

    /// How many replicas there are at most.
    #[must_use]
    pub fn replicas(&self) -> NonZeroU32 {
        self.replicas
    }

    /// Takes a slot of the receiver and a call of the app, or neither if fewer than `leaves` calls of the app would
    /// be left then.
    pub async fn take(
        &self,
        key: &LimitKey,
        receiver: &Receiver,
        leaves: usize,
        hold_id: HoldId,
    ) -> Result<TakeReply, Unavailable> {
        let mut call = self.call(Some(receiver), [key], "take");
        let reply: Vec<u64> = self.redis.run("take", call.arg(hold_id.0).arg(leaves)).await?;
        let mut reply = TakeReply::read(&reply);
        reply.slots.truncate(self.rules.receiver_per_second.get() as usize);
        Ok(reply)
    }

    /// Reports what became of an attempt. Returns how long each of the receiver's slots is still taken.
    pub async fn report(
        &self,
        receiver: &Receiver,
        feedback: Feedback,
    ) -> Result<Vec<Duration>, Unavailable> {
        let operation = match feedback {
            Feedback::Arrived(_) => "arrived",
            Feedback::NotSent(_) => "not_sent",
            Feedback::Refused { .. } => "refused",
            Feedback::Accepted => "accepted",
        };
        let mut call = self.call(Some(receiver), [], operation);
        match feedback {
            Feedback::Arrived(own) => {
                let (hold_id, slot) = own.map_or((0, 0), |(hold_id, slot)| (hold_id.0, slot.0));
                call.arg(slot).arg(hold_id);
            }
            Feedback::NotSent(hold_id) => {
                call.arg(hold_id.0);
            }
            Feedback::Refused { is_probe } => {
                call.arg(u8::from(is_probe)).arg(micros(FIRST_PAUSE));
            }
            Feedback::Accepted => {}
        }
        let slots: Vec<u64> = self.redis.run("note", &call).await?;
        let most = self.rules.receiver_per_second.get() as usize;
        Ok(slots.into_iter().take(most).map(left).collect())
    }

    /// Feishu lets none of the app's calls through for `time`.
    pub async fn block(
        &self,
        key: &LimitKey,
        cause: AppBlock,
        time: Duration,
    ) -> Result<(), Unavailable> {
        let (member, longest) = match cause {
            AppBlock::RateLimit => ("closed_until", LONGEST_RESET),
            AppBlock::Quota => ("quota_until", LONGEST_LEFT),
        };
        let mut call = self.call(None, [key], "close");
        self.redis.run("note", call.arg(micros(time.min(longest))).arg(member)).await
    }

    /// Whether Redis answers and takes writes, and for how long the quota of each app is used up. With
    /// `new_epoch` nothing is granted until other replicas have stopped to use their shares and what they
    /// sent is out of every window.
    pub async fn beat(&self, apps: &[LimitKey], new_epoch: bool) -> Result<Heartbeat, Unavailable> {
        let mut call = self.call(None, apps, "beat");
        let reply: Vec<u64> = self.redis.run("beat", call.arg(u8::from(new_epoch))).await?;
        let quotas = reply.iter().skip(4).take(apps.len()).copied().map(left).collect();
        Ok(Heartbeat { server_time: ServerTime::read(&reply), quotas })
    }

    fn call<'a>(
        &self,
        receiver: Option<&Receiver>,
        apps: impl IntoIterator<Item = &'a LimitKey>,
        operation: &str,
    ) -> ScriptInvocation<'_> {
        let prefix = &self.prefix;
        let mut call = self.script.key(&self.epoch_key);
        call.key(format!("{prefix}:seen"));
        match receiver {
            Some(to) => call.key(format!("{prefix}:receiver:{}:{}", to.kind().as_str(), to.name())),
            None => call.key(format!("{prefix}:none")),
        };
        for key in apps {
            let Installation { app, tenant } = key.installation();
            let kind = match key.api() {
                // The record of forwards holds the app's quota too.
                FeishuApi::Forward => "app",
                other => other.as_str(),
            };
            let app_id = &self.app_ids[app];
            match tenant {
                Some(tenant) => call.key(format!("{prefix}:{kind}:{app_id}:{tenant}")),
                None => call.key(format!("{prefix}:{kind}:{app_id}")),
            };
        }
        let AppPace { burst, period } = self.pace;
        call.arg(operation)
            .arg(self.clock.argument())
            .arg(self.rules.receiver_per_second.get())
            .arg(micros(self.rules.window()))
            .arg(micros(LONGEST_PAUSE))
            .arg(micros(KEPT))
            .arg(burst.get())
            .arg(micros(period))
            .arg(micros(LONGEST_RESET))
            .arg(micros(LONGEST_LEFT))
            .arg(micros(OVERLAP))
            .arg(micros(self.longest_call));
        call
    }
}

impl TakeReply {
    pub(super) fn read(reply: &[u64]) -> Self {
        let at = |place| number(reply, place);
        Self {
            server_time: ServerTime::read(reply),
            is_granted: at(4) == 1,
            is_probe: at(5) == 1,
            slot: Slot(at(6)),
            pause: Some(left(at(7))).filter(|pause| !pause.is_zero()),
            probe_in: left(at(8)),
            spent_for: left(at(9)),
            app_paused_for: left(at(10)),
            slots: reply.iter().skip(11).copied().map(left).collect(),
        }
    }
}

impl ServerTime {
    fn read(reply: &[u64]) -> Self {
        let at = |place| number(reply, place);
        Self {
            time: Duration::from_micros(at(0)),
            is_back: at(1) == 1,
            opens_in: left(at(2)),
            open_for: left(at(3)),
        }
    }

    /// When the epoch opens or has opened, if Redis said this now: what was granted before, it does not know.
    pub(super) fn opens_at(&self, now: Moment) -> Moment {
        now.saturating_add(self.opens_in).saturating_sub(self.open_for)
    }
}

/// The number at a place of a reply, or 0 if the reply is shorter.
pub(super) fn number(reply: &[u64], place: usize) -> u64 {
    reply.get(place).copied().unwrap_or(0)
}

/// A time that is left, from microseconds.
fn left(micros: u64) -> Duration {
    Duration::from_micros(micros).min(LONGEST_LEFT)
}
