//! The gateway's own tokens, for programs that speak to it as to Feishu.
//!
//! A token is `t-` and hexadecimal digits: the public id of the caller's API key, the moment at which the token ends, a
//! signature, and the tenant's key if the token is for a tenant of a store app. So no replica has to remember a token. The key of the signature is derived from the app's secret, so
//! nobody who sees the configured hash of an API key can make a token. The whole hash is signed, so a token ends with its
//! API key.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, Mac};
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::Sha256;

use crate::model::api_key::{KeyHash, KeyId};
use crate::model::derived_key::{Purpose, derive, keyed};
use crate::model::tenant_key::TenantKey;

/// How long a token lives. SDKs keep a token until then, whatever happens to it.
pub(super) const LIFETIME: Duration = Duration::from_mins(30);
/// What each token begins with, as Feishu's tenant tokens do.
const PREFIX: &str = "t-";
const SIGNATURE_BYTES: usize = 16;
/// The length of a token without a tenant.
const TOKEN_BYTES: usize = KeyId::BYTES + size_of::<u64>() + SIGNATURE_BYTES;
/// How many earlier secrets of an app still count: more than an operator replaces within the life of a token.
const MOST_EARLIER: usize = 8;

/// Signs the tokens of one app's callers.
pub(super) struct TokenSigner {
    key: Hmac<Sha256>,
    /// Keys of earlier secrets, newest first, and until when the last of their tokens lives.
    earlier: Vec<(Hmac<Sha256>, Timestamp)>,
}

/// A token that was read and not checked yet.
pub(super) struct UncheckedToken {
    pub(super) key_id: KeyId,
    /// The tenant that the token is for, if it is for one.
    pub(super) tenant: Option<TenantKey>,
    /// In seconds since 1970.
    ends_at: i64,
    signature: [u8; SIGNATURE_BYTES],
}

impl TokenSigner {
    pub(super) fn new(app_secret: &SecretString) -> Self {
        Self { key: signing_key(app_secret), earlier: Vec::new() }
    }

    /// Signs with another secret from now on. Tokens that were signed with the one before are good until they end.
    pub(super) fn replace_secret(&mut self, app_secret: &SecretString, now: Timestamp) {
        let before = std::mem::replace(&mut self.key, signing_key(app_secret));
        self.earlier.retain(|(_, ends_at)| *ends_at > now);
        self.earlier.insert(0, (before, now + LIFETIME));
        self.earlier.truncate(MOST_EARLIER);
    }

    /// A token for the API key with this hash, in this tenant if there is one, which ends then.
    pub(super) fn sign(
        &self,
        key: &KeyHash,
        tenant: Option<&TenantKey>,
        ends_at: Timestamp,
    ) -> String {
        let ends_at = ends_at.as_second();
        let signature = signed(&self.key, key, tenant, ends_at).finalize().into_bytes();
        let mut token = Vec::with_capacity(TOKEN_BYTES);
        token.extend(key.id().0);
        token.extend(ends_at.to_be_bytes());
        token.extend(&signature[..SIGNATURE_BYTES]);
        token.extend(tenant.map_or(&[][..], |it| it.as_str().as_bytes()));
        format!("{PREFIX}{}", hex::encode(token))
    }

    /// Whether a token was signed for the API key with this hash and has not ended.
    pub(super) fn accepts(&self, token: &UncheckedToken, key: &KeyHash, now: Timestamp) -> bool {
        let earlier = self.earlier.iter().filter(|(_, ends_at)| *ends_at > now);
        let mut keys = std::iter::once(&self.key).chain(earlier.map(|(key, _)| key));
        token.ends_at > now.as_second()
            && keys.any(|signing_key| {
                // In constant time.
                let signed = signed(signing_key, key, token.tenant.as_ref(), token.ends_at);
                signed.verify_truncated_left(&token.signature).is_ok()
            })
    }
}

impl UncheckedToken {
    /// None if the text has another form than the gateway's tokens.
    pub(super) fn read(token: &str) -> Option<Self> {
        let digits = token.strip_prefix(PREFIX)?;
        if digits.len() > 2 * (TOKEN_BYTES + TenantKey::LONGEST) {
            return None;
        }
        let bytes = hex::decode(digits).ok()?;
        let (key_id, rest) = bytes.split_first_chunk()?;
        let (ends_at, rest) = rest.split_first_chunk()?;
        let (signature, tenant) = rest.split_first_chunk()?;
        let tenant = match tenant {
            [] => None,
            tenant => Some(TenantKey::parse(str::from_utf8(tenant).ok()?)?),
        };
        Some(Self {
            key_id: KeyId(*key_id),
            tenant,
            ends_at: i64::from_be_bytes(*ends_at),
            signature: *signature,
        })
    }
}

