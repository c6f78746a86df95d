//! The places of requests in flight, and who holds them: no caller holds so many that none is left for others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::places::may_take;

/// The places of requests in flight on the public listener. All workers share them.
#[derive(Debug)]
pub(crate) struct RequestPlaces {
    most: usize,
    held: Mutex<HeldPlaces>,
}

#[derive(Debug, Default)]
struct HeldPlaces {
    all: usize,
    /// Those whose holder is known; no entry is zero.
    by_holder: HashMap<Holder, usize>,
}

/// For whom a request holds its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// The caller of this name, whose key was in the head.
    Caller(Arc<str>),
    /// All who may only show a key in their body. They count as one.
    Strangers,
}

/// The place of one request, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct RequestPlace {
    places: Arc<RequestPlaces>,
    /// None at first. A request that is answered at once has no need of one.
    holder: Option<Holder>,
}

impl RequestPlaces {
    /// `most` places.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// How many places there are.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Takes a place for a request of which only the head is known. None if all are taken.
    pub(crate) fn take(self: &Arc<Self>) -> Option<RequestPlace> {
        let mut held = self.held();
        if held.all >= self.most {
            return None;
        }
        held.all += 1;
        Some(RequestPlace { places: Arc::clone(self), holder: None })
    }

    fn held(&self) -> MutexGuard<'_, HeldPlaces> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RequestPlace {
    /// Counts the place for this holder, if it does not count for one already. An error is how many places the holder
    /// has, where it may have no more: what is left is for others.
    pub(crate) fn count_for(&mut self, holder: Holder) -> Result<(), usize> {
        if self.holder.is_some() {
            return Ok(());
        }
        let mut held = self.places.held();
        let taken_by_the_others = held.all - 1;
        let own = held.by_holder.entry(holder.clone()).or_default();
        if !may_take(*own, taken_by_the_others, self.places.most) {
            return Err(*own);
        }
        *own += 1;
        drop(held);
        self.holder = Some(holder);
        Ok(())
    }
}

impl Drop for RequestPlace {
    fn drop(&mut self) {
        let mut held = self.places.held();
        held.all -= 1;
        let Some(holder) = &self.holder else { return };
        match held.by_holder.get_mut(holder) {
            Some(more) if *more > 1 => *more -= 1,
            _ => drop(held.by_holder.remove(holder)),
        }
    }
}
