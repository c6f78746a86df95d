//! The right to forward what a key names.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use moka::sync::Cache;
use tokio::sync::{oneshot, watch};

use super::entry::Entry;
use super::kept::KeptLead;
use super::shared::Lease;
use crate::clock::Moment;
use crate::delivery::agreement::{Agreed, Agreement};
use crate::delivery::conclusion::Conclusion;
use crate::model::fingerprint::Fingerprint;

/// The right to forward what a key names. It is given up when the last clone is dropped.
#[derive(Clone, Debug)]
pub(in crate::delivery) struct Leader(Arc<Lead>);

#[derive(Debug)]
struct Lead {
    key: Fingerprint,
    entry: Arc<Entry>,
    entries: Cache<Fingerprint, Arc<Entry>>,
    followers: watch::Sender<Option<Conclusion>>,
    /// The lease in Redis, where replicas share the keys.
    lease: OnceLock<Lease>,
    /// The claim in the file, where there is one.
    kept: OnceLock<Box<KeptLead>>,
    /// Whether an attempt was made that may have been delivered, as far as is known.
    has_sent: AtomicBool,
    agreement: Agreement,
    /// Whether replicas share the keys. Then Redis replays refusals, where other replicas can correct them.
    is_shared: bool,
}

impl Leader {
    pub(super) fn new(
        key: Fingerprint,
        entry: Arc<Entry>,
        entries: Cache<Fingerprint, Arc<Entry>>,
        followers: watch::Sender<Option<Conclusion>>,
        is_shared: bool,
    ) -> Self {
        Self(Arc::new(Lead {
            key,
            entry,
            entries,
            followers,
            lease: OnceLock::new(),
            kept: OnceLock::new(),
            has_sent: AtomicBool::new(false),
            agreement: Agreement::default(),
            is_shared,
        }))
    }

    /// The lease in Redis, which the first call makes.
    pub(super) fn lease(&self, make: impl FnOnce() -> Lease) -> &Lease {
        self.0.lease.get_or_init(make)
    }

    /// The claim in the file, which the first call makes.
    pub(super) fn kept(&self, make: impl FnOnce() -> KeptLead) -> &KeptLead {
        self.0.kept.get_or_init(|| Box::new(make()))
    }

    /// The forward has ended: its followers get the conclusion, and so do later requests if it is final. Where there is a
    /// file, what is returned ends when the conclusion is on the disk.
    pub(in crate::delivery) fn conclude(
        &self,
        conclusion: Conclusion,
    ) -> Option<oneshot::Receiver<()>> {
        let Lead { key, entry, entries, followers, lease, kept, is_shared, .. } = &*self.0;
        let in_doubt = conclusion.in_doubt_since.is_some();
        if let Some(lease) = lease.get() {
            lease.end(Some(&conclusion), in_doubt);
        }
        let written = kept.get().and_then(|kept| kept.end(Some(&conclusion), in_doubt));
        entry.conclude(&conclusion, *is_shared);
        followers.send_replace(Some(conclusion));
        // Inserted again because its weight has changed.
        entries.insert(*key, Arc::clone(entry));
        written
    }

    /// Whether the other replicas know that this one leads.
    pub(in crate::delivery) fn agreed(&self, now: Moment) -> Agreed {
        match self.0.lease.get() {
            None => Agreed::Alone,
            Some(_) => self.0.agreement.holds(now),
        }
    }

    /// The agreement of the replicas.
    pub(in crate::delivery) fn agreement(&self) -> &Agreement {
        &self.0.agreement
    }

    /// An attempt is made.
    pub(in crate::delivery) fn sends(&self) {
        self.0.has_sent.store(true, Relaxed);
    }

    /// No attempt can have been delivered.
    pub(in crate::delivery) fn nothing_is_delivered(&self) {
        self.0.has_sent.store(false, Relaxed);
    }

    /// Forgets the key, because another replica knows it as that of another forward.
    pub(in crate::delivery) fn withdraw(&self) {
        self.0.entries.invalidate(&self.0.key);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // A leader whose caller hung up has no conclusion. The other replicas or the file learn that.
        if self.followers.borrow().is_some() {
            return;
        }
        let has_sent = *self.has_sent.get_mut();
        if let Some(lease) = self.lease.get() {
            lease.end(None, has_sent);
        }
        if let Some(kept) = self.kept.get() {
            kept.end(None, has_sent);
        }
    }
}
