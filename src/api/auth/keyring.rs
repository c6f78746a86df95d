//! The API keys that the gateway accepts, and the tokens that it issues for them. The keys are replaced as a whole when
//! their file changes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use secrecy::SecretString;

use super::token_signer::{LIFETIME, TokenSigner, UncheckedToken};
use crate::model::api_key::{Caller, KeyEntry, KeyHash, KeyId};
use crate::model::webhook::Webhook;
use crate::telemetry::metrics::KeyExpiry;

/// The API keys that are configured. All workers share one keyring.
#[derive(Debug)]
pub struct Keyring {
    keys: ArcSwap<KnownKeys>,
    /// By the operators' names.
    apps: RwLock<HashMap<Arc<str>, TokenApp>>,
}

#[derive(Debug)]
struct KnownKeys {
    keys: HashMap<KeyHash, KnownKey>,
    hashes_by_id: HashMap<KeyId, KeyHash>,
    hashes_by_name: HashMap<Arc<str>, KeyHash>,
    /// By the callers' names, where they have one.
    webhooks: HashMap<Box<str>, Webhook>,
}

/// An app, as its callers' tokens need it.
#[derive(Debug)]
struct TokenApp {
    /// Feishu's id of it.
    app_id: String,
    signer: TokenSigner,
}

/// A token that was issued.
pub(crate) struct IssuedToken {
    /// The name of the caller's API key.
    pub(crate) caller: Arc<str>,
    pub(crate) token: String,
    pub(crate) expires_in: Duration,
}

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
    /// A token is asked for with the key and another `app_id` than the key's.
    #[error("the app_id is neither the name of the key of {name} nor the id of its app")]
    OtherApp {
        /// The name of the key.
        name: Arc<str>,
    },
    /// A token was not issued for a key that is configured, or it has ended.
    #[error("the token has expired, or its key is unknown")]
    Token,
}

impl Keyring {
    /// A keyring of the keys in `entries`, which are sorted by name.
    #[must_use]
    pub fn new(entries: &BTreeMap<String, KeyEntry>) -> Self {
        Self { keys: ArcSwap::from_pointee(KnownKeys::of(entries)), apps: RwLock::default() }
    }

    /// A keyring that issues tokens to the callers of these apps, each of which has a name, Feishu's id and its secret.
    #[must_use]
    pub fn for_apps<'a>(
        self,
        apps: impl IntoIterator<Item = (&'a str, &'a str, &'a SecretString)>,
    ) -> Self {
        let apps = apps.into_iter().map(|(name, app_id, secret)| {
            let signer = TokenSigner::new(secret);
            (name.into(), TokenApp { app_id: app_id.to_owned(), signer })
        });
        Self { apps: RwLock::new(apps.collect()), ..self }
    }

    /// Accepts from now on the keys in `entries` and no others. Requests that were authenticated before
    /// go on.
    pub fn replace(&self, entries: &BTreeMap<String, KeyEntry>) {
        self.keys.store(Arc::new(KnownKeys::of(entries)));
    }

    /// Signs tokens with another secret of the app from now on. Those that were issued before are good until they
    /// end.
    pub fn replace_secret(&self, app: &str, secret: &SecretString, now: Timestamp) {
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(app) = apps.get_mut(app) {
            app.signer.replace_secret(secret, now);
        }
    }

    /// Issues a token for the key `app_secret`. `app_id` is the name of the key or Feishu's id of its app. The token
    /// ends with the key.
    pub(crate) fn issue_token(
        &self,
        app_id: &str,
        app_secret: &str,
        now: Timestamp,
    ) -> Result<IssuedToken, KeyRefusal> {
        let hash = KeyHash::of(app_secret);
        let keys = self.keys.load();
        let known = keys.valid(&hash, now)?;
        let caller = Arc::clone(&known.caller.name);
        let apps = self.apps();
        let app = apps.get(&known.caller.app).filter(|it| [&it.app_id, &*caller].contains(&app_id));
        let Some(app) = app else { return Err(KeyRefusal::OtherApp { name: caller }) };
        let ends_at = known.expires_at.map_or(now + LIFETIME, |end| end.min(now + LIFETIME));
        // A token ends with a whole second.
        let seconds = ends_at.as_second() - now.as_second();
        let expires_in = Duration::from_secs(seconds.try_into().unwrap_or_default());
        Ok(IssuedToken { caller, token: app.signer.sign(&hash, ends_at), expires_in })
    }

    /// The caller to which a token or a key belongs, at the time `now`.
    pub(crate) fn authenticate_token(
        &self,
        presented: &str,
        now: Timestamp,
    ) -> Result<Caller, KeyRefusal> {
        let Some(token) = UncheckedToken::read(presented) else {
            return self.authenticate(presented, now);
        };
        let keys = self.keys.load();
        let hash = keys.hashes_by_id.get(&token.key_id).ok_or(KeyRefusal::Token)?;
        let known = keys.keys.get(hash).ok_or(KeyRefusal::Token)?;
        let apps = self.apps();
        let app = apps.get(&known.caller.app).ok_or(KeyRefusal::Token)?;
        // Before anything is said of the key, whose public id every token shows.
        if !app.signer.accepts(&token, hash, now) {
            return Err(KeyRefusal::Token);
        }
        known.check(now)?;
        Ok(known.caller.clone())
    }

