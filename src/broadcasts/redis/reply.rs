//! What Redis replies, which is believed only as far as it can be read.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::vec::IntoIter;

use jiff::Timestamp;

use super::sealed::{BroadcastSeal, CHUNK, Seals, foreign, kind_of};
use crate::broadcasts::broadcast::{Broadcast, Counts, ReceiverRecord, ReceiverState, State};
use crate::broadcasts::store::{Claimed, MOST_AT_ONCE, StoreError};
use crate::model::broadcast_id::BroadcastId;
use crate::model::receiver::Receiver;
use crate::model::tenant_key::TenantKey;

/// The texts of a reply, which are read one after the other.
#[derive(Debug)]
pub(super) struct Reply(IntoIter<Vec<u8>>);

impl Reply {
    /// A reply of these texts.
    pub(super) fn new(texts: Vec<Vec<u8>>) -> Self {
        Self(texts.into_iter())
    }

    /// The next text, of any bytes.
    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        self.0.next().ok_or_else(foreign)
    }

    /// The next text.
    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        String::from_utf8(self.bytes()?).map_err(|_not_text| foreign())
    }

    /// The next text, as a number.
    pub(super) fn number<T: FromStr>(&mut self) -> Result<T, StoreError> {
        self.text()?.parse().map_err(|_not_a_number| foreign())
    }

    /// The next text, as a time. None if it is empty.
    pub(super) fn time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let text = self.text()?;
        let millis = || Timestamp::from_millisecond(text.parse().ok()?).ok();
        if text.is_empty() { Ok(None) } else { millis().map(Some).ok_or_else(foreign) }
    }

    /// The ids in what is left, in which each one is the end of a name. Others are left out.
    pub(super) fn ids(self) -> Vec<BroadcastId> {
        let id =
            |text: Vec<u8>| BroadcastId::parse(str::from_utf8(&text).ok()?.rsplit('/').next()?);
        self.0.filter_map(id).collect()
    }

    /// The names of apps in what is left. Texts that are none are left out.
    pub(super) fn apps(self) -> Vec<Arc<str>> {
        self.0.filter_map(|text| String::from_utf8(text).ok()).map(Arc::from).collect()
    }

    /// Ids of broadcasts that have ended, and how often each was announced.
    pub(super) fn ends(mut self) -> Result<(Vec<BroadcastId>, Vec<u32>), StoreError> {
        let (mut ids, mut attempts) = (Vec::new(), Vec::new());
        while self.0.len() > 0 {
            let (id, many) = (BroadcastId::parse(&self.text()?), self.number()?);
            if let Some(id) = id {
                ids.push(id);
                attempts.push(many);
            }
        }
        Ok((ids, attempts))
    }

    /// What Redis has under the key of a broadcast. The inner error is about this broadcast alone.
    pub(super) fn broadcast(
        &mut self,
        id: &BroadcastId,
        key: &str,
        seals: &Seals,
    ) -> Result<Result<Option<Broadcast>, StoreError>, StoreError> {
        match &*self.text()? {
            "none" => Ok(Ok(None)),
            "foreign" => Ok(Err(foreign())),
            _ => {
                let head: Vec<_> = self.0.by_ref().take(HEAD).collect();
                Ok(Self::new(head).head(id, key, seals).map(Some))
            }
        }
    }

    /// Receivers that were claimed.
    pub(super) fn claims(mut self, seal: &BroadcastSeal<'_>) -> Result<Vec<Claimed>, StoreError> {
        let mut claims = Vec::new();
        for _ in 0..self.many()? {
            let (place, claim): (u32, u32) = (self.number()?, self.number()?);
            claims.push((place, claim, self.time()?));
        }
        let receivers = self.receivers(seal)?;
        let claimed = |(place, claim, in_doubt_since)| {
            Ok(Claimed { place, receiver: at(&receivers, place)?, claim, in_doubt_since })
        };
        claims.into_iter().map(claimed).collect()
    }

    /// Receivers and what has become of them.
    pub(super) fn records(
        mut self,
        seal: &BroadcastSeal<'_>,
    ) -> Result<Vec<ReceiverRecord>, StoreError> {
        let mut rows = Vec::new();
        for _ in 0..self.many()? {
            let (place, state): (u32, usize) = (self.number()?, self.number()?);
            let state = *ReceiverState::ALL.get(state).ok_or_else(foreign)?;
            let (attempts, ended_at) = (self.number()?, self.time()?);
            rows.push((
                place,
                state,
                attempts,
                ended_at,
                seal.open_outcome(place, &self.bytes()?)?,
            ));
        }
        let receivers = self.receivers(seal)?;
        let record = |(place, state, attempts, ended_at, (message_id, problem))| {
            let receiver = at(&receivers, place)?;
            Ok(ReceiverRecord { place, receiver, state, message_id, problem, attempts, ended_at })
        };
        rows.into_iter().map(record).collect()
    }

    /// The number of receivers that follow.
    fn many(&mut self) -> Result<u32, StoreError> {
        let many = self.number()?;
        if many > MOST_AT_ONCE { Err(foreign()) } else { Ok(many) }
    }

    /// What is left, as chunks of receivers by number.
    fn receivers(
        mut self,
        seal: &BroadcastSeal<'_>,
    ) -> Result<HashMap<usize, Vec<Receiver>>, StoreError> {
        let mut chunks = HashMap::new();
        while self.0.len() > 0 {
            let number = self.number()?;
            chunks.insert(number, seal.open_receivers(number, &self.bytes()?)?);
        }
        Ok(chunks)
    }

    fn head(mut self, id: &BroadcastId, key: &str, seals: &Seals) -> Result<Broadcast, StoreError> {
        if self.text()? != id.as_str() {
            return Err(foreign());
        }
        let (caller, app): (Arc<str>, Arc<str>) = (self.text()?.into(), self.text()?.into());
        let message = BroadcastSeal::new(seals, &app, key)?.open_message(&self.bytes()?)?;
        let state = State::parse(&self.text()?).ok_or_else(foreign)?;
        let paused_by = kind_of(&self.text()?);
        let total = self.number()?;
        let created_at = self.time()?.ok_or_else(foreign)?;
        let expires_at = self.time()?.ok_or_else(foreign)?;
        let finished_at = self.time()?;
        let retry_of = BroadcastId::parse(&self.text()?);
        let tenant = self.text()?;
        let tenant = if tenant.is_empty() {
            None
        } else {
            Some(TenantKey::parse(&tenant).ok_or_else(foreign)?)
        };
        let revision = self.number()?;
        let mut counts = Counts::default();
        for state in ReceiverState::ALL {
            *counts.of_mut(state) = self.number()?;
        }
        let sum: u64 = ReceiverState::ALL.iter().map(|it| u64::from(counts.of(*it))).sum();
        if sum != u64::from(total) {
            return Err(foreign());
        }
        Ok(Broadcast {
            id: id.clone(),
            caller,
            app,
            tenant,
            message,
            state,
            paused_by,
            total,
            counts,
            created_at,
            expires_at,
            finished_at,
            retry_of,
            revision,
        })
    }
}

/// How many texts the head of a broadcast has.
const HEAD: usize = 20;

/// The receiver at a place.
fn at(chunks: &HashMap<usize, Vec<Receiver>>, place: u32) -> Result<Receiver, StoreError> {
    let place = place as usize;
    let receiver = chunks.get(&(place / CHUNK)).and_then(|it| it.get(place % CHUNK));
    receiver.cloned().ok_or_else(foreign)
}
