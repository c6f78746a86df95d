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
use crate::model::tenant_key::TenantKey;
use crate::model::tenants::Tenants;
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

/// The caller to whom a key or a token belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    /// The caller, in its tenant if there is only one.
    pub caller: Caller,
    /// The tenants in which it may forward.
    pub tenants: Tenants,
}

impl Authenticated {
    /// The caller in this tenant alone, or in none, if it may forward there.
    #[must_use]
    pub fn in_tenant(self, tenant: Option<&TenantKey>) -> Option<Self> {
        let Self { caller, tenants } = self;
        tenants.admit(tenant).then(|| Self {
            caller: Caller { tenant: tenant.cloned(), ..caller },
            tenants: tenant.cloned().map_or(Tenants::None, Tenants::one),
        })
    }
}

#[derive(Debug)]
struct KnownKey {
    hash: KeyHash,
    authenticated: Authenticated,
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
    /// The key may not be used in the tenant that is named, or several are possible and none is named.
    #[error("the key of {name} is not for this tenant, or for several of which none was named")]
    OtherTenant {
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

    /// Issues a token for the key `app_secret`, to a program that asks as that of a self-built app: in the only tenant of
    /// the key if its app is a store app. `app_id` is the name of the key or Feishu's id of its app. The token ends with
    /// the key.
    pub(crate) fn issue_token(
        &self,
        app_id: &str,
        app_secret: &str,
        now: Timestamp,
    ) -> Result<IssuedToken, KeyRefusal> {
        let keys = self.keys.load();
        let known = self.named(&keys, app_id, app_secret, now)?;
        let Caller { tenant, .. } = &known.authenticated.caller;
        self.issue(known, tenant.as_ref(), now)
    }

    /// Issues a token for the key `app_secret`, which must be one of a store app, as [`Self::issue_token`] does. It is for
    /// no tenant yet: [`Self::issue_tenant_token`] takes it.
    pub(crate) fn issue_app_token(
        &self,
        app_id: &str,
        app_secret: &str,
        now: Timestamp,
    ) -> Result<IssuedToken, KeyRefusal> {
        let keys = self.keys.load();
        let known = self.named(&keys, app_id, app_secret, now)?;
        if known.authenticated.tenants == Tenants::None {
            return Err(known.other_tenant());
        }
        self.sign(known, None, now)
    }

    /// Issues a token in this tenant to the holder of a store app's token, or of the key itself. None: in what is no
    /// tenant, which is refused.
    pub(crate) fn issue_tenant_token(
        &self,
        app_token: &str,
        tenant: Option<&TenantKey>,
        now: Timestamp,
    ) -> Result<IssuedToken, KeyRefusal> {
        let keys = self.keys.load();
        let known = match UncheckedToken::read(app_token) {
            // Else a token could be renewed for ever without the key.
            Some(token) if token.tenant.is_some() => return Err(KeyRefusal::Token),
            Some(token) => self.check(&keys, &token, now)?,
            None => keys.valid(&KeyHash::of(app_token), now)?,
        };
        if tenant.is_none() {
            return Err(known.other_tenant());
        }
        self.issue(known, tenant, now)
    }

    /// The caller to which a token or a key belongs, at the time `now`. A token for a tenant is for no other one.
    pub(crate) fn authenticate_token(
        &self,
        presented: &str,
        now: Timestamp,
    ) -> Result<Authenticated, KeyRefusal> {
        let Some(token) = UncheckedToken::read(presented) else {
            return self.authenticate(presented, now);
        };
        let keys = self.keys.load();
        let known = self.check(&keys, &token, now)?;
        match token.tenant {
            Some(tenant) => {
                let caller = known.authenticated.clone().in_tenant(Some(&tenant));
                caller.ok_or_else(|| known.other_tenant())
            }
            None => Ok(known.authenticated.clone()),
        }
    }

    /// The caller that the key `presented` belongs to, at the time `now`.
    pub fn authenticate(
        &self,
        presented: &str,
        now: Timestamp,
    ) -> Result<Authenticated, KeyRefusal> {
        // Keys are found and compared by their SHA-256 digest, not in constant time. The duration may
        // reveal something of a known digest, but an attacker can neither choose a digest byte by byte
        // nor get from a whole digest to the random key.
        let keys = self.keys.load();
        keys.valid(&KeyHash::of(presented), now).map(|known| known.authenticated.clone())
    }

    /// The caller whose API key has this name, in this tenant or in none, if the key is in force at the time `now` and
    /// may be used there.
    #[must_use]
    pub fn caller_named(
        &self,
        name: &str,
        tenant: Option<&TenantKey>,
        now: Timestamp,
    ) -> Option<Caller> {
        let keys = self.keys.load();
        let known = keys.valid(keys.hashes_by_name.get(name)?, now).ok()?;
        known.authenticated.clone().in_tenant(tenant).map(|it| it.caller)
    }

    /// The key `app_secret`, if `app_id` is its name or Feishu's id of its app.
    fn named<'a>(
        &self,
        keys: &'a KnownKeys,
        app_id: &str,
        app_secret: &str,
        now: Timestamp,
    ) -> Result<&'a KnownKey, KeyRefusal> {
        let known = keys.valid(&KeyHash::of(app_secret), now)?;
        let Caller { name, app, .. } = &known.authenticated.caller;
        let is_app = self.apps().get(app).is_some_and(|it| [&it.app_id, &**name].contains(&app_id));
        if is_app { Ok(known) } else { Err(KeyRefusal::OtherApp { name: Arc::clone(name) }) }
    }

    /// The key that a token was signed for.
    fn check<'a>(
        &self,
        keys: &'a KnownKeys,
        token: &UncheckedToken,
        now: Timestamp,
    ) -> Result<&'a KnownKey, KeyRefusal> {
        let hash = keys.hashes_by_id.get(&token.key_id).ok_or(KeyRefusal::Token)?;
        let known = keys.keys.get(hash).ok_or(KeyRefusal::Token)?;
        let apps = self.apps();
        let app = apps.get(&known.authenticated.caller.app).ok_or(KeyRefusal::Token)?;
        // Before anything is said of the key, whose public id every token shows.
        if !app.signer.accepts(token, hash, now) {
            return Err(KeyRefusal::Token);
        }
        known.check(now)?;
        Ok(known)
    }

    /// Signs a token with which a program forwards in this tenant, or in none.
    fn issue(
        &self,
        known: &KnownKey,
        tenant: Option<&TenantKey>,
        now: Timestamp,
    ) -> Result<IssuedToken, KeyRefusal> {
        if !known.authenticated.tenants.admit(tenant) {
            return Err(known.other_tenant());
        }
        self.sign(known, tenant, now)
    }

    fn sign(
        &self,
        known: &KnownKey,
        tenant: Option<&TenantKey>,
        now: Timestamp,
    ) -> Result<IssuedToken, KeyRefusal> {
        let Caller { name, app, .. } = &known.authenticated.caller;
        let apps = self.apps();
        let app = apps.get(app).ok_or(KeyRefusal::Unknown)?;
        let ends_at = known.expires_at.map_or(now + LIFETIME, |end| end.min(now + LIFETIME));
        // A token ends with a whole second.
        let seconds = ends_at.as_second() - now.as_second();
        let expires_in = Duration::from_secs(seconds.try_into().unwrap_or_default());
        let token = app.signer.sign(&known.hash, tenant, ends_at);
        Ok(IssuedToken { caller: Arc::clone(name), token, expires_in })
    }

    /// The ends of the keys that have one and are not disabled.
    pub(crate) fn expiries(&self) -> Vec<KeyExpiry> {
        let keys = self.keys.load();
        let ends = keys.keys.values().filter(|known| !known.disabled);
        ends.filter_map(|known| {
            let expires_at = known.expires_at?;
            let caller = Arc::clone(&known.authenticated.caller.name);
            Some(KeyExpiry { caller, expires_at })
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
        let caller = Caller {
            name: name.into(),
            app: entry.app.as_str().into(),
            tenant: entry.tenants.only().cloned(),
            policy: Arc::new(entry.policy.clone()),
            weight: entry.weight,
            budget: entry.budget,
        };
        Self {
            hash: entry.hash,
            authenticated: Authenticated { caller, tenants: entry.tenants.clone() },
            expires_at: entry.expires_at,
            disabled: entry.disabled,
        }
    }

    fn other_tenant(&self) -> KeyRefusal {
        KeyRefusal::OtherTenant { name: Arc::clone(&self.authenticated.caller.name) }
    }

    /// Whether the key is in force at the time `now`.
    fn check(&self, now: Timestamp) -> Result<(), KeyRefusal> {
        let name = || Arc::clone(&self.authenticated.caller.name);
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
mod tests;
