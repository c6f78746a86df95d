//! Keys that are made from an app's secret, so that all replicas have the same ones and there is none more
//! to keep.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// What a key is for: keys for different purposes have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Hashes ids for the audit log.
    AuditIds,
    /// Seals what replicas share.
    SharedState,
    /// Makes the `uuid` of a forward with an `Idempotency-Key`.
    Uuids,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Self::AuditIds => "feishu-forward-gateway audit ids",
            Self::SharedState => "feishu-forward-gateway shared state",
            Self::Uuids => "feishu-forward-gateway uuids",
        }
    }
}

/// The key for this purpose of the app that has this secret.
#[must_use]
pub fn derive(app_secret: &SecretString, purpose: Purpose) -> [u8; 32] {
    let secret = keyed(app_secret.expose_secret().as_bytes());
    secret.chain_update(purpose.label()).finalize().into_bytes().into()
}

/// Hashes with a key.
#[must_use]
pub fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length will do")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_and_each_purpose_has_a_key_of_its_own() {
        let (one, other) = (SecretString::from("one"), SecretString::from("other"));
        let purposes = [Purpose::AuditIds, Purpose::SharedState, Purpose::Uuids];
        let mut keys: Vec<_> =
            purposes.iter().flat_map(|it| [derive(&one, *it), derive(&other, *it)]).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 6);
        assert_eq!(derive(&one, Purpose::Uuids), derive(&one, Purpose::Uuids));
    }
}
