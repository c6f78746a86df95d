//! Why a pushed request is no event of the app.

use thiserror::Error;

/// Why a pushed request is no event of the app, in words for the operator. It repeats nothing of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rejection {
    /// The body is not a JSON object.
    #[error("the body is not a JSON object")]
    NotJson,
    /// An app with an Encrypt Key gets a plain body, which anybody could have written.
    #[error("the body is not encrypted, but the app has an encrypt_key")]
    NotEncrypted,
    /// An app without an Encrypt Key gets an encrypted body.
    #[error("the body is encrypted, but the app has no encrypt_key")]
    EncryptKeyMissing,
    /// The body was not encrypted with the app's Encrypt Key.
    #[error("the body cannot be decrypted with the app's encrypt_key")]
    NotDecryptable,
    /// The header `X-Lark-Signature` is missing.
    #[error("the signature is missing")]
    NotSigned,
    /// The signature is not that of the body.
    #[error("the signature does not match the app's encrypt_key")]
    WrongSignature,
    /// The verification token is missing or wrong.
    #[error("the token does not match the app's verification_token")]
    WrongToken,
    /// The event is one of another app, or does not say of which.
    #[error("the event's app_id is not the app's")]
    AnotherApp,
    /// A member of the event is missing or wrong.
    #[error("the member {0} is missing or not valid")]
    Malformed(&'static str),
}