    /// The caller that the key `presented` belongs to, at the time `now`.
    pub fn authenticate(&self, presented: &str, now: Timestamp) -> Result<Caller, KeyRefusal> {
        // Keys are found and compared by their SHA-256 digest, not in constant time. The duration may
        // reveal something of a known digest, but an attacker can neither choose a digest byte by byte
        // nor get from a whole digest to the random key.
        let keys = self.keys.load();
        keys.valid(&KeyHash::of(presented), now).map(|known| known.caller.clone())
    }

    /// The caller whose API key has this name, if the key is in force at the time `now`.
    #[must_use]
    pub fn caller_named(&self, name: &str, now: Timestamp) -> Option<Caller> {
        let keys = self.keys.load();
        let known = keys.valid(keys.hashes_by_name.get(name)?, now).ok()?;
        Some(known.caller.clone())
    }

    /// The ends of the keys that have one and are not disabled.
    pub(crate) fn expiries(&self) -> Vec<KeyExpiry> {
        let keys = self.keys.load();
        let ends = keys.keys.values().filter(|known| !known.disabled);
        ends.filter_map(|known| {
            let expires_at = known.expires_at?;
            Some(KeyExpiry { caller: Arc::clone(&known.caller.name), expires_at })
        })
        .collect()
    }

    /// The webhook of the caller of this name, if its key is configured and has one.
    #[must_use]
    pub fn webhook(&self, caller: &str) -> Option<Webhook> {
        self.keys.load().webhooks.get(caller).cloned()
    }

    fn apps(&self) -> RwLockReadGuard<'_, HashMap<Arc<str>, TokenApp>> {
        // No code that can panic runs under this lock.
        self.apps.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownKeys {
    fn of(entries: &BTreeMap<String, KeyEntry>) -> Self {
        Self {
            keys: entries
                .iter()
                .map(|(name, entry)| (entry.hash, KnownKey::new(name, entry)))
                .collect(),
            hashes_by_id: entries.values().map(|entry| (entry.hash.id(), entry.hash)).collect(),
            hashes_by_name: entries
                .iter()
                .map(|(name, entry)| (name.as_str().into(), entry.hash))
                .collect(),
            webhooks: entries
                .iter()
                .filter_map(|(name, entry)| Some((name.as_str().into(), entry.webhook.clone()?)))
                .collect(),
        }
    }

    fn valid(&self, hash: &KeyHash, now: Timestamp) -> Result<&KnownKey, KeyRefusal> {
        let known = self.keys.get(hash).ok_or(KeyRefusal::Unknown)?;
        known.check(now)?;
        Ok(known)
    }
}

impl KnownKey {
    fn new(name: &str, entry: &KeyEntry) -> Self {
        Self {
            caller: Caller {
                name: name.into(),
                app: entry.app.as_str().into(),
                tenant: None,
                policy: Arc::new(entry.policy.clone()),
                weight: entry.weight,
                budget: entry.budget,
            },
            expires_at: entry.expires_at,
            disabled: entry.disabled,
        }
    }

    /// Whether the key is in force at the time `now`.
    fn check(&self, now: Timestamp) -> Result<(), KeyRefusal> {
        let name = || Arc::clone(&self.caller.name);
        if self.disabled {
            return Err(KeyRefusal::Disabled { name: name() });
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(KeyRefusal::Expired { name: name() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::Policy;
    use crate::model::share::{Budget, Weight};
    use crate::model::webhook::{WebhookSecret, WebhookUrl};

    const NOW: Timestamp = Timestamp::constant(1_767_225_600, 0);

    fn entry(key: &str) -> KeyEntry {
        KeyEntry {
            hash: KeyHash::of(key),
            app: "main".into(),
            expires_at: None,
            disabled: false,
            policy: Policy::default(),
            weight: Weight::ONE,
            budget: Budget::default(),
            webhook: None,
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
    fn a_webhook_is_that_of_the_keys_that_are_configured_now() {
        let webhook = Webhook {
            url: WebhookUrl::parse("https://example.com").expect("right"),
            secret: WebhookSecret::parse(&format!("whsec_{}", "a".repeat(32))).expect("right"),
            secret_file: None,
        };
        let ring = ring("billing", KeyEntry { webhook: Some(webhook.clone()), ..entry("k") });
        assert_eq!((ring.webhook("billing"), ring.webhook("other")), (Some(webhook), None));
        ring.replace(&BTreeMap::from([("billing".to_owned(), entry("k"))]));
        assert_eq!(ring.webhook("billing"), None);
    }

    #[test]
    fn nothing_that_is_printed_holds_a_key() {
        let ring = ring("billing", entry("a key in clear"));
        let refusal = ring.authenticate("another key in clear", NOW).expect_err("unknown");
        let shown = format!("{ring:?} {refusal:?} {refusal}");
        assert!(!shown.contains("in clear"));
    }
}