fn signing_key(app_secret: &SecretString) -> Hmac<Sha256> {
    keyed(&derive(app_secret, Purpose::CallerTokens))
}

/// Key and end have a fixed length, so the tenant is what is behind them, and nothing else can be.
fn signed(
    signing_key: &Hmac<Sha256>,
    key: &KeyHash,
    tenant: Option<&TenantKey>,
    ends_at: i64,
) -> Hmac<Sha256> {
    let signed = signing_key.clone().chain_update(key.as_bytes());
    let signed = signed.chain_update(ends_at.to_be_bytes());
    signed.chain_update(tenant.map_or("", TenantKey::as_str))
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSigner").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_767_225_600, 0);

    fn signer(secret: &str) -> TokenSigner {
        TokenSigner::new(&SecretString::from(secret))
    }

    fn accepts(signer: &TokenSigner, token: &str, key: &str, now: Timestamp) -> bool {
        let token = UncheckedToken::read(token).expect("a token");
        signer.accepts(&token, &KeyHash::of(key), now)
    }

    #[test]
    fn a_token_is_good_for_its_key_until_it_ends() {
        let signer = signer("secret");
        let token = signer.sign(&KeyHash::of("key"), None, NOW + LIFETIME);
        assert!(token.starts_with("t-"));
        assert_eq!(UncheckedToken::read(&token).expect("a token").key_id, KeyHash::of("key").id());
        assert!(accepts(&signer, &token, "key", NOW));
        assert!(accepts(&signer, &token, "key", NOW + Duration::from_secs(1799)));
        assert!(!accepts(&signer, &token, "key", NOW + LIFETIME));
        assert!(!accepts(&signer, &token, "another key", NOW));
    }

    #[test]
    fn nobody_without_the_apps_secret_makes_or_changes_a_token() {
        let token = signer("secret").sign(&KeyHash::of("key"), None, NOW + LIFETIME);
        assert!(!accepts(&signer("another"), &token, "key", NOW));
        // The id only finds the key.
        for place in PREFIX.len() + 2 * KeyId::BYTES..token.len() {
            let mut changed = token.clone();
            let other = if changed.as_bytes()[place] == b'0' { "1" } else { "0" };
            changed.replace_range(place..=place, other);
            assert!(!accepts(&signer("secret"), &changed, "key", NOW), "{place}");
        }
    }

    #[test]
    fn a_token_for_a_tenant_is_for_no_other_and_one_without_is_for_none() {
        let signer = signer("secret");
        let tenant = TenantKey::parse("2ed263bf32cf1651").expect("valid");
        let token = signer.sign(&KeyHash::of("key"), Some(&tenant), NOW + LIFETIME);
        let read = UncheckedToken::read(&token).expect("a token");
        assert_eq!(read.tenant, Some(tenant));
        assert!(signer.accepts(&read, &KeyHash::of("key"), NOW));
        let without = signer.sign(&KeyHash::of("key"), None, NOW + LIFETIME);
        let hex = |tenant: &str| hex::encode(tenant);
        for forged in [
            token[..without.len()].to_owned(),
            token.replace(&hex("2ed263bf32cf1651"), &hex("2ed263bf32cf1652")),
            token.clone() + &hex("1"),
            without + &hex("2ed263bf32cf1651"),
        ] {
            assert!(!accepts(&signer, &forged, "key", NOW), "{forged}");
        }
        for other in [token.clone() + &hex(" "), token + &hex(&"1".repeat(64))] {
            assert!(UncheckedToken::read(&other).is_none(), "{other}");
        }
    }

    #[test]
    fn after_a_rotation_of_the_secret_the_tokens_of_the_old_one_are_good_until_they_end() {
        let mut signer = signer("old");
        let token = signer.sign(&KeyHash::of("key"), None, NOW + LIFETIME);
        signer.replace_secret(&SecretString::from("new"), NOW + Duration::from_mins(1));
        assert!(accepts(&signer, &token, "key", NOW + Duration::from_secs(1799)));
        assert!(!accepts(&signer, &token, "key", NOW + LIFETIME));
        let forged = TokenSigner::new(&SecretString::from("old")).sign(
            &KeyHash::of("key"),
            None,
            NOW + Duration::from_hours(9),
        );
        assert!(!accepts(&signer, &forged, "key", NOW + Duration::from_hours(1)));
    }

    #[test]
    fn what_has_another_form_is_no_token() {
        let token = signer("secret").sign(&KeyHash::of("key"), None, NOW);
        for other in
            ["", "t-", "t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234", &token[1..], &token[..40]]
        {
            assert!(UncheckedToken::read(other).is_none(), "{other}");
        }
        assert!(UncheckedToken::read(&format!("{token}00")).is_none());
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", signer("hush")), "TokenSigner { .. }");
    }
}
