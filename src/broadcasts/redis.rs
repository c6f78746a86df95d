//! Broadcasts in the Redis that replicas share. Receivers and messages are sealed there.
//!
//! Whatever is asked is one script, so it happens wholly or not at all, and takes bounded time. A large broadcast is
//! staged in parts, and is there with the last one. With ids of 35 bytes, a receiver takes 41 bytes of Redis' memory
//! before it is claimed, and 122 when its message was delivered.
//!
//! A claim holds while its replica is among those that live, by Redis' own clock.

mod owners;
mod reply;
mod scripts;
mod sealed;
#[cfg(test)]
mod tests;
mod tidy;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use self::owners::Owners;
use self::scripts::{Scripts, wall};
use self::sealed::{BroadcastSeal, CHUNK, Seals, foreign};
use self::tidy::{MOST_BROADCASTS, MOST_RECEIVERS};
use super::broadcast::{Broadcast, NewBroadcast, ReceiverRecord, ReceiverState};
use super::store::{
    Acceptance, Announcement, Answer, CLAIM_OUTLIVES, Claimed, MOST_AT_ONCE, Settled, Settlement,
    Store, StoreError,
};
use crate::clock::millis;
use crate::model::broadcast_id::BroadcastId;
use crate::model::problem_kind::ProblemKind;
use crate::model::seal::Seal;
use crate::model::tenant_key::TenantKey;
use crate::redis::RedisClient;

/// Broadcasts in Redis, as one replica sees them.
#[derive(Debug)]
pub struct RedisStore {
    scripts: Scripts,
    /// By app.
    seals: Seals,
    owners: Owners,
    /// How long Redis keeps what has finished, if nobody tidies up.
    kept: Duration,
    /// The apps of broadcasts that were asked for. They never change.
    apps: Mutex<HashMap<BroadcastId, Arc<str>>>,
}

/// How many chunks are staged at once.
const STAGED_AT_ONCE: usize = 32;
/// How long a broadcast may be staged.
const STAGED: Duration = Duration::from_mins(1);
/// How much longer Redis keeps what has finished than [`Store::tidy`] is to keep it.
const SPARE: Duration = Duration::from_hours(24);
/// How many apps of broadcasts are remembered.
const APPS: usize = 1000;

impl RedisStore {
    /// A store under keys that begin with `prefix`, for apps with these secrets. What has finished is kept for `keep`.
    #[must_use]
    pub fn new<'a>(
        redis: Arc<RedisClient>,
        prefix: &str,
        secrets: impl IntoIterator<Item = (&'a String, &'a SecretString)>,
        keep: Duration,
    ) -> Self {
        let seals = secrets.into_iter().map(|(app, it)| (app.clone(), Seal::new(it)));
        Self {
            scripts: Scripts::new(redis, prefix),
            seals: seals.collect(),
            owners: Owners::new(),
            kept: keep.saturating_add(SPARE),
            apps: Mutex::default(),
        }
    }

    /// What Redis has of each of these broadcasts. The inner errors are about one broadcast alone.
    async fn look(
        &self,
        ids: &[BroadcastId],
    ) -> Result<Vec<Result<Option<Broadcast>, StoreError>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = self.scripts.shared("find");
        for id in ids {
            call.key(self.scripts.key(id));
        }
        let mut reply = self.scripts.run(&call).await?;
        ids.iter().map(|id| reply.broadcast(id, &self.scripts.key(id), &self.seals)).collect()
    }

    async fn look_at(&self, id: &BroadcastId) -> Result<Option<Broadcast>, StoreError> {
        self.look(std::slice::from_ref(id)).await?.pop().ok_or_else(foreign)?
    }

    /// Those of these broadcasts that are there and can be read. [`Store::tidy`] forgets the others.
    async fn readable(&self, ids: &[BroadcastId]) -> Result<Vec<Broadcast>, StoreError> {
        let found = self.look(ids).await?;
        Ok(found.into_iter().filter_map(|it| it.ok().flatten()).collect())
    }

    /// The app of a broadcast, if that is there.
    async fn app_of(&self, id: &BroadcastId) -> Result<Option<Arc<str>>, StoreError> {
        // No code that can panic runs under this lock.
        let known = || self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(app) = known().get(id) {
            return Ok(Some(Arc::clone(app)));
        }
        let Some(found) = self.look_at(id).await? else { return Ok(None) };
        let mut known = known();
        if known.len() >= APPS {
            known.clear();
        }
        known.insert(id.clone(), Arc::clone(&found.app));
        Ok(Some(found.app))
    }

    /// The broadcast that was accepted with the same key.
    async fn known(&self, id: &BroadcastId) -> Result<Acceptance, StoreError> {
        if let Some(broadcast) = self.look_at(id).await? {
            return Ok(Acceptance::Known(broadcast));
        }
        tidy::forget(&self.scripts, id).await?;
        Err(StoreError("Redis has lost the broadcast with this key".into()))
    }
}

