//! Why the file cannot be used.

use std::io;

use rusqlite::{Error, ErrorCode};
use thiserror::Error;

/// The file cannot be used at all. The text goes on after the file's name.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process uses it.
    #[error("is in use by another process")]
    InUse,
    /// Its schema is of a version that this gateway does not know.
    #[error(
        "was written by a newer version of the gateway (version {found}); this one knows up to {known}"
    )]
    Newer {
        /// The version of the file.
        found: i64,
        /// The newest version that this gateway knows.
        known: i64,
    },
    /// It is no SQLite file, or one of another program.
    #[error("is not a file of the gateway")]
    Foreign,
    /// It cannot be created, read or written.
    #[error("cannot be opened for writing: {0}")]
    Inaccessible(#[from] io::Error),
    /// SQLite failed.
    #[error("cannot be used: {0}")]
    Failed(DatabaseError),
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            Some(ErrorCode::NotADatabase) => Self::Foreign,
            _ => Self::Failed(DatabaseError::from(&error)),
        }
    }
}

/// A job was not done, and nothing of it is in the file. The text has no path and no values.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct DatabaseError(String);

/// The longest reason that is kept, in bytes.
const LONGEST_REASON: usize = 300;

impl DatabaseError {
    pub(super) fn new(reason: &str) -> Self {
        let end = reason.floor_char_boundary(LONGEST_REASON);
        Self(reason[..end].chars().map(|it| if it.is_control() { ' ' } else { it }).collect())
    }
}

impl From<&Error> for DatabaseError {
    fn from(error: &Error) -> Self {
        match error.sqlite_error_code() {
            // SQLite's own words for it leave open which of the two it is.
            Some(ErrorCode::DiskFull) => Self::new("the disk is full"),
            Some(ErrorCode::ReadOnly) => Self::new("the file is read-only"),
            Some(ErrorCode::SystemIoFailure) => Self::new("the disk failed"),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::new("the file is damaged")
            }
            _ => Self::new(&error.to_string()),
        }
    }
}
