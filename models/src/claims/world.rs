//! What the receiver's record, the processes and their messages are at one moment, and what time does to them.

use super::{Claims, END, HOUR, OUTLIVES, PROCESSES};

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub(super) record: Record,
    pub(super) processes: [Process; PROCESSES],
    /// Messages on their way to Feishu.
    pub(super) under_way: Vec<Message>,
    /// For each `uuid`, how long ago Feishu delivered it. One `uuid`, unless each claim has its own.
    pub(super) delivered: Vec<(u8, u8)>,
    pub(super) copies: u8,
    /// Whether the broadcast was canceled.
    pub(super) is_canceled: bool,
    pub(super) now: u8,
    pub(super) faults_left: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Record {
    pub(super) state: State,
    /// Which claim was the last.
    pub(super) claim: u8,
    pub(super) owner: Owner,
    /// When it is due again.
    pub(super) due: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    Pending,
    /// Since so long.
    InDoubt(u8),
    Delivered,
    NotDelivered,
    Unknown,
    Canceled,
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Nobody,
    Process(usize),
    /// A process that is gone, or that does not know of the claim. Its claims last for so long.
    Gone(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    /// How long its claims last without another beat.
    pub(super) lease: u8,
    pub(super) is_paused: bool,
    pub(super) work: Work,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Work {
    Idle,
    /// It has claimed the receiver and waits for its turn.
    Waiting(Claim),
    /// It waits for Feishu's answer.
    Calling(Claim),
    /// It writes down what became of the claim.
    Settling(Claim, Settlement),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Claim {
    pub(super) number: u8,
    /// How long ago it was made.
    pub(super) age: u8,
    /// How long ago the first attempt was made, if the claim was taken over.
    pub(super) since: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Settlement {
    Delivered,
    NotDelivered,
    Unknown,
    NotSent,
    InDoubt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Message {
    /// Who waits for the answer, if anybody does.
    pub(super) by: Option<usize>,
    pub(super) uuid: u8,
    /// How long it may still be on its way.
    pub(super) way: u8,
}

impl State {
    pub(super) fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::InDoubt(_))
    }
}

impl World {
    /// Whether time can pass: a process that runs writes down in time, and no message takes longer than it may.
    pub(super) fn can_pass(&self) -> bool {
        let is_due = |it: &Process| !it.is_paused && matches!(it.work, Work::Settling(..));
        self.now < END
            && !self.processes.iter().any(is_due)
            && self.under_way.iter().all(|it| it.way > 0)
            && Claims::tidied(self).is_none()
    }

    pub(super) fn tick(&mut self, renews: bool) {
        self.now += 1;
        if let State::InDoubt(since) = &mut self.record.state {
            *since = (*since + 1).min(HOUR);
        }
        if let Owner::Gone(left) = &mut self.record.owner {
            *left = left.saturating_sub(1);
        }
        for process in &mut self.processes {
            process.lease = if renews && !process.is_paused {
                OUTLIVES
            } else {
                process.lease.saturating_sub(1)
            };
            if let Work::Waiting(claim) | Work::Calling(claim) = &mut process.work {
                claim.age = (claim.age + 1).min(HOUR);
                claim.since = claim.since.map(|it| (it + 1).min(HOUR));
            }
        }
        self.under_way.iter_mut().for_each(|it| it.way -= 1);
        self.delivered.iter_mut().for_each(|it| it.1 += 1);
        self.delivered.retain(|it| it.1 <= HOUR);
    }
}
