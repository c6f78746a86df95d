//! What Redis, the replicas and their messages are at one moment, and what time does to them.

use super::{LIMIT, LONGEST_WAY, Limits, OVERLAP, Omission, REPLICAS, WINDOW};

/// Everything at one moment. All times are times that are left, or that have passed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub(super) redis: Redis,
    /// The replicas, in an order that says nothing: which one is which makes no difference.
    pub(super) replicas: [Replica; REPLICAS],
    /// The messages of replicas that were killed: how long each may still be on its way.
    pub(super) orphans: Vec<u8>,
    /// How long ago each message of the last window arrived.
    pub(super) arrived: Vec<u8>,
    pub(super) faults_left: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Redis {
    pub(super) state: RedisState,
    /// How long ago the epoch began. None if the server does not know.
    pub(super) epoch: Option<u8>,
    /// Until when slots are taken.
    pub(super) cells: Vec<u8>,
    pub(super) under_way: Vec<Hold>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum RedisState {
    Up,
    Stalled,
    Down(Loss),
}

/// What a server that is down will have lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Loss {
    Nothing,
    Everything,
    LastWrites,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Hold {
    /// Until its slot is free by itself.
    pub(super) cell: u8,
    /// Until it is no longer believed.
    pub(super) believed: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Replica {
    pub(super) authority: Authority,
    pub(super) is_connected: bool,
    /// Whether Redis can be reached from here.
    pub(super) is_cut: bool,
    pub(super) is_paused: bool,
    /// Whether it had a connection before.
    pub(super) was_connected: bool,
    pub(super) owes_epoch: bool,
    pub(super) clock: Clock,
    /// Until it asks Redis again at the latest.
    pub(super) beat_in: u8,
    /// Slots that this process took.
    pub(super) own: Vec<u8>,
    /// What Redis granted, and this process has not heard of: how long ago, and whether by a clock that it knows.
    pub(super) granted: Option<Granted>,
    /// Messages that it has on their way.
    pub(super) under_way: Vec<Sent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Authority {
    Shared,
    /// It may use its share in so many ticks, and has asked Redis in vain so many ticks ago.
    Fallback {
        opens_in: u8,
        asked_ago: u8,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Clock {
    /// Redis' clock was never looked at.
    Unknown,
    Known,
    /// It was set since it was looked at.
    Stepped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Granted {
    pub(super) ago: u8,
    pub(super) cell: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Sent {
    /// How long it may still be on its way.
    pub(super) way: u8,
    /// Until the slot that it took is free by itself.
    pub(super) cell: u8,
    /// Whether Redis granted it.
    pub(super) is_shared: bool,
}

impl World {
    /// Whether time can pass: nobody runs late who does not stand still, and no message takes longer than it may.
    pub(super) fn can_pass(&self) -> bool {
        let is_due = |it: &Replica| it.beat_in == 0 || it.granted.is_some();
        let is_overdue = |it: &Replica| it.under_way.iter().any(|sent| sent.way == 0);
        !self.replicas.iter().any(|it| !it.is_paused && is_due(it) || is_overdue(it))
            && !self.orphans.contains(&0)
    }

    pub(super) fn tick(&mut self) {
        self.redis.tick();
        self.replicas.iter_mut().for_each(Replica::tick);
        self.orphans.iter_mut().for_each(|it| *it -= 1);
        self.arrived.iter_mut().for_each(|it| *it += 1);
        self.arrived.retain(|ago| *ago < WINDOW);
    }

    /// States that differ in an order only are one.
    pub(super) fn sort(&mut self) {
        self.redis.cells.sort_unstable();
        self.redis.under_way.sort_unstable();
        for replica in &mut self.replicas {
            replica.own.sort_unstable();
            replica.under_way.sort_unstable();
        }
        self.replicas.sort_unstable();
        self.orphans.sort_unstable();
        self.arrived.sort_unstable();
    }
}

impl Redis {
    /// `epoch()` in the script, with a new epoch if one is asked for.
    pub(super) fn begin(&mut self, is_new: bool) {
        if is_new || self.epoch.is_none() {
            self.epoch = Some(0);
        }
    }

    /// `operations.take`.
    pub(super) fn take(&mut self, model: &Limits) -> bool {
        self.begin(false);
        let is_open = self.epoch.is_some_and(|ago| ago >= model.opens_after());
        let overdue = self.under_way.iter().filter(|it| it.cell == 0).count();
        let overdue = if model.is_without(Omission::Hold) { 0 } else { overdue };
        let is_granted = is_open && self.cells.len() + overdue < LIMIT;
        if is_granted {
            self.cells.push(WINDOW);
            self.under_way.push(Hold { cell: WINDOW, believed: LONGEST_WAY + WINDOW });
        }
        is_granted
    }

    /// `operations.arrived`. A message of before names no slot.
    pub(super) fn arrived(&mut self, sent: Sent) {
        let hold = self.under_way.iter().position(|it| it.cell == sent.cell);
        let mut own = None;
        if sent.is_shared {
            if let Some(hold) = hold {
                self.under_way.remove(hold);
            }
            own = self.cells.iter().position(|cell| *cell == sent.cell);
        }
        match own {
            Some(own) => self.cells[own] = WINDOW,
            None if self.cells.len() < LIMIT => self.cells.push(WINDOW),
            None => {}
        }
    }

    pub(super) fn lose_last_writes(&mut self) {
        self.cells.clear();
        self.under_way.clear();
        // The epoch that it knows began long ago.
        self.epoch = Some(OVERLAP + WINDOW);
    }

    pub(super) fn tick(&mut self) {
        if let Some(ago) = &mut self.epoch {
            *ago = (*ago + 1).min(OVERLAP + WINDOW);
        }
        pass(&mut self.cells);
        for hold in &mut self.under_way {
            hold.cell = hold.cell.saturating_sub(1);
            hold.believed -= 1;
        }
        self.under_way.retain(|it| it.believed > 0);
    }
}

impl Replica {
    pub(super) fn tick(&mut self) {
        if let Authority::Fallback { opens_in, asked_ago } = &mut self.authority {
            *opens_in = opens_in.saturating_sub(1);
            *asked_ago = (*asked_ago + 1).min(OVERLAP + 1);
        }
        self.beat_in = self.beat_in.saturating_sub(1);
        pass(&mut self.own);
        if let Some(granted) = &mut self.granted {
            granted.ago = 1;
            granted.cell = granted.cell.saturating_sub(1);
        }
        for sent in &mut self.under_way {
            sent.way -= 1;
            sent.cell = sent.cell.saturating_sub(1);
        }
    }

    /// How many slots this process knows as taken by itself.
    pub(super) fn taken(&self) -> usize {
        self.own.len() + self.under_way.iter().filter(|it| it.cell == 0).count()
    }

    /// A message has arrived: its own slot, or the nearest one, is put off.
    pub(super) fn arrived(&mut self, sent: Sent) {
        if let Some(own) = self.own.iter().position(|cell| *cell == sent.cell) {
            self.own.remove(own);
        }
        self.own.push(WINDOW);
    }
}

/// A tick passes; what ends is dropped.
pub(super) fn pass(left: &mut Vec<u8>) {
    left.iter_mut().for_each(|it| *it -= 1);
    left.retain(|it| *it > 0);
}
