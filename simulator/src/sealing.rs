//! Encrypts and signs what Feishu pushes (doc).

use aes::Aes256;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cbc::Encryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use sha2::{Digest, Sha256};

/// The Base64 text of `iv` and of the text encrypted with it: AES-256-CBC with PKCS#7, and the SHA-256 of the Encrypt Key
/// as the key.
pub(crate) fn encrypted(text: &str, encrypt_key: &str, iv: [u8; 16]) -> String {
    let key = Sha256::digest(encrypt_key);
    let cipher = Encryptor::<Aes256>::new(&key, &iv.into());
    let mut bytes = iv.to_vec();
    bytes.extend(cipher.encrypt_padded_vec::<Pkcs7>(text.as_bytes()));
    BASE64_STANDARD.encode(bytes)
}

/// The header `X-Lark-Signature`: SHA-256 in lower-case hexadecimal digits.
pub(crate) fn signature(timestamp: &str, nonce: &str, encrypt_key: &str, body: &str) -> String {
    let hash = Sha256::new()
        .chain_update(timestamp)
        .chain_update(nonce)
        .chain_update(encrypt_key)
        .chain_update(body)
        .finalize();
    hex::encode(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feishu's own example.
    #[test]
    fn the_example_of_feishus_documentation_is_encrypted_as_there() {
        let known = "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=";
        let bytes = BASE64_STANDARD.decode(known).unwrap();
        let iv: [u8; 16] = bytes[..16].try_into().unwrap();
        assert_eq!(encrypted("hello world", "test key", iv), known);
    }

    /// The vector was accepted by two official SDKs.
    #[test]
    fn an_app_ticket_is_encrypted_and_signed_as_two_sdks_accept_it() {
        let text = r#"{"ts":"1502199207.7171419","uuid":"bc447199585340d1f3728d26b1c0297a","token":"41a9425ea7df4536a7623e38fa321bae","type":"event_callback","event":{"app_id":"cli_xxx","app_ticket":"xxx","type":"app_ticket"}}"#;
        let iv = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let body = format!("{{\"encrypt\":\"{}\"}}", encrypted(text, "test key", iv));
        assert_eq!(body, VECTOR);
        assert_eq!(
            signature("1700000000", "abc123", "test key", &body),
            "4aff95d28ecef3dbc805e376274d174e4076d6cb920babddb7438a2262bce0ca"
        );
    }

    const VECTOR: &str = r#"{"encrypt":"AAECAwQFBgcICQoLDA0ODwXd3xG1Gt7kQwx31OYys8i1cHzW5Q+trOKbYiL6nexPTRiP1GlhOEcHQNvaqDE/G7PmYHqKsLL61ph2SZncZ9drm/ybkY56uQRyDjhh34hBnrAbRbwUhuxAcj3G9bOtR8zEK0cSOCFdoOdxOvLXVzPJxSRutfqMAJiUNQyD7BNELLb/02aLjPq3BU979mSu4SCdtgBdPRjuwA3nRxgGOLXBsL4ZGdQNWCWFY8EZLLzoD/7XuaJjz5+tgcS/2Z/jFVox0m9OMnjni+b6dygGadw="}"#;
}
