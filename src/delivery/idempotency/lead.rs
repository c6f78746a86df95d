//! The right to forward what a key names.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use moka::sync::Cache;
use tokio::sync::watch;

use super::Outcome;
use super::entry::Entry;
use super::shared::Claimed;
use crate::clock::Moment;
use crate::delivery::agreement::{Agreed, Agreement};

/// The right to forward what a key names; given up when the last clone is dropped.
#[derive(Clone, Debug)]
pub(in crate::delivery) struct Lead(Arc<Leading>);

#[derive(Debug)]
struct Leading {
    key: [u8; 32],
    entry: Arc<Entry>,
    entries: Cache<[u8; 32], Arc<Entry>>,
    tell: watch::Sender<Option<Outcome>>,
    /// What the other replicas know of it, where there are any.
    claimed: OnceLock<Claimed>,
    /// Whether an attempt was made that may have gone out, as far as is known.
    has_sent: AtomicBool,
    agreement: Agreement,
    /// Whether refusals are told again by Redis, which hears of it where another replica knows better.
    is_shared: bool,
}

impl Lead {
    pub(super) fn new(
        key: [u8; 32],
        entry: Arc<Entry>,
        entries: Cache<[u8; 32], Arc<Entry>>,
        tell: watch::Sender<Option<Outcome>>,
        is_shared: bool,
    ) -> Self {
        Self(Arc::new(Leading {
            key,
            entry,
            entries,
            tell,
            claimed: OnceLock::new(),
            has_sent: AtomicBool::new(false),
            agreement: Agreement::default(),
            is_shared,
        }))
    }

    /// What the other replicas know of it, claimed by the first one who asks.
    pub(super) fn claimed(&self, claim: impl FnOnce() -> Claimed) -> &Claimed {
        self.0.claimed.get_or_init(claim)
    }

    /// Tells all who have joined and, if it is final, all who will ask.
    pub(in crate::delivery) fn tell(&self, outcome: Outcome) {
        let Leading { key, entry, entries, tell, claimed, is_shared, .. } = &*self.0;
        if let Some(claimed) = claimed.get() {
            claimed.end(Some(&outcome), outcome.in_doubt_since.is_some());
        }
        entry.keep(&outcome, *is_shared);
        tell.send_replace(Some(outcome));
        // Once more, because its weight has changed.
        entries.insert(*key, Arc::clone(entry));
    }

    /// Whether the other replicas know that this one leads.
    pub(in crate::delivery) fn agreed(&self, now: Moment) -> Agreed {
        match self.0.claimed.get() {
            None => Agreed::Alone,
            Some(_) => self.0.agreement.holds(now),
        }
    }

    /// When they agreed last.
    pub(in crate::delivery) fn agreement(&self) -> &Agreement {
        &self.0.agreement
    }

    /// An attempt is made.
    pub(in crate::delivery) fn sends(&self) {
        self.0.has_sent.store(true, Relaxed);
    }

    /// Nothing that was sent may have gone out.
    pub(in crate::delivery) fn nothing_is_out(&self) {
        self.0.has_sent.store(false, Relaxed);
    }

    /// Another replica knows better what the key stands for.
    pub(in crate::delivery) fn withdraw(&self) {
        self.0.entries.invalidate(&self.0.key);
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        // Whoever hung up was told nothing, and so are the other replicas.
        if let Some(claimed) = self.claimed.get().filter(|_| self.tell.borrow().is_none()) {
            claimed.end(None, *self.has_sent.get_mut());
        }
    }
}
