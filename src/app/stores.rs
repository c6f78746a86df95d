//! What outlives the process.

use std::sync::Arc;

use super::state::State;
use crate::sqlite::Database;

/// What knows of what was sent before, and of what other replicas send.
#[derive(Clone, Copy)]
pub(super) struct Stores<'a> {
    /// The Redis that replicas share.
    pub(super) state: Option<&'a State<'a>>,
    /// The file of a single process.
    pub(super) database: Option<&'a Arc<Database>>,
}
