//! The ids of receivers and messages as the audit log shows them.

use std::borrow::Cow;
use std::fmt;

use hmac::{Hmac, Mac};
use secrecy::SecretString;
use sha2::Sha256;

use crate::model::derived_key::{Purpose, derive, keyed};

/// The form of ids in the audit log: `log.audit_ids`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdForm {
    /// As hashes with a key that is made from the app's secret.
    Hashed,
    /// As they are.
    Plain,
}

/// Shows the ids of one app in the audit log. Cheap to clone.
#[derive(Clone)]
pub enum AuditIds {
    /// As they are.
    Plain,
    /// As hashes. The key is made from the app's secret, so the operator can look for an id, and nobody
    /// else can try ids out.
    Hashed(Hmac<Sha256>),
}

/// Bytes of a hash that are shown: with 128 bits no two ids look alike by chance.
const SHOWN_BYTES: usize = 16;

impl AuditIds {
    /// Shows ids in this form.
    #[must_use]
    pub fn new(form: IdForm, app_secret: &SecretString) -> Self {
        if form == IdForm::Plain {
            return Self::Plain;
        }
        Self::Hashed(keyed(&derive(app_secret, Purpose::AuditIds)))
    }

    /// The id as the audit log shows it.
    #[must_use]
    pub fn show<'a>(&self, id: &'a str) -> Cow<'a, str> {
        match self {
            Self::Plain => id.into(),
            Self::Hashed(key) => {
                let hash = key.clone().chain_update(id).finalize().into_bytes();
                hex::encode(&hash[..SHOWN_BYTES]).into()
            }
        }
    }

    /// The ids as the audit log shows them, with spaces between them.
    #[must_use]
    pub fn show_all<'a>(&self, ids: impl Iterator<Item = &'a str>) -> String {
        let shown: Vec<_> = ids.map(|id| self.show(id)).collect();
        shown.join(" ")
    }
}

impl fmt::Debug for AuditIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Hashed(_) => "Hashed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(secret: &str) -> AuditIds {
        AuditIds::new(IdForm::Hashed, &SecretString::from(secret))
    }

    #[test]
    fn an_id_has_one_hash_for_each_secret() {
        let ids = hashed("secret of main");
        assert_eq!(ids.show("oc_1"), hashed("secret of main").show("oc_1"));
        assert_ne!(ids.show("oc_1"), ids.show("oc_2"));
        assert_ne!(ids.show("oc_1"), hashed("secret of another").show("oc_1"));
    }

    #[test]
    fn a_hash_is_32_hexadecimal_digits_and_stays_the_same_from_one_version_to_the_next() {
        // Computed with Python's hmac, from the secret to the hash.
        assert_eq!(hashed("secret").show("oc_1"), "553413617a06228693217c5d4806bd76");
    }

    #[test]
    fn plain_ids_are_shown_as_they_are() {
        assert_eq!(AuditIds::Plain.show("oc_1"), "oc_1");
    }

    #[test]
    fn debug_shows_nothing_of_the_key() {
        assert_eq!(format!("{:?}", hashed("secret")), "Hashed");
    }
}
