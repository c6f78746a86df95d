//! The keys of a server, and when they expire.

use std::collections::BTreeMap;

use super::sorted_set::SortedSet;

/// Why a command failed, which begins with a code.
pub(crate) type Refusal = String;

pub(crate) type Hash = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a key holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(Vec<u8>),
    List(Vec<Vec<u8>>),
    Hash(Hash),
    SortedSet(SortedSet),
}

impl Value {
    /// The name of its type.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Hash(_) => "hash",
            Self::SortedSet(_) => "zset",
        }
    }

    /// All bytes that it holds, one after the other.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(all) => all.concat(),
            Self::Hash(hash) => hash.iter().flat_map(|(name, it)| [&**name, it].concat()).collect(),
            Self::SortedSet(set) => set.iter().flat_map(|(member, _)| member.clone()).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::List(all) => all.is_empty(),
            Self::Hash(hash) => hash.is_empty(),
            Self::SortedSet(set) => set.len() == 0,
        }
    }

    pub(crate) fn as_text(&mut self) -> Option<&mut Vec<u8>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_list(&mut self) -> Option<&mut Vec<Vec<u8>>> {
        if let Self::List(all) = self { Some(all) } else { None }
    }

    pub(crate) fn as_hash(&mut self) -> Option<&mut Hash> {
        if let Self::Hash(hash) = self { Some(hash) } else { None }
    }

    pub(crate) fn as_sorted_set(&mut self) -> Option<&mut SortedSet> {
        if let Self::SortedSet(set) = self { Some(set) } else { None }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    value: Value,
    /// In milliseconds since 1970. The key is still there at that moment.
    expires_at: Option<i64>,
}

/// The keys of a server, and its time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Database {
    entries: BTreeMap<Vec<u8>, Entry>,
    /// The wall clock, in microseconds since 1970. It stands still while a command or a script runs.
    pub(crate) now: i64,
}

impl Database {
    /// The wall clock in milliseconds since 1970.
    pub(crate) fn millis(&self) -> i64 {
        self.now.div_euclid(1000)
    }

    fn entry(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let now = self.millis();
        let is_over = self.entries.get(key)?.expires_at.is_some_and(|it| now > it);
        if is_over {
            self.entries.remove(key);
        }
        self.entries.get_mut(key)
    }

    /// What a key holds.
    pub(crate) fn value(&mut self, key: &[u8]) -> Option<&mut Value> {
        self.entry(key).map(|it| &mut it.value)
    }

    /// What a key holds, which must be of this type.
    pub(crate) fn typed<T>(
        &mut self,
        key: &[u8],
        of: fn(&mut Value) -> Option<&mut T>,
    ) -> Result<Option<&mut T>, Refusal> {
        self.value(key).map(|it| of(it).ok_or_else(wrong_type)).transpose()
    }

    /// The same, and `new` if the key is not there.
    pub(crate) fn typed_or<T>(
        &mut self,
        key: &[u8],
        new: Value,
        of: fn(&mut Value) -> Option<&mut T>,
    ) -> Result<&mut T, Refusal> {
        self.entry(key);
        let new = Entry { value: new, expires_at: None };
        of(&mut self.entries.entry(key.to_vec()).or_insert(new).value).ok_or_else(wrong_type)
    }

    /// Replaces the key.
    pub(crate) fn set(&mut self, key: &[u8], value: Value, expires_at: Option<i64>) {
        self.entries.insert(key.to_vec(), Entry { value, expires_at });
    }

    /// Returns whether it was there.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        self.entry(key).is_some() && self.entries.remove(key).is_some()
    }

    /// Removes the key if nothing is left in it.
    pub(crate) fn remove_if_empty(&mut self, key: &[u8]) {
        if self.entries.get(key).is_some_and(|it| it.value.is_empty()) {
            self.entries.remove(key);
        }
    }

    /// Returns whether it was there.
    pub(crate) fn rename(&mut self, key: &[u8], to: &[u8]) -> bool {
        self.entry(key);
        let entry = self.entries.remove(key);
        entry.map(|it| self.entries.insert(to.to_vec(), it)).is_some()
    }

    /// When a key expires, if it is there and does.
    #[expect(clippy::option_option, reason = "a key that is not there differs from one that stays")]
    pub(crate) fn expires_at(&mut self, key: &[u8]) -> Option<Option<i64>> {
        self.entry(key).map(|it| it.expires_at)
    }

    /// Returns whether the key is there.
    pub(crate) fn set_expiry(&mut self, key: &[u8], expires_at: Option<i64>) -> bool {
        self.entry(key).map(|it| it.expires_at = expires_at).is_some()
    }

    /// All keys that have not expired.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Vec<u8>> {
        let now = self.millis();
        let is_there = move |it: &Entry| it.expires_at.is_none_or(|at| now <= at);
        self.entries.iter().filter(move |(_, it)| is_there(it)).map(|(key, _)| key)
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

fn wrong_type() -> Refusal {
    "WRONGTYPE Operation against a key holding the wrong kind of value".to_owned()
}
