//! Callers with broadcasts: they have them accepted, cancel them and read what became of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::asks::receiver;
use super::generate::RECEIVERS;
use super::process::Process;
use super::scene::Scene;
use crate::broadcasts::{BroadcastError, BroadcastRequest, Broadcasts, ReceiverState};
use crate::model::api_key::Caller;
use crate::model::broadcast_id::BroadcastId;
use crate::model::idempotency_key::IdempotencyKey;
use crate::model::message_id::MessageId;

/// The accepted broadcasts, by caller and key. Clones share them.
#[derive(Clone, Default)]
pub(super) struct KnownBroadcasts(Arc<Mutex<BTreeMap<(usize, u8), BroadcastId>>>);

impl KnownBroadcasts {
    /// A caller asks for a broadcast. The same key is always the same broadcast.
    pub(super) fn accept(
        &self,
        scene: &Scene,
        process: &Process,
        (caller, key): (usize, u8),
        expires_in: Duration,
    ) {
        scene.state().ledger.asked_for_broadcast(caller);
        let known = self.clone();
        let count = [1, 5, 20, 45][usize::from(key)];
        let name = |place: usize| match place {
            0 => format!("oc_{}", key % RECEIVERS),
            _ => format!("oc_b{key}_{place}"),
        };
        let request = BroadcastRequest {
            message: MessageId::parse(&format!("om_{caller}_b{key}")).unwrap(),
            receivers: (0..count).map(|place| receiver(&name(place))).collect(),
            key: IdempotencyKey::parse(&format!("broadcast {key}")).unwrap(),
            expires_in,
        };
        work(scene, process, caller, |scene, broadcasts, by| async move {
            let answer = broadcasts.accept(&by, request).await;
            let ledger = &mut scene.state().ledger;
            match answer {
                Ok(accepted) => {
                    let (broadcast, again) = (accepted.broadcast, accepted.is_replayed);
                    let (id, message) = (broadcast.id.as_str(), broadcast.message.as_str());
                    ledger.note(format!("{message} is accepted as {id}, again: {again}"));
                    ledger.accepted(&broadcast);
                    known.0.lock().unwrap().insert((caller, key), broadcast.id);
                }
                Err(error) => ledger.note(format!("a broadcast is refused: {error}")),
            }
        });
    }

    /// A caller cancels its broadcast.
    pub(super) fn cancel(&self, scene: &Scene, process: &Process, (caller, key): (usize, u8)) {
        let id = self.0.lock().unwrap().get(&(caller, key)).cloned();
        let Some(id) = id else { return };
        work(scene, process, caller, |scene, broadcasts, by| async move {
            let answer = broadcasts.cancel(&by, &id).await;
            let ledger = &mut scene.state().ledger;
            ledger.count("cancels");
            match answer {
                Ok(_) => ledger.note(format!("{id} is canceled")),
                Err(BroadcastError::NotFound) => ledger.broadcast_is_lost(id.as_str()),
                Err(error) => ledger.note(format!("{id} is not canceled: {error}")),
            }
        });
    }

    /// Callers read all their broadcasts.
    pub(super) fn look(&self, scene: &Scene, process: &Process) {
        let all = self.0.lock().unwrap().clone();
        for ((caller, _), id) in all {
            work(scene, process, caller, |scene, broadcasts, by| async move {
                // In this order: a cancel in between shows in the receivers only.
                let broadcast = broadcasts.find(&by, &id).await;
                let receivers = broadcasts.receivers(&by, &id, &ReceiverState::ALL, 0, 1000).await;
                let ledger = &mut scene.state().ledger;
                match (broadcast, receivers) {
                    (Ok(broadcast), Ok(receivers)) => ledger.read(&broadcast, &receivers),
                    (Err(BroadcastError::NotFound), _) => ledger.broadcast_is_lost(id.as_str()),
                    _ => ledger.note(format!("{id} cannot be read for now")),
                }
            });
        }
    }
}

/// Has a process do something for a caller, if it has broadcasts.
fn work<F: Future<Output = ()> + Send + 'static>(
    scene: &Scene,
    process: &Process,
    caller: usize,
    work: impl FnOnce(Scene, Broadcasts, Caller) -> F,
) {
    if let Some(broadcasts) = process.core.broadcasts.clone() {
        process.runtime.spawn(work(scene.clone(), broadcasts, process.caller(caller)));
    }
}
