//! Fingerprints, by which the gateway recognises a repeated forward without storing it.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Fingerprint = [u8; 32];

/// The fingerprint of a list of texts. Different lists have different fingerprints.
#[must_use]
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a str>) -> Fingerprint {
    let mut hash = Sha256::new();
    for part in parts {
        // The length separates the texts: ["ab", "c"] differs from ["a", "bc"].
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
