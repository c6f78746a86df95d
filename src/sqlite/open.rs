//! Opening the file, and bringing its schema up to date.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::OpenError;

/// The steps from an empty file to the current schema. A step never changes once it was released; a change is a new one.
const MIGRATIONS: &[&str] = &[include_str!("migrations/1.sql"), include_str!("migrations/2.sql")];
/// `FFGW`: what SQLite's `application_id` says in each file of the gateway's.
const APPLICATION_ID: i64 = 0x4646_4757;
/// To what size SQLite cuts the write-ahead log when it begins it again, in bytes.
const LARGEST_LOG: i64 = 16 << 20;
/// How much of the file is kept in memory, in KiB.
const CACHE: i64 = 8 << 10;
/// How many prepared statements are kept.
const STATEMENTS: usize = 64;

/// Opens the file, or creates it, readable by its owner only. It belongs to this process until the connection is closed.
///
/// Another process that has the file may take `patience` to close it.
pub(super) fn open(path: &Path, patience: Duration) -> Result<Connection, OpenError> {
    if path.metadata().is_ok_and(|it| !it.is_file()) {
        // Opening a pipe may block forever.
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file").into());
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    // An absolute path is never one of the names that SQLite has for databases without a file.
    let path = path.canonicalize()?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    // Before anything is written, because it may be the file of another program.
    let version = version(&connection)?;
    set_up(&connection)?;
    migrate(&mut connection, version)?;
    Ok(connection)
}

/// Opens a file of the gateway's, and writes nothing. It fails while another process has the file.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, OpenError> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file").into());
    }
    let path = path.canonicalize()?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    version(&connection)?;
    Ok(connection)
}

/// A new file in memory, for simulations.
#[cfg(test)]
pub(super) fn migrated_in_memory() -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    set_up(&connection)?;
    migrate(&mut connection, 0)?;
    Ok(connection)
}

/// The version of the file's schema, 0 for an empty file.
fn version(connection: &Connection) -> Result<usize, OpenError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, found) = (number("application_id")?, number("user_version")?);
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_empty = (application, found, objects) == (0, 0, 0);
    if !is_empty && application != APPLICATION_ID {
        return Err(OpenError::Foreign);
    }
    match usize::try_from(found) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        Ok(_) => Err(OpenError::Newer { found, known: known() }),
        Err(_) => Err(OpenError::Foreign),
    }
}

/// The newest version of the schema that this gateway knows.
fn known() -> i64 {
    MIGRATIONS.len().try_into().unwrap_or(i64::MAX)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What was answered is on the disk, even if the machine loses its power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", LARGEST_LOG)?;
    connection.pragma_update(None, "cache_size", -CACHE)?;
    // The directory for temporary files may be read-only.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// Takes the steps that the file lacks, all or none of them.
fn migrate(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    // Also where there is nothing to do: it fails unless the file belongs to this process.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    for step in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(step)?;
    }
    if version < MIGRATIONS.len() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", known())?;
    }
    transaction.commit()
}
