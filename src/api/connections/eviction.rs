//! Which connection leaves first where one more needs a slot.
//!
//! A caller that opens many connections must not push out those of others, so the connections are kept by the caller
//! whose key they have shown first: those that have shown none leave first, then those of the caller that has the most.
//! Of the connections of one caller, the one leaves that has been idle for the longest. It is found without a scan:
//! the moment since which a connection is idle only ever grows, so an entry that is out of date stands too far ahead, is
//! looked at first, and is put where it belongs. A request therefore writes down one number and takes no lock, but for
//! the first one of a connection that shows a key.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::api::connections::activity::{Activity, ActivityState};
use crate::clock::Moment;

/// How many busy connections of one caller are looked at before those of the next one are. They are looked at last the
/// next time, so that a caller whose connections are all busy does not cost each newcomer a scan of them.
const BUSY_LOOKS: usize = 16;

/// The connections that have a slot and were not asked to leave.
#[derive(Default)]
pub(super) struct EvictionOrder {
    groups: HashMap<Owner, Group>,
    /// The rank of each group; the connections of the last one leave first.
    ranks: BTreeSet<GroupRank>,
}

/// The caller whose key a connection has shown first, by name. None if it has shown none.
type Owner = Option<Arc<str>>;

/// Strangers are the greatest, then the caller with the most connections; of two with as many, either.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct GroupRank {
    are_strangers: bool,
    connections: usize,
    owner: Owner,
}

/// The connections of one owner.
#[derive(Default)]
struct Group {
    /// By the moment since which each is idle, and its id. An entry is checked before it counts: the connection may
    /// have been used since.
    by_idleness: BTreeMap<(Moment, usize), Arc<Activity>>,
    /// The moment that stands there, by id.
    recorded: HashMap<usize, Moment>,
}

/// How a connection leaves.
pub(super) enum Departure {
    /// It was idle and has been closed.
    Closed(Arc<Activity>),
    /// It was closed before, and has not given its slot back yet.
    UnderWay,
}

impl EvictionOrder {
    /// Adds a connection that is idle since this moment, or not before.
    pub(super) fn add(&mut self, connection: &Arc<Activity>, idle_since: Moment) {
        let connection = Arc::clone(connection);
        self.change(&connection.caller().cloned(), |group| group.put(connection, idle_since));
    }

    /// Removes a connection. False if it is not there, as it was asked to leave before.
    pub(super) fn remove(&mut self, connection: &Arc<Activity>) -> bool {
        let owner = connection.caller().cloned();
        self.change(&owner, |group| group.take(connection)).is_some()
    }

    /// Counts a connection for this caller, unless it counts for one already.
    pub(super) fn note_caller(&mut self, connection: &Arc<Activity>, caller: &Arc<str>) {
        if connection.caller().is_some() {
            return;
        }
        let idle_since = self.change(&None, |group| group.take(connection));
        connection.note_caller(caller);
        if let Some(idle_since) = idle_since {
            self.add(connection, idle_since);
        }
    }

    /// Removes the connection that leaves first, and closes it. None if all are busy.
    pub(super) fn evict(&mut self, now: Moment) -> Option<Departure> {
        // Where the first ones of each group are busy, all of them have to be looked at.
        [BUSY_LOOKS, usize::MAX].into_iter().find_map(|looks| self.evict_within(looks, now))
    }

    fn evict_within(&mut self, looks: usize, now: Moment) -> Option<Departure> {
        let mut busy = Vec::new();
        let departure = loop {
            let Some(GroupRank { owner, .. }) = self.ranks.last() else { break None };
            let owner = owner.clone();
            let departure = self.change(&owner, |group| group.evict(looks, now));
            if departure.is_some() {
                break departure;
            }
            busy.extend(self.ranks.pop_last());
        };
        self.ranks.extend(busy);
        departure
    }

    /// Changes the group of this owner, and its rank with it.
    fn change<T>(&mut self, owner: &Owner, change: impl FnOnce(&mut Group) -> T) -> T {
        let group = self.groups.entry(owner.clone()).or_default();
        let before = group.rank(owner);
        let result = change(group);
        let after = group.rank(owner);
        if after.connections == 0 {
            self.groups.remove(owner);
        }
        if before != after {
            self.ranks.remove(&before);
            if after.connections > 0 {
                self.ranks.insert(after);
            }
        }
        result
    }
}

impl Group {
    fn rank(&self, owner: &Owner) -> GroupRank {
        let connections = self.recorded.len();
        GroupRank { are_strangers: owner.is_none(), connections, owner: owner.clone() }
    }

    fn put(&mut self, connection: Arc<Activity>, idle_since: Moment) {
        let id = id_of(&connection);
        self.recorded.insert(id, idle_since);
        self.by_idleness.insert((idle_since, id), connection);
    }

    /// Removes a connection, and returns since when it was taken to be idle.
    fn take(&mut self, connection: &Arc<Activity>) -> Option<Moment> {
        let id = id_of(connection);
        let idle_since = self.recorded.remove(&id)?;
        self.by_idleness.remove(&(idle_since, id));
        Some(idle_since)
    }

    /// Removes the connection that has been idle for the longest, and closes it. None if the first `looks` are busy.
    fn evict(&mut self, looks: usize, now: Moment) -> Option<Departure> {
        let mut busy = Vec::new();
        let mut departure = None;
        while busy.len() < looks && departure.is_none() {
            let Some(((recorded, id), connection)) = self.by_idleness.pop_first() else { break };
            self.recorded.remove(&id);
            match connection.state() {
                ActivityState::Idle { since } if since != recorded => self.put(connection, since),
                ActivityState::Idle { since } if connection.close_if_idle(since) => {
                    departure = Some(Departure::Closed(connection));
                }
                ActivityState::Closed => departure = Some(Departure::UnderWay),
                ActivityState::Idle { .. } | ActivityState::Busy => busy.push(connection),
            }
        }
        for connection in busy {
            // A busy connection becomes idle now at the earliest.
            self.put(connection, now);
        }
        departure
    }
}

/// A number that no other connection with a slot has.
fn id_of(connection: &Arc<Activity>) -> usize {
    Arc::as_ptr(connection).addr()
}