impl Store for RedisStore {
    fn accept(&self, new: NewBroadcast) -> Answer<'_, Acceptance> {
        Box::pin(async move {
            let total = u32::try_from(new.receivers.len()).unwrap_or(u32::MAX);
            if total > MOST_RECEIVERS {
                return Err(full());
            }
            let key = self.scripts.key(&new.id);
            let seal = BroadcastSeal::new(&self.seals, &new.app, &key)?;
            let message = seal.message(&new.message);
            let chunks: Vec<_> = new.receivers.chunks(CHUNK).enumerate().collect();
            for part in chunks.chunks(STAGED_AT_ONCE) {
                let first = part.first().map_or(0, |it| it.0);
                let is_last = first + part.len() == chunks.len();
                let mut call = self.scripts.of(&new.id, "accept");
                call.arg(wall(new.created_at))
                    .arg(new.id.as_str())
                    .arg(&*new.caller)
                    .arg(&*new.app);
                call.arg(hex::encode(new.key)).arg(hex::encode(new.content));
                call.arg(new.most_active).arg(MOST_BROADCASTS).arg(MOST_RECEIVERS);
                call.arg(&message).arg(millis(new.expires_in));
                call.arg(new.retry_of.as_ref().map_or("", BroadcastId::as_str));
                call.arg(new.tenant.as_ref().map_or("", TenantKey::as_str));
                call.arg(total).arg(millis(STAGED)).arg(if is_last { "last" } else { "part" });
                call.arg(first).arg(part.len());
                for (number, receivers) in part {
                    call.arg(seal.receivers(*number, receivers));
                }
                let (what, mut reply) = self.scripts.ask(&call).await?;
                match &*what {
                    "staged" => {}
                    "accepted" => {
                        let created_at = reply.time()?.ok_or_else(foreign)?;
                        return Ok(Acceptance::Accepted(new.begun(total, created_at)));
                    }
                    "known" => {
                        let known = BroadcastId::parse(&reply.text()?).ok_or_else(foreign)?;
                        return self.known(&known).await;
                    }
                    "reused" => return Ok(Acceptance::KeyReused),
                    "too_many" => return Ok(Acceptance::TooMany),
                    "full" => return Err(full()),
                    "lost" => return Err(StoreError("Redis has lost a part of it".into())),
                    _ => return Err(foreign()),
                }
            }
            Err(StoreError("nothing was accepted".into()))
        })
    }

    fn find<'a>(&'a self, id: &'a BroadcastId) -> Answer<'a, Option<Broadcast>> {
        Box::pin(self.look_at(id))
    }

    fn list<'a>(
        &'a self,
        caller: &'a str,
        before: Option<&'a BroadcastId>,
        most: u32,
    ) -> Answer<'a, Vec<Broadcast>> {
        Box::pin(async move {
            let most = most.min(MOST_AT_ONCE);
            let (mut list, mut before) = (Vec::new(), before.cloned());
            // A page may hold broadcasts that Redis has lost.
            for _ in 0..MOST_BROADCASTS {
                let mut call = self.scripts.shared("list");
                call.arg(caller).arg(before.as_ref().map_or("", BroadcastId::as_str)).arg(most);
                let ids = self.scripts.run(&call).await?.ids();
                list.extend(self.readable(&ids).await?);
                before = ids.last().cloned();
                if before.is_none() || list.len() >= most as usize {
                    break;
                }
            }
            list.truncate(most as usize);
            Ok(list)
        })
    }

    fn receivers<'a>(
        &'a self,
        id: &'a BroadcastId,
        states: &'a [ReceiverState],
        from: u32,
        most: u32,
    ) -> Answer<'a, Vec<ReceiverRecord>> {
        Box::pin(async move {
            let most = most.min(MOST_AT_ONCE);
            let Some(app) = self.app_of(id).await? else { return Ok(Vec::new()) };
            let key = self.scripts.key(id);
            let seal = BroadcastSeal::new(&self.seals, &app, &key)?;
            let wanted = ReceiverState::ALL.map(|it| if states.contains(&it) { '1' } else { '0' });
            let wanted = String::from_iter(wanted);
            let (mut page, mut next) = (Vec::new(), Some(from));
            while let Some(from) = next {
                let mut call = self.scripts.of(id, "receivers");
                call.arg(from).arg(most as usize - page.len()).arg(&wanted);
                let mut reply = self.scripts.run(&call).await?;
                next = reply.text()?.parse().ok().filter(|next| *next > from);
                page.extend(reply.records(&seal)?);
            }
            page.truncate(most as usize);
            Ok(page)
        })
    }

    fn cancel<'a>(&'a self, id: &'a BroadcastId, at: Timestamp) -> Answer<'a, Option<Broadcast>> {
        Box::pin(async move {
            let mut call = self.scripts.of(id, "cancel");
            call.arg(wall(at)).arg(millis(self.kept));
            self.scripts.run(&call).await?;
            self.look_at(id).await
        })
    }

    fn active<'a>(&'a self, app: &'a str) -> Answer<'a, Vec<Broadcast>> {
        Box::pin(async move {
            let mut call = self.scripts.shared("active");
            call.arg(app);
            let ids = self.scripts.run(&call).await?.ids();
            let mut active = self.readable(&ids).await?;
            active.retain(|it| it.state.is_active() && *it.app == *app);
            Ok(active)
        })
    }

    fn active_apps<'a>(&'a self, after: &'a str) -> Answer<'a, Vec<Arc<str>>> {
        Box::pin(async move {
            let mut call = self.scripts.shared("active_apps");
            call.arg(after);
            Ok(self.scripts.run(&call).await?.apps())
        })
    }

    fn claim<'a>(
        &'a self,
        id: &'a BroadcastId,
        most: u32,
        now: Timestamp,
    ) -> Answer<'a, Vec<Claimed>> {
        Box::pin(async move {
            let Some(app) = self.app_of(id).await? else { return Ok(Vec::new()) };
            let key = self.scripts.key(id);
            let seal = BroadcastSeal::new(&self.seals, &app, &key)?;
            let mut call = self.scripts.of(id, "claim");
            let owner = self.owners.current();
            call.arg(wall(now)).arg(&*owner).arg(millis(CLAIM_OUTLIVES));
            call.arg(most.min(MOST_AT_ONCE));
            let answer = self.scripts.run(&call).await;
            let claimed = answer.and_then(|it| it.claims(&seal));
            match &claimed {
                Ok(claimed) => self.owners.claimed(&owner, id, claimed),
                Err(_) => self.owners.lost(&owner),
            }
            claimed
        })
    }

    fn settle<'a>(
        &'a self,
        id: &'a BroadcastId,
        settled: Vec<Settled>,
        at: Timestamp,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let Some(app) = self.app_of(id).await? else {
                self.owners.settled(id, &settled);
                return Ok(());
            };
            let key = self.scripts.key(id);
            let seal = BroadcastSeal::new(&self.seals, &app, &key)?;
            let mut call = self.scripts.of(id, "settle");
            call.arg(wall(at)).arg(millis(self.kept)).arg(settled.len());
            for Settled { place, claim, result } in &settled {
                let (became, pause) = match result {
                    Settlement::Delivered(_) => ("delivered", Duration::ZERO),
                    Settlement::NotDelivered(_) => ("not_delivered", Duration::ZERO),
                    Settlement::Unknown(_) => ("unknown", Duration::ZERO),
                    Settlement::NotSent(_, pause) => ("not_sent", *pause),
                    Settlement::InDoubt(_, pause) => ("in_doubt", *pause),
                };
                call.arg(*place).arg(*claim).arg(became).arg(millis(pause));
                call.arg(seal.outcome(*place, result));
            }
            self.scripts.run(&call).await?;
            self.owners.settled(id, &settled);
            Ok(())
        })
    }

    fn pause<'a>(&'a self, id: &'a BroadcastId, by: Option<ProblemKind>) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut call = self.scripts.of(id, "pause");
            call.arg(by.map_or("", |it| it.facts().name));
            self.scripts.run(&call).await.map(drop)
        })
    }

    fn beat(&self, now: Timestamp) -> Answer<'_, ()> {
        Box::pin(async move {
            for owner in self.owners.beat() {
                let mut call = self.scripts.shared("beat");
                call.arg(wall(now)).arg(&*owner).arg(millis(CLAIM_OUTLIVES));
                self.scripts.run(&call).await?;
            }
            Ok(())
        })
    }

    fn tidy(
        &self,
        now: Timestamp,
        doubtful_before: Timestamp,
        finished_before: Timestamp,
    ) -> Answer<'_, ()> {
        Box::pin(async move {
            tidy::end(&self.scripts, self.kept, now, doubtful_before).await?;
            tidy::forget_outdated(&self.scripts, finished_before).await
        })
    }

    fn announcements(
        &self,
        most: u32,
        now: Timestamp,
        pause: Duration,
    ) -> Answer<'_, Vec<Announcement>> {
        Box::pin(async move {
            let mut call = self.scripts.shared("ends");
            call.arg(wall(now)).arg(millis(pause)).arg(most.min(MOST_AT_ONCE));
            let (ids, attempts) = self.scripts.run(&call).await?.ends()?;
            let ends = self.look(&ids).await?.into_iter().zip(attempts);
            let announcement = |(found, attempts): (Result<Option<Broadcast>, StoreError>, u32)| {
                Some(Announcement { broadcast: found.ok()??, attempts })
            };
            Ok(ends.filter_map(announcement).collect())
        })
    }

    fn announced<'a>(
        &'a self,
        id: &'a BroadcastId,
        pause: Option<Duration>,
        at: Timestamp,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut call = self.scripts.shared("announced");
            let pause = pause.map_or_else(String::new, |it| millis(it).to_string());
            call.arg(wall(at)).arg(id.as_str()).arg(pause);
            self.scripts.run(&call).await.map(drop)
        })
    }
}

fn full() -> StoreError {
    let detail =
        format!("it is full: it has {MOST_BROADCASTS} broadcasts or {MOST_RECEIVERS} receivers");
    StoreError(detail)
}
