//! What a Redis is asked for, by kind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::redis::simulated::SimulatedRedis;

/// What a Redis was asked for until now.
#[derive(Clone, Debug, Default)]
pub(super) struct RedisLoad {
    /// How many requests: the scripts, and what loads them.
    pub(super) requests: u64,
    /// How many commands they carried out.
    pub(super) commands: u64,
    /// How many bytes the requests were, without their frames.
    pub(super) bytes: u64,
    /// How many requests of each kind.
    pub(super) by_kind: BTreeMap<String, u64>,
}

/// Counts from now on.
pub(super) fn count(redis: &SimulatedRedis) -> Arc<Mutex<RedisLoad>> {
    let load = Arc::new(Mutex::new(RedisLoad::default()));
    let counted = Arc::clone(&load);
    redis.heard_by(move |request, commands| {
        let mut load = counted.lock().unwrap_or_else(PoisonError::into_inner);
        load.requests += 1;
        load.commands += commands;
        load.bytes += request.iter().map(|it| it.len() as u64).sum::<u64>();
        *load.by_kind.entry(kind(request)).or_default() += 1;
    });
    load
}

impl RedisLoad {
    /// What came after `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let new = |(kind, count): (&String, &u64)| {
            let known = before.by_kind.get(kind).copied().unwrap_or_default();
            (count > &known).then(|| (kind.clone(), count - known))
        };
        Self {
            requests: self.requests - before.requests,
            commands: self.commands - before.commands,
            bytes: self.bytes - before.bytes,
            by_kind: self.by_kind.iter().filter_map(new).collect(),
        }
    }
}

/// Of a script, what its first key is after the prefix (`{PREFIX}:token:…` is `token`), and its operation.
fn kind(request: &[Vec<u8>]) -> String {
    let text = |place: usize| {
        request.get(place).map(|it| String::from_utf8_lossy(it).into_owned()).unwrap_or_default()
    };
    if !matches!(text(0).as_str(), "EVAL" | "EVALSHA") {
        return text(0);
    }
    let key = text(3);
    let whose = key.split(':').nth(1).unwrap_or_default();
    let whose = if whose == "born" { "limits" } else { whose };
    let keys: usize = text(2).parse().unwrap_or_default();
    let operation = text(3 + keys);
    let is_name = operation.starts_with(|it: char| it.is_ascii_lowercase());
    if is_name { format!("{whose} {operation}") } else { whose.to_owned() }
}
