//! What Redis suffers, and what the promises grant because of it. docs/en/design/promises.md has the exceptions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::agenda::Moment;
use crate::redis::simulated::Event;

/// The exceptions of a history with Redis.
#[derive(Default)]
pub(super) struct RedisTrouble {
    is_there: bool,
    replicas: u32,
    /// By gateway: from when until when it has trouble with Redis, and may keep to its share while others do not.
    alone: BTreeMap<usize, Vec<(Moment, Moment)>>,
    /// When something happened to it last.
    suffered_at: Option<Moment>,
    /// When it was emptied last, or failed over to a server that knows less.
    forgot_at: Option<Moment>,
}

/// How long a gateway that has lost Redis sends nothing by its share: messages of before count for a window and its
/// guard, and others may hear from Redis for another second.
const UNTIL_SHARE: Duration = Duration::from_secs(2);
/// How long a gateway that reaches Redis again takes to notice.
pub(super) const NOTICED: Duration = Duration::from_secs(5);
/// How long nothing is sent after Redis was emptied: what arrives later may meet what is sent then.
const CLOSED: Duration = Duration::from_secs(2);

/// Under which name an event is counted.
pub(super) fn name_of(event: Event) -> &'static str {
    match event {
        Event::Emptied => "Redis: emptied",
        Event::FailedOver(_) => "Redis: failed over",
        Event::Writes(Some(_)) => "Redis: takes no writes",
        _ => "Redis: other events",
    }
}

impl RedisTrouble {
    pub(super) fn new(gateways: usize, is_there: bool) -> Self {
        let replicas = u32::try_from(gateways).unwrap_or(u32::MAX);
        Self { is_there, replicas, ..Self::default() }
    }

    /// Whether there is a Redis.
    pub(super) fn is_there(&self) -> bool {
        self.is_there
    }

    /// Something happens to Redis.
    pub(super) fn suffers(&mut self, event: Event, now: Moment) {
        let forgets = match event {
            Event::Emptied => true,
            Event::FailedOver(lost) => lost > 0,
            _ => false,
        };
        self.suffered_at = Some(now);
        if forgets {
            self.forgot_at = Some(now);
        }
    }

    /// A gateway has trouble with Redis for so long, and others may have none.
    pub(super) fn is_alone(&mut self, gateway: usize, lasts: Duration, now: Moment) {
        self.alone.entry(gateway).or_default().push((now, now + lasts + NOTICED));
    }

    /// Whether a gateway has had trouble with Redis since, or Redis itself.
    pub(super) fn had_trouble_since(&self, gateway: usize, time: Moment) -> bool {
        let was_alone = |all: &Vec<(Moment, Moment)>| all.iter().any(|(_, until)| *until >= time);
        self.suffered_at.is_some_and(|it| it >= time)
            || self.alone.get(&gateway).is_some_and(was_alone)
    }

    /// How much a window of this span may hold that ends now: the limit, and the share of each gateway that was alone
    /// in it for long enough.
    pub(super) fn allowed(&self, limit: u32, span: Duration, now: Moment) -> u32 {
        if self.replicas < 2 {
            return limit;
        }
        let counts = |(from, until): &(Moment, Moment)| {
            let is_long = *until >= *from + UNTIL_SHARE + NOTICED;
            is_long && *from + UNTIL_SHARE <= now && now < *until + span
        };
        let alone = self.alone.values().filter(|it| it.iter().any(counts)).count();
        limit + u32::try_from(alone).unwrap_or(u32::MAX) * limit.div_ceil(self.replicas)
    }

    /// Whether other gateways may not know of a message that was sent then and arrives now.
    pub(super) fn may_have_forgotten(&self, sent: Moment, now: Moment) -> bool {
        self.forgot_at.is_some_and(|it| sent <= it && it + CLOSED <= now)
    }

    /// Whether Redis has forgotten anything since.
    pub(super) fn has_forgotten_since(&self, time: Moment) -> bool {
        self.forgot_at.is_some_and(|it| it >= time)
    }
}
