//! Read-only connections to the embedded store.
//!
//! Opening one costs 10 ms, because SQLite parses the views, so a few stay open. Invariant: an open connection is of the
//! file that has the store's name now; the store may have been restored meanwhile.

use super::error::QueryError;
use super::limit::Limit;
use crate::sink::sqlite::{SCHEMA_VERSION, refuse_foreign_log};
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Connections that stay open at most; further ones are closed after their query.
const IDLE_MAX: usize = 4;
/// How long a statement waits while another program has the store locked.
const BUSY_WAIT: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(2) };
const STATEMENTS_CACHED: usize = 32;
/// Steps of SQLite's machine between two looks at the limit: tens of microseconds.
const STEPS: i32 = 1_000;

/// Device and inode of a file.
type FileId = (u64, u64);

/// The connections to a file. Clones share them, and have limits of their own.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    file: PathBuf,
    idle: Arc<Mutex<Vec<(FileId, Connection)>>>,
    limit: Limit,
}

impl Pool {
    /// Opens nothing yet.
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), idle: Arc::default(), limit: Limit::default() }
    }

    /// The same connections, whose queries end at a limit.
    pub(super) fn within(&self, limit: Limit) -> Self {
        Self { limit, ..self.clone() }
    }

    /// Runs queries on a connection.
    pub(super) fn with<T>(&self, run: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, QueryError> {
        self.limit.check()?;
        let metadata = fs::metadata(&self.file).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => QueryError::Missing { file: self.file.clone() },
            _ => QueryError::Unreadable { file: self.file.clone(), why: error.to_string() },
        })?;
        let id = (metadata.dev(), metadata.ino());
        let kept = {
            let mut idle = self.idle.lock();
            idle.retain(|(of, _)| *of == id);
            idle.pop()
        };
        let connection = match kept {
            Some((_, connection)) => connection,
            None => self.open()?,
        };
        let limit = self.limit.clone();
        let prepared = connection.progress_handler(STEPS, Some(move || limit.check().is_err()));
        let answer = prepared.and_then(|()| run(&connection)).map_err(|error| self.fault(&error))?;
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push((id, connection));
        }
        Ok(answer)
    }

    fn open(&self) -> Result<Connection, QueryError> {
        refuse_foreign_log(&self.file).map_err(|error| QueryError::Refused(error.message))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&self.file, flags).and_then(|store| {
            store.busy_timeout(BUSY_WAIT)?;
            store.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
            let version: i64 = store.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((store, version))
        });
        match opened.map_err(|error| self.fault(&error))? {
            (store, SCHEMA_VERSION) => Ok(store),
            (_, found) => Err(QueryError::OtherVersion { file: self.file.clone(), found, wanted: SCHEMA_VERSION }),
        }
    }

    fn fault(&self, error: &rusqlite::Error) -> QueryError {
        let file = self.file.clone();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => QueryError::Locked { file },
            Some(ErrorCode::OperationInterrupted) => self.limit.error(),
            _ => QueryError::Unreadable { file, why: error.to_string() },
        }
    }
}
