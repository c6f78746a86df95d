//! A Redis that refuses the first question, grants the next ones, and may be late or lost.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use super::hold::{HoldId, Slot};
use super::key::LimitKey;
use crate::clock::Moment;
use crate::model::receiver::Receiver;
use crate::redis::{RedisClient, Unavailable};

/// As in the gateway.
pub(crate) const OVERLAP: Duration = Duration::from_secs(1);

/// Redis.
#[derive(Debug, Default)]
pub struct SharedLimits {
    redis: RedisClient,
    questions: Arc<AtomicUsize>,
}

/// Redis' clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerTime {
    /// The time.
    pub time: Duration,
    /// Whether it went back.
    pub is_back: bool,
}

/// Redis' answer to a beat.
pub struct Heartbeat {
    /// Its clock.
    pub server_time: ServerTime,
    /// The quotas of the apps.
    pub quotas: Vec<Duration>,
}

/// Redis' answer to a question.
pub struct TakeReply {
    /// Its clock.
    pub server_time: ServerTime,
    /// Whether there is a turn.
    pub is_granted: bool,
    /// Whether it is a probe.
    pub is_probe: bool,
    /// Its slot.
    pub slot: Slot,
    pub(super) pause: Option<Duration>,
    pub(super) probe_in: Duration,
    pub(super) spent_for: Duration,
    pub(super) app_paused_for: Duration,
    pub(super) slots: Vec<Duration>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "this Redis does not look at it")]
pub enum Feedback {
    /// It arrived.
    Arrived(Option<(HoldId, Slot)>),
    /// It was not sent.
    NotSent(HoldId),
    /// It was refused.
    Refused {
        /// Whether it was a probe.
        is_probe: bool,
    },
    /// It was accepted.
    Accepted,
}

/// Why an app is blocked.
#[derive(Clone, Copy, Debug)]
pub enum AppBlock {
    /// Its limits.
    RateLimit,
}

impl ServerTime {
    /// It has granted from the beginning.
    #[expect(clippy::unused_self, reason = "as in the gateway")]
    pub(super) fn opens_at(&self, _: Moment) -> Moment {
        Moment::ZERO
    }
}

impl SharedLimits {
    /// The connection.
    pub fn redis(&self) -> &RedisClient {
        &self.redis
    }

    /// Two.
    #[expect(clippy::unused_self, reason = "as in the gateway")]
    pub fn replicas(&self) -> NonZeroU32 {
        NonZeroU32::MIN.saturating_add(1)
    }

    /// Refuses the first question because another replica was faster, and loses the answer to the third one.
    pub async fn take(
        &self,
        _: &LimitKey,
        _: &Receiver,
        _: usize,
        _: HoldId,
    ) -> Result<TakeReply, Unavailable> {
        let number = self.questions.fetch_add(1, SeqCst);
        tokio::task::yield_now().await;
        if number == 2 {
            return Err(Unavailable::Late);
        }
        Ok(TakeReply {
            server_time: ServerTime::default(),
            is_granted: number > 0,
            is_probe: false,
            slot: Slot(0),
            pause: None,
            probe_in: Duration::ZERO,
            spent_for: Duration::ZERO,
            app_paused_for: Duration::ZERO,
            slots: Vec::new(),
        })
    }

    /// Hears what became of an attempt.
    pub async fn report(&self, _: &Receiver, _: Feedback) -> Result<Vec<Duration>, Unavailable> {
        tokio::task::yield_now().await;
        Ok(Vec::new())
    }

    /// Hears that an app is blocked.
    pub async fn block(&self, _: &LimitKey, _: AppBlock, _: Duration) -> Result<(), Unavailable> {
        Ok(())
    }

    /// Answers.
    pub async fn beat(&self, keys: &[LimitKey], _: bool) -> Result<Heartbeat, Unavailable> {
        tokio::task::yield_now().await;
        let quotas = vec![Duration::ZERO; keys.len()];
        Ok(Heartbeat { server_time: ServerTime::default(), quotas })
    }
}
