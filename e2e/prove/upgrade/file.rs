//! The SQLite file that one build after the other takes over.

use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;

/// A file in a folder of its own, which is removed when this is dropped.
pub(super) struct File {
    _folder: TempDir,
    path: PathBuf,
}

/// What a build says of a file whose schema is newer than it knows.
pub(super) const NEWER: &str = "was written by a newer version of the gateway";

impl File {
    /// Nothing is there yet.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { path: folder.path().join("broadcasts.db"), _folder: folder }
    }

    pub(super) fn name(&self) -> &str {
        self.path.to_str().expect("a path in UTF-8")
    }

    /// The version of the schema. No gateway may have the file.
    pub(super) fn schema(&self) -> i64 {
        let version = self.open().pragma_query_value(None, "user_version", |row| row.get(0));
        version.expect("a version")
    }

    /// Makes the file one of a later gateway's.
    pub(super) fn age(&self) {
        let later = self.schema() + 1000;
        self.open().pragma_update(None, "user_version", later).expect("it can be written");
    }

    fn open(&self) -> Connection {
        Connection::open(&self.path).expect("it can be opened")
    }
}
