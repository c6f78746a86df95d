//! Why a source of tokens has fetched none.

use super::pace::TokenTrouble;
use crate::feishu::error::CallError;

/// Why no token was fetched.
pub(super) enum FetchError {
    /// The call failed.
    Call(CallError),
    /// There was no app token to call with. That is the trouble of the app token's source, which has a pace of its own.
    NoAppToken(TokenTrouble),
}

impl From<CallError> for FetchError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<TokenTrouble> for FetchError {
    fn from(trouble: TokenTrouble) -> Self {
        Self::NoAppToken(trouble)
    }
}
