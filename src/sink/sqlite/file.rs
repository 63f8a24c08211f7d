//! The file: permissions, modes, schema, and the translation of SQLite's errors.

use super::energy;
use super::periods::{self, FRESH, Periods};
use super::views;
use crate::base::file::sync_directory_of;
use crate::deliver::SinkError;
use rusqlite::{Connection, Error, ErrorCode};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// The migrations in order; the file's `user_version` counts the applied ones.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/sqlite/0001_initial.sql")];
/// The version of the schema that this program writes.
pub const SCHEMA_VERSION: i64 = 1;
const OWNER_ONLY: u32 = 0o600;
/// How long a statement waits while another program writes.
const BUSY_WAIT: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(1) };
/// Pages that SQLite may hold in memory, in KiB.
const CACHE_KIB: i64 = 8 * 1024;
const STATEMENTS_CACHED: usize = 24;

/// Opens the store and brings it to the newest schema. Returns whether it is new.
pub(super) fn connect(file: &Path) -> Result<(Connection, bool), SinkError> {
    let store = Connection::open(file).and_then(prepare).map_err(|error| sink_error(file, &error))?;
    let is_new = migrate(&store, file)?;
    Ok((store, is_new))
}

/// The size of the database without the pages that are free.
pub(super) fn used_bytes(store: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT (page_count - freelist_count) * page_size
               FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    let bytes: i64 = store.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(bytes.unsigned_abs())
}

fn prepare(store: Connection) -> rusqlite::Result<Connection> {
    store.busy_timeout(BUSY_WAIT)?;
    store.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    store.pragma_update(None, "journal_mode", "WAL")?;
    store.pragma_update(None, "synchronous", "FULL")?;
    store.pragma_update(None, "cache_size", -CACHE_KIB)?;
    store.pragma_update(None, "temp_store", "MEMORY")?;
    // The sink makes the checkpoints (see `log`). A log that begins again is truncated, so
    // that its size is the size of its contents.
    store.pragma_update(None, "wal_autocheckpoint", 0)?;
    store.pragma_update(None, "journal_size_limit", 0)?;
    Ok(store)
}

/// Creates the file for the owner alone: SQLite would make it readable for all users, and
/// copies its permissions to the files beside it. The name is synced before any row counts
/// as safe.
pub(super) fn create(file: &Path) -> Result<(), SinkError> {
    try_create(file).map_err(|error| cannot_create(file, &error))
}

fn cannot_create(file: &Path, error: &io::Error) -> SinkError {
    SinkError::blocked(format!(
        "the store {} cannot be created or opened ({error}); check that its directory exists and that the service's user owns both",
        file.display()
    ))
}

/// Creates the directory of the file. Only for the first open: a directory that is gone later
/// was moved away with everything in it.
pub(super) fn create_directory(file: &Path) -> Result<(), SinkError> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory).map_err(|error| cannot_create(file, &error))
}

fn try_create(file: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(file) {
        Ok(made) => made.sync_all()?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    sync_directory_of(file)
}

fn migrate(store: &Connection, file: &Path) -> Result<bool, SinkError> {
    let failed = |error| sink_error(file, &error);
    let version: i64 = store.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if version > MIGRATIONS.len() {
        return Err(SinkError::blocked(format!(
            "the store {} has schema version {version}, this program supports {}: start the newer version again, or use \
             another file",
            file.display(),
            MIGRATIONS.len()
        )));
    }
    for (number, migration) in (1..).zip(MIGRATIONS).skip(version) {
        apply(store, number, migration).map_err(failed)?;
        tracing::info!(file = %file.display(), version = number, "the store's schema was migrated");
    }
    Ok(version == 0)
}

/// Applies a migration and its number in one transaction.
fn apply(store: &Connection, number: i64, migration: &str) -> rusqlite::Result<()> {
    let transaction = store.unchecked_transaction()?;
    transaction.execute_batch(migration)?;
    if number == 1 {
        periods::create(&transaction, FRESH)?;
        periods::log_corrections(&transaction, FRESH)?;
        views::create(&transaction, Periods::read(&transaction)?.all())?;
        energy::create(&transaction)?;
    }
    transaction.pragma_update(None, "user_version", number)?;
    transaction.commit()
}

/// The sink error of an SQLite error.
pub(super) fn sink_error(file: &Path, error: &Error) -> SinkError {
    let file = file.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => SinkError::blocked(format!(
            "the volume of {file} has no room for the store; free some space, delivery then continues automatically"
        )),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SinkError::waiting(format!(
            "another program holds the store {file} locked ({error}); delivery continues when it is released"
        )),
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::AuthorizationForStatementDenied,
        ) => SinkError::blocked(format!(
            "the store {file} cannot be written ({error}); make the service's user the owner of the file and its directory"
        )),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => SinkError::blocked(format!(
            "the store {file} is damaged ({error}); restore a copy, or move the file away: a new one is filled from \
             the journal"
        )),
        Some(ErrorCode::SystemIoFailure) => SinkError::waiting(format!(
            "the store {file} cannot be read or written ({error}); check the disk and the system's log"
        )),
        Some(code) if !is_about_the_schema(code) => SinkError::waiting(format!("the store {file} failed: {error}")),
        // No such table, no such column: another program changed the file.
        _ => SinkError::blocked(format!(
            "the store {file} was changed by another program ({error}); move it away, or restore a copy"
        )),
    }
}

fn is_about_the_schema(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch)
}
