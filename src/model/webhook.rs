//! Where a caller hears of the ends of its broadcasts, and how that is signed, by Standard Webhooks
//! (<https://www.standardwebhooks.com>).

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::Mac;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretSlice};
use url::Url;

use super::derived_key::keyed;

/// Where a caller hears of the ends of its broadcasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where the ends are posted to.
    pub url: WebhookUrl,
    /// What they are signed with.
    pub secret: WebhookSecret,
    /// The file that the secret was read from.
    pub secret_file: Option<PathBuf>,
}

/// The URL of a webhook: http or https, without credentials and fragment. `Debug` shows the host alone, because some
/// receivers have their callers show a secret in the path or the query.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

/// The secret of a webhook, 24 to 64 bytes. `Debug` does not show it.
#[derive(Clone, Debug)]
pub struct WebhookSecret(SecretSlice<u8>);

/// Why a text is no URL or no secret of a webhook: a sentence that begins with "must". It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidWebhook(&'static str);

const SECRET_PREFIX: &str = "whsec_";

impl WebhookUrl {
    /// Reads a URL.
    pub fn parse(text: &str) -> Result<Self, InvalidWebhook> {
        let url = Url::parse(text).ok().filter(|it| matches!(it.scheme(), "http" | "https"));
        let url =
            url.ok_or(InvalidWebhook("must be a URL that starts with https:// or http://"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidWebhook("must not contain a user name or a password"));
        }
        if url.fragment().is_some() {
            return Err(InvalidWebhook("must not have a fragment"));
        }
        Ok(Self(url))
    }

    /// The URL.
    #[must_use]
    pub fn get(&self) -> &Url {
        &self.0
    }
}

impl std::fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookUrl({}…)", self.0.host_str().unwrap_or_default())
    }
}

impl WebhookSecret {
    /// Reads `whsec_` and the base64 of the secret.
    pub fn parse(text: &str) -> Result<Self, InvalidWebhook> {
        let base64 = text.strip_prefix(SECRET_PREFIX);
        let bytes = base64.and_then(|it| BASE64_STANDARD.decode(it).ok());
        let bytes = bytes.filter(|it| (24..=64).contains(&it.len()));
        let bytes = bytes.ok_or(InvalidWebhook(
            "must be whsec_ and the base64 of 24 to 64 random bytes; `echo whsec_$(openssl rand -base64 32)` makes one",
        ))?;
        Ok(Self(bytes.into()))
    }

    /// The header `webhook-signature` of a body that is sent under this id at this time.
    #[must_use]
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let head = format!("{id}.{}.", at.as_second());
        let signed = keyed(self.0.expose_secret()).chain_update(head).chain_update(body);
        format!("v1,{}", BASE64_STANDARD.encode(signed.finalize().into_bytes()))
    }
}

impl PartialEq for WebhookSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for WebhookSecret {}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(length: usize) -> String {
        format!("whsec_{}", BASE64_STANDARD.encode(vec![7; length]))
    }

    #[test]
    fn a_signature_is_that_of_the_example_of_standard_webhooks() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Timestamp::constant(1614265330, 0);
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_24_to_64_bytes_in_base64() {
        for length in [24, 25, 26, 64] {
            assert!(WebhookSecret::parse(&secret(length)).is_ok(), "{length}");
        }
        for wrong in [
            "",
            "whsec_",
            &secret(23),
            &secret(65),
            &secret(24)[6..],
            &secret(25).replace('=', ""),
            &secret(24).replace("whsec", "WHSEC"),
            "whsec_hush hush hush hush hush hush!!!",
        ] {
            let InvalidWebhook(detail) = WebhookSecret::parse(wrong).expect_err(wrong);
            assert!(detail.starts_with("must ") && !detail.contains("hush"), "{wrong}: {detail}");
        }
    }

    #[test]
    fn a_url_is_http_without_credentials_and_fragment() {
        for right in ["https://example.com/hook?to=me", "http://10.0.0.1:8080"] {
            assert!(WebhookUrl::parse(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "example.com",
            "ftp://example.com",
            "https://",
            "https://hush@example.com",
            "https://:hush@example.com",
            "https://example.com/#hush",
        ] {
            let InvalidWebhook(detail) = WebhookUrl::parse(wrong).expect_err(wrong);
            assert!(detail.starts_with("must ") && !detail.contains("hush"), "{wrong}: {detail}");
        }
    }

    #[test]
    fn debug_shows_neither_the_secret_nor_the_path() {
        let url = WebhookUrl::parse("https://example.com/hush?hush").unwrap();
        let secret = WebhookSecret::parse(&secret(24)).unwrap();
        let shown = format!("{:?}", Webhook { url, secret, secret_file: None });
        assert!(shown.contains("example.com") && shown.contains("REDACTED"), "{shown}");
        assert!(!shown.contains("hush") && !shown.contains("7, 7"), "{shown}");
    }
}
