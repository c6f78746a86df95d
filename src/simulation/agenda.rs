//! What is due when.

use std::collections::BTreeMap;
use std::time::Duration;

pub(super) use crate::clock::Moment;

/// Something that happens by itself.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// The event at this place of the history.
    Event(usize),
    /// A call reaches Feishu.
    Arrives(usize),
    /// Feishu's answer reaches the gateway.
    Answered(usize),
    /// A caller asks (again).
    Asks(usize),
    HangsUp(usize),
    /// The answer has to be there.
    MustBeAnswered(usize),
    Starts(usize),
    Resumes(usize),
    /// A gateway begins to drain, and is down for so long after it has ended.
    Stops(usize, Duration),
    /// A process of a gateway that drains refuses what still waits.
    Closes(usize, u64),
    /// A process of a gateway that has drained ends.
    Ends(usize, u64),
    DiskRecovers(usize),
    /// A gateway reaches Redis again, and its requests have no faults.
    RedisRecovers(usize),
    /// Somebody reads all broadcasts.
    Look,
    /// All faults end.
    Calm,
}

#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: BTreeMap<(Moment, u64), Due>,
    entered: u64,
}

impl Agenda {
    pub(super) fn enter(&mut self, at: Moment, due: Due) {
        self.entered += 1;
        self.due.insert((at, self.entered), due);
    }

    pub(super) fn next(&self) -> Option<Moment> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn take(&mut self, now: Moment) -> Option<Due> {
        let first = self.due.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
