//! The same among replicas: whoever leads here asks the others first, in Redis, where outcomes are sealed.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{Script, ScriptInvocation};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Outcome, REMEMBERED};
use crate::clock::{Clock, Stamp};
use crate::delivery::agreement::REPEATING;
use crate::delivery::error::ForwardError;
use crate::delivery::past::Known;
use crate::delivery::register;
use crate::delivery::repeating::{self, Fate, Mark};
use crate::feishu::error::{CallError, FieldViolation, Forwarded, Refusal};
use crate::limits::birth_key;
use crate::model::idempotency_key::NamedForward;
use crate::store::{Gone, Seal, Store, millis};

/// What replicas know of the callers' keys.
#[derive(Debug)]
pub struct SharedKeys {
    store: Arc<Store>,
    script: Script,
    prefix: String,
    birth_key: String,
    clock: Clock,
    mark: Arc<Mark>,
    /// By app.
    seals: HashMap<String, Seal>,
    /// How long a replica is believed to be at work: longer than any forward takes.
    lease: Duration,
}

/// How often to ask whether another replica has ended.
pub(in crate::delivery) const ASK_AGAIN: Duration = Duration::from_millis(100);
/// How long a key is kept of a forward that never went out and may yet: who repeats it at once is told if it
/// is another one now.
const UNSENT: Duration = Duration::from_secs(10);
/// The longest outcome that is kept, in bytes: far more than Feishu answers about one message. What is longer
/// is asked of Feishu again, by the same `uuid`.
const LARGEST: usize = 256 << 10;
/// How much longer than the deadline of a forward its lease is.
const GRACE: Duration = Duration::from_secs(5);

/// A forward that a replica is at, for all replicas.
#[derive(Debug)]
pub(super) struct Claimed {
    keys: Arc<SharedKeys>,
    named: NamedForward,
    app: Arc<str>,
    owner: String,
    /// No attempt of this one was made before.
    since: Stamp,
}

/// What there is in Redis of a key.
#[derive(Debug)]
pub(super) enum Asked {
    /// Nobody is at it: this one is now.
    Lead {
        /// If one may have gone out before: how long ago.
        age: Option<Duration>,
        /// Whether Redis knows all that any replica does.
        is_whole: bool,
    },
    /// Another replica is at it, and its first attempt was no longer ago than this.
    Busy(Duration),
    /// It was done.
    Done(Outcome),
    /// The key was used for something else.
    Reused,
}

impl SharedKeys {
    /// Of apps with these secrets, whose forwards take no longer than `deadline`.
    #[must_use]
    pub fn new<'a>(
        store: Arc<Store>,
        prefix: &str,
        secrets: impl IntoIterator<Item = (&'a String, &'a SecretString)>,
        deadline: Duration,
        clock: Clock,
        mark: Arc<Mark>,
    ) -> Self {
        let seals =
            secrets.into_iter().map(|(app, secret)| (app.clone(), Seal::new(secret))).collect();
        Self {
            store,
            script: Script::new(include_str!("shared.lua")),
            prefix: format!("{{{prefix}}}:key:"),
            birth_key: birth_key(prefix),
            clock,
            mark,
            seals,
            lease: deadline + GRACE,
        }
    }

    /// What is to be claimed, and ended whether or not the answer to the claim was heard.
    pub(super) fn to_claim(self: &Arc<Self>, named: NamedForward, app: &Arc<str>) -> Claimed {
        let (keys, app, owner) = (Arc::clone(self), Arc::clone(app), Uuid::now_v7().to_string());
        Claimed { keys, named, app, owner, since: self.clock.stamp() }
    }

    /// Writes down what Redis may not know, or no longer.
    pub(in crate::delivery) async fn repeat(
        &self,
        known: &repeating::Sent<NamedForward>,
    ) -> Result<(), Gone> {
        let mut call = self.end(known.name, "", known.fate.as_str(), known.first_attempt);
        call.arg("");
        self.run(&call).await.map(drop)
    }

    /// What there is of a forward already, so that nobody can lead; nothing is claimed.
    pub(super) async fn look(&self, named: NamedForward, app: &str) -> Result<Option<Asked>, Gone> {
        let [what, detail, _] = self.run(&self.call("look", named, "")).await?;
        Ok(self.read(&what, &detail, named, app))
    }

    /// None where somebody may lead, also where what was done cannot be read: its `uuid` is the same.
    fn read(&self, what: &[u8], detail: &[u8], named: NamedForward, app: &str) -> Option<Asked> {
        match what {
            b"reused" => Some(Asked::Reused),
            b"busy" => Some(Asked::Busy(age(detail).unwrap_or_default())),
            b"done" => {
                let plain = self.seals.get(app)?.open(&self.place(named), detail)?;
                let stored: Stored = serde_json::from_slice(&plain).ok()?;
                Some(Asked::Done(stored.into()))
            }
            _ => None,
        }
    }

    /// What it answers, what more there is to that, and whether Redis knows all.
    async fn run(&self, call: &ScriptInvocation<'_>) -> Result<[Vec<u8>; 3], Gone> {
        let reply: Vec<Vec<u8>> = self.store.run("key", call).await?;
        let mut parts = reply.into_iter();
        Ok(std::array::from_fn(|_| parts.next().unwrap_or_default()))
    }

    fn call(&self, operation: &str, named: NamedForward, owner: &str) -> ScriptInvocation<'_> {
        let mut call = self.script.key(self.place(named));
        call.key(&self.birth_key);
        call.arg(operation).arg(&named.content).arg(owner);
        call
    }

    fn end(
        &self,
        named: NamedForward,
        owner: &str,
        became: &str,
        since: Stamp,
    ) -> ScriptInvocation<'_> {
        let mut call = self.call("end", named, owner);
        call.arg(became).arg(millis(self.clock.age(since)));
        for kept in [REMEMBERED, register::REMEMBERED, UNSENT] {
            call.arg(millis(kept));
        }
        call
    }

    fn place(&self, named: NamedForward) -> String {
        format!("{}{}", self.prefix, hex::encode(named.key))
    }
}

