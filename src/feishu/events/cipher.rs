//! The encryption of events: AES-256-CBC with PKCS#7 padding. The key is the SHA-256 hash of the app's Encrypt Key.
//! `encrypt` holds the initialization vector and then the ciphertext, as base64 (Feishu's documentation).

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// The length of an initialization vector, in bytes.
const IV: usize = 16;

/// The plaintext of `encrypt`. None: it was not made with this key.
pub(super) fn decrypt(encrypt: &str, encrypt_key: &SecretString) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(encrypt).ok()?;
    let (iv, ciphertext) = bytes.split_first_chunk::<IV>()?;
    let key: [u8; 32] = Sha256::digest(encrypt_key.expose_secret()).into();
    let cipher = cbc::Decryptor::<Aes256>::new(&key.into(), iv.into());
    let mut plaintext = ciphertext.to_vec();
    let length = cipher.decrypt_padded::<Pkcs7>(&mut plaintext).ok()?.len();
    plaintext.truncate(length);
    Some(plaintext)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feishus_own_vector_decrypts() {
        let encrypt = "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=";
        assert_eq!(decrypt(encrypt, &"test key".into()).as_deref(), Some(&b"hello world"[..]));
        assert_eq!(decrypt(encrypt, &"test kez".into()), None);
    }

    #[test]
    fn what_is_no_vector_and_whole_blocks_does_not_decrypt() {
        let key = "test key".into();
        for bytes in [&[][..], &[1; 15], &[1; 16], &[1; 17], &[1; 31], &[1; 33]] {
            assert_eq!(decrypt(&STANDARD.encode(bytes), &key), None, "{}", bytes.len());
        }
        for text in ["", "=", "P37w+VZImNg", "P37w-VZImNg_", "héllo", " \n"] {
            assert_eq!(decrypt(text, &key), None, "{text:?}");
        }
    }
}
