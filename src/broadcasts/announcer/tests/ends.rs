//! A store that knows of the ends of broadcasts and of nothing else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use crate::broadcasts::{
    Acceptance, Announcement, Answer, Broadcast, Claimed, NewBroadcast, ReceiverRecord,
    ReceiverState, Settled, Store,
};
use crate::model::broadcast_id::BroadcastId;
use crate::model::problem_kind::ProblemKind;

/// A store that knows of ends and nothing else. It reports what is noted of them.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) ends: Mutex<Vec<End>>,
    pub(super) noted: UnboundedSender<(BroadcastId, Option<Duration>)>,
}

/// An end that is to be announced.
#[derive(Debug)]
pub(super) struct End {
    pub(super) broadcast: Broadcast,
    pub(super) attempts: u32,
    pub(super) due: Timestamp,
}

impl Store for Ends {
    fn announcements(
        &self,
        most: u32,
        now: Timestamp,
        pause: Duration,
    ) -> Answer<'_, Vec<Announcement>> {
        let mut ends = self.ends.lock().unwrap();
        let due = ends.iter_mut().filter(|it| it.due <= now).take(most as usize);
        let taken = due.map(|end| {
            let attempts = end.attempts;
            (end.attempts, end.due) = (attempts + 1, now + pause);
            Announcement { broadcast: end.broadcast.clone(), attempts }
        });
        let taken = taken.collect();
        Box::pin(async { Ok(taken) })
    }

    fn announced<'a>(
        &'a self,
        id: &'a BroadcastId,
        pause: Option<Duration>,
        at: Timestamp,
    ) -> Answer<'a, ()> {
        let mut ends = self.ends.lock().unwrap();
        ends.retain_mut(|end| match pause {
            _ if end.broadcast.id != *id => true,
            Some(pause) => {
                end.due = at + pause;
                true
            }
            None => false,
        });
        self.noted.send((id.clone(), pause)).unwrap();
        Box::pin(async { Ok(()) })
    }

    fn accept(&self, _: NewBroadcast) -> Answer<'_, Acceptance> {
        unimplemented!()
    }
    fn find<'a>(&'a self, _: &'a BroadcastId) -> Answer<'a, Option<Broadcast>> {
        unimplemented!()
    }
    fn list<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a BroadcastId>,
        _: u32,
    ) -> Answer<'a, Vec<Broadcast>> {
        unimplemented!()
    }
    fn receivers<'a>(
        &'a self,
        _: &'a BroadcastId,
        _: &'a [ReceiverState],
        _: u32,
        _: u32,
    ) -> Answer<'a, Vec<ReceiverRecord>> {
        unimplemented!()
    }
    fn cancel<'a>(&'a self, _: &'a BroadcastId, _: Timestamp) -> Answer<'a, Option<Broadcast>> {
        unimplemented!()
    }
    fn active<'a>(&'a self, _: &'a str) -> Answer<'a, Vec<Broadcast>> {
        unimplemented!()
    }
    fn active_apps<'a>(&'a self, _: &'a str) -> Answer<'a, Vec<Arc<str>>> {
        unimplemented!()
    }
    fn claim<'a>(&'a self, _: &'a BroadcastId, _: u32, _: Timestamp) -> Answer<'a, Vec<Claimed>> {
        unimplemented!()
    }
    fn settle<'a>(&'a self, _: &'a BroadcastId, _: Vec<Settled>, _: Timestamp) -> Answer<'a, ()> {
        unimplemented!()
    }
    fn pause<'a>(&'a self, _: &'a BroadcastId, _: Option<ProblemKind>) -> Answer<'a, ()> {
        unimplemented!()
    }
    fn beat(&self, _: Timestamp) -> Answer<'_, ()> {
        unimplemented!()
    }
    fn tidy(&self, _: Timestamp, _: Timestamp, _: Timestamp) -> Answer<'_, ()> {
        unimplemented!()
    }
}
