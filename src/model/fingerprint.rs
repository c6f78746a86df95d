//! Fingerprints of what callers send.

use sha2::{Digest, Sha256};

/// A SHA-256.
pub type Fingerprint = [u8; 32];

/// The fingerprint of a list of texts. Each text goes in with its length, so no two lists are alike.
#[must_use]
pub fn fingerprint<const N: usize>(parts: [&str; N]) -> Fingerprint {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
