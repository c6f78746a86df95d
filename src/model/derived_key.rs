//! Keys that are derived from an app's secret. All replicas derive equal keys, and the operator has no further
//! secret to configure. Every key that depends on an app's secret is derived here.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The purpose of a derived key. Keys for different purposes are independent of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To hash ids for the audit log.
    AuditIds,
    /// To sign the tokens that callers get.
    CallerTokens,
    /// To encrypt what is kept outside of the process.
    SharedState,
    /// Makes the `uuid` of a forward with an `Idempotency-Key`.
    Uuids,
}

impl Purpose {
    // A changed label changes the key, and with it each `uuid` and each sealed value.
    fn label(self) -> &'static str {
        match self {
            Self::AuditIds => "feishu-forward-gateway audit ids",
            Self::CallerTokens => "feishu-forward-gateway caller tokens",
            Self::SharedState => "feishu-forward-gateway shared state",
            Self::Uuids => "feishu-forward-gateway uuids",
        }
    }
}

/// Derives the key for `purpose` from an app's secret.
#[must_use]
pub fn derive(app_secret: &SecretString, purpose: Purpose) -> [u8; 32] {
    let secret = keyed(app_secret.expose_secret().as_bytes());
    secret.chain_update(purpose.label()).finalize().into_bytes().into()
}

/// An HMAC-SHA-256 with `key`.
#[must_use]
pub fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC accepts a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_and_each_purpose_has_a_different_key() {
        let (one, other) = (SecretString::from("one"), SecretString::from("other"));
        let purposes =
            [Purpose::AuditIds, Purpose::CallerTokens, Purpose::SharedState, Purpose::Uuids];
        let mut keys: Vec<_> =
            purposes.iter().flat_map(|it| [derive(&one, *it), derive(&other, *it)]).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 8);
        assert_eq!(derive(&one, Purpose::Uuids), derive(&one, Purpose::Uuids));
    }
}
