//! Whose tokens there are.

use std::sync::Arc;

/// Whose tenant token it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenKey {
    /// The operator's name for the app.
    pub app: Arc<str>,
}
