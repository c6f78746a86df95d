//! The API keys that the gateway accepts. They are replaced as a whole when their file changes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::model::api_key::{Caller, KeyEntry, KeyHash};

/// The API keys that are configured. All workers share one keyring.
#[derive(Debug)]
pub struct Keyring(ArcSwap<HashMap<KeyHash, KnownKey>>);

#[derive(Debug)]
struct KnownKey {
    caller: Caller,
    expires_at: Option<Timestamp>,
    disabled: bool,
}

/// Why a key is refused. The text of an error is for the log: it names the key, which the caller's answer
/// (`unauthorized.rs`) does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// No such key is configured.
    #[error("the key is unknown")]
    Unknown,
    /// The key's `expires_at` is not later than now.
    #[error("the key of {name} has expired")]
    Expired {
        /// The name of the key.
        name: Arc<str>,
    },
    /// The operator has disabled the key.
    #[error("the key of {name} is disabled")]
    Disabled {
        /// The name of the key.
        name: Arc<str>,
    },
}

impl Keyring {
    /// A keyring of the keys in `entries`, which are sorted by name.
    #[must_use]
    pub fn new(entries: &BTreeMap<String, KeyEntry>) -> Self {
        Self(ArcSwap::from_pointee(by_hash(entries)))
    }

    /// Accepts from now on the keys in `entries` and no others. Requests that were authenticated before
    /// go on.
    pub fn replace(&self, entries: &BTreeMap<String, KeyEntry>) {
        self.0.store(Arc::new(by_hash(entries)));
    }

    /// The caller that the key `presented` belongs to, at the time `now`.
    pub fn authenticate(&self, presented: &str, now: Timestamp) -> Result<Caller, KeyRefusal> {
        // Keys are found and compared by their SHA-256 digest, not in constant time. The duration may
        // reveal something of a known digest, but an attacker can neither choose a digest byte by byte
        // nor get from a whole digest to the random key.
        let known = self.0.load();
        let known = known.get(&KeyHash::of(presented)).ok_or(KeyRefusal::Unknown)?;
        let name = || Arc::clone(&known.caller.name);
        if known.disabled {
            return Err(KeyRefusal::Disabled { name: name() });
        }
        if known.expires_at.is_some_and(|end| end <= now) {
            return Err(KeyRefusal::Expired { name: name() });
        }
        Ok(known.caller.clone())
    }
}

fn by_hash(entries: &BTreeMap<String, KeyEntry>) -> HashMap<KeyHash, KnownKey> {
    entries.iter().map(|(name, entry)| (entry.hash, KnownKey::new(name, entry))).collect()
}

impl KnownKey {
    fn new(name: &str, entry: &KeyEntry) -> Self {
        Self {
            caller: Caller {
                name: name.into(),
                app: entry.app.as_str().into(),
                policy: Arc::new(entry.policy.clone()),
            },
            expires_at: entry.expires_at,
            disabled: entry.disabled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::Policy;

    const NOW: Timestamp = Timestamp::constant(1_767_225_600, 0);

    fn entry(key: &str) -> KeyEntry {
        KeyEntry {
            hash: KeyHash::of(key),
            app: "main".into(),
            expires_at: None,
            disabled: false,
            policy: Policy::default(),
        }
    }

    fn ring(name: &str, entry: KeyEntry) -> Keyring {
        Keyring::new(&BTreeMap::from([(name.to_owned(), entry)]))
    }

    #[test]
    fn a_known_key_names_its_caller_and_the_app() {
        let caller = ring("billing", entry("k")).authenticate("k", NOW).expect("known");
        assert_eq!((&*caller.name, &*caller.app), ("billing", "main"));
    }

    #[test]
    fn another_key_is_unknown() {
        let ring = ring("billing", entry("k"));
        for other in ["", "K", "k ", "kk", &KeyHash::of("k").to_string()] {
            assert_eq!(ring.authenticate(other, NOW), Err(KeyRefusal::Unknown));
        }
    }

    #[test]
    fn an_empty_ring_knows_nobody() {
        let ring = Keyring::new(&BTreeMap::new());
        assert_eq!(ring.authenticate("k", NOW), Err(KeyRefusal::Unknown));
    }

    #[test]
    fn a_key_expires_at_the_very_moment_and_not_before() {
        let expires_at = Some(NOW);
        let ring = ring("billing", KeyEntry { expires_at, ..entry("k") });
        let before = NOW - jiff::SignedDuration::from_nanos(1);
        assert!(ring.authenticate("k", before).is_ok());
        let name = "billing".into();
        assert_eq!(ring.authenticate("k", NOW), Err(KeyRefusal::Expired { name }));
    }

    #[test]
    fn a_disabled_key_is_refused() {
        let ring = ring("billing", KeyEntry { disabled: true, ..entry("k") });
        let name = "billing".into();
        assert_eq!(ring.authenticate("k", NOW), Err(KeyRefusal::Disabled { name }));
    }

    #[test]
    fn replacing_the_keys_admits_the_new_and_refuses_the_old() {
        let ring = ring("billing", entry("old"));
        ring.replace(&BTreeMap::from([("billing".to_owned(), entry("new"))]));
        assert!(ring.authenticate("new", NOW).is_ok());
        assert_eq!(ring.authenticate("old", NOW), Err(KeyRefusal::Unknown));
    }

    #[test]
    fn nothing_that_is_printed_holds_a_key() {
        let ring = ring("billing", entry("a key in clear"));
        let refusal = ring.authenticate("another key in clear", NOW).expect_err("unknown");
        let shown = format!("{ring:?} {refusal:?} {refusal}");
        assert!(!shown.contains("in clear"));
    }
}