impl Claimed {
    /// Claims it, or tells who has. Who has claimed it may ask again.
    pub(super) async fn claim(&self) -> Result<Asked, Gone> {
        let Self { keys, named, app, owner, .. } = self;
        let mut call = keys.call("claim", *named, owner);
        call.arg(millis(keys.lease)).arg(millis(register::REMEMBERED)).arg(millis(REPEATING));
        let [what, detail, whole] = keys.run(&call).await?;
        let asked = keys.read(&what, &detail, *named, app);
        Ok(asked.unwrap_or_else(|| Asked::Lead { age: age(&detail), is_whole: whole == b"whole" }))
    }

    /// Tells the other replicas what became of it, or that it ended without that; nobody waits for it.
    pub(super) fn end(&self, outcome: Option<&Outcome>, in_doubt: bool) {
        let Self { keys, named, app, owner, since } = self;
        let since = outcome.and_then(|it| it.in_doubt_since).unwrap_or(*since);
        let stored = outcome.filter(|it| it.is_final()).and_then(Stored::of);
        let sealed = stored.and_then(|stored| {
            let plain = serde_json::to_vec(&stored).ok()?;
            Some(keys.seals.get(&**app)?.seal(&keys.place(*named), &plain))
        });
        let sealed = sealed.filter(|sealed| sealed.len() <= LARGEST);
        let became = match outcome {
            Some(Outcome { result: Ok(_), .. }) if sealed.is_some() => "delivered",
            // It went out, and nobody can read with which answer.
            Some(Outcome { result: Ok(_), .. }) => Fate::Out.as_str(),
            _ if in_doubt => Fate::Unknown.as_str(),
            _ => "not_out",
        };
        let (keys, named, owner) = (Arc::clone(keys), *named, owner.clone());
        let tell = async move {
            let mut call = keys.end(named, &owner, became, since);
            call.arg(sealed.unwrap_or_default());
            if keys.run(&call).await.is_err() {
                keys.mark.missed();
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tell);
        }
    }
}

/// An outcome that is final, as it stands in Redis.
#[derive(Serialize, Deserialize)]
enum Stored {
    Delivered {
        message: String,
        message_id: String,
        log_id: Option<String>,
    },
    Refused {
        code: i64,
        msg: String,
        log_id: Option<String>,
        http_status: u16,
        troubleshooter: Option<String>,
        fields: Vec<(String, String)>,
    },
}

impl Stored {
    fn of(outcome: &Outcome) -> Option<Self> {
        match &outcome.result {
            Ok(Forwarded { message, message_id, log_id }) => Some(Self::Delivered {
                message: String::from_utf8(message.to_vec()).ok()?,
                message_id: message_id.clone(),
                log_id: log_id.clone(),
            }),
            Err(ForwardError::Failed(CallError::Refused(refusal))) => {
                let refusal = refusal.as_ref().clone();
                let fields = refusal.fields.into_iter().map(|it| (it.field, it.description));
                Some(Self::Refused {
                    code: refusal.code,
                    msg: refusal.msg,
                    log_id: refusal.log_id,
                    http_status: refusal.http_status,
                    troubleshooter: refusal.troubleshooter,
                    fields: fields.collect(),
                })
            }
            Err(_) => None,
        }
    }
}

impl From<Stored> for Outcome {
    fn from(stored: Stored) -> Self {
        let result = match stored {
            Stored::Delivered { message, message_id, log_id } => {
                Ok(Forwarded { message: message.into(), message_id, log_id })
            }
            Stored::Refused { code, msg, log_id, http_status, troubleshooter, fields } => {
                let violation =
                    |(field, description): (String, String)| FieldViolation { field, description };
                let fields = fields.into_iter().map(violation).collect();
                let refusal =
                    Refusal { code, msg, log_id, http_status, troubleshooter, reset: None, fields };
                Err(ForwardError::Failed(CallError::Refused(Box::new(refusal))))
            }
        };
        Self { result, in_doubt_since: None, known: Known::Wholly }
    }
}

fn age(detail: &[u8]) -> Option<Duration> {
    str::from_utf8(detail).ok()?.parse().ok().map(Duration::from_millis)
}
