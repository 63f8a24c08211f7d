//! The generation: whether the database, the log beside it and this service belong together.
//!
//! Every transaction of the service increments the generation in the cursor's row. The log
//! holds the newest value. The database alone holds an older one, but at least the value at
//! the last complete checkpoint, which the row names too. A database outside of this range
//! was not the one that the log was written for, and SQLite would mix both: it is refused.
//!
//! A sidecar file holds the generation of the last complete checkpoint and the database's
//! inode. A store that does not match it is a copy, perhaps of files that were being
//! written: it is checked as a whole once. It then continues at a much higher generation, so
//! that a file of its earlier life does not match its log. On a file system that gives a file
//! another inode at each mount, every first start after a mount checks the whole store.
//!
//! Does not know the sink. Changes nothing while it compares.

use super::file::sink_error;
use super::names::{file_id, index_of, log_of};
use crate::base::checked::{checked_line, with_checksum};
use crate::base::file::{Rights, read_at_most, replace, with_suffix};
use crate::deliver::SinkError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of a log without a transaction: its header.
pub(super) const LOG_HEADER_BYTES: u64 = 32;
/// The least distance between two lives of a store; more transactions than one life has.
const JUMP_MIN: i64 = 1 << 32;
const JUMP_MAX: i64 = 1 << 40;
const SIDECAR_BYTES_MAX: u64 = 256;
/// Kept in the path of a URI.
const PATH: AsciiSet = NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

const SELECT: &str = "SELECT generation, checkpointed, schema_version, \
                      (SELECT schema_version FROM pragma_schema_version) FROM cursor";

/// The generation in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation {
    pub(super) current: i64,
    /// The database without its log has at least this one.
    pub(super) checkpointed: i64,
    /// Whether SQLite has changed the schema or rearranged the file since.
    is_rearranged: bool,
}

impl Generation {
    /// The generation of an open store.
    pub(super) fn read(store: &Connection) -> rusqlite::Result<Self> {
        store.query_row(SELECT, [], |row| {
            let (noted, now): (i64, i64) = (row.get(2)?, row.get(3)?);
            Ok(Self { current: row.get(0)?, checkpointed: row.get(1)?, is_rearranged: noted != now })
        })
    }

    /// Whether a store with this generation continues the one that had `earlier`.
    pub(super) fn continues(self, earlier: i64) -> bool {
        is_same_life(earlier, self.current)
    }
}

fn is_same_life(earlier: i64, later: i64) -> bool {
    (earlier..earlier.saturating_add(JUMP_MIN)).contains(&later)
}

/// The generation at which a copy continues.
pub(super) fn after_copy(current: i64) -> i64 {
    current.saturating_add(fastrand::i64(JUMP_MIN..JUMP_MAX))
}

/// The database without its log.
#[derive(Debug)]
enum Alone {
    /// It has no tables yet: everything is in the log.
    Empty,
    At(Generation),
    /// A checkpoint was interrupted, or it is no store.
    Unreadable,
}

/// Refuses a log that was written for another database than the one with the store's name.
/// Nothing is changed. Works also while the service writes to the store.
///
/// # Errors
/// A foreign log, with the names of the files to remove; or files that cannot be read.
pub fn refuse_foreign_log(file: &Path) -> Result<(), SinkError> {
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    // SQLite removes the log beside an empty database.
    if bytes(&log_of(file)) <= LOG_HEADER_BYTES || bytes(file) == 0 {
        return Ok(());
    }
    match belongs(file) {
        Ok(true) => Ok(()),
        Ok(false) => Err(foreign_log(file)),
        Err(error) if is_about_the_contents(&error) => Err(foreign_log(file)),
        Err(error) => Err(sink_error(file, &error)),
    }
}

/// Whether the log was written for the database.
fn belongs(file: &Path) -> rusqlite::Result<bool> {
    // The first start may have ended before its first commit: then the log has no tables either.
    if matches!(alone(file), Alone::Empty) {
        return Ok(true);
    }
    let store = with_log(file)?;
    let mut newest = Generation::read(&store)?;
    loop {
        let belongs = match alone(file) {
            Alone::Empty => true,
            Alone::At(base) if !(newest.checkpointed..=newest.current).contains(&base.current) => false,
            Alone::At(base) if !base.is_rearranged => true,
            Alone::At(_) | Alone::Unreadable => integrity_fault(&store)?.is_none(),
        };
        let compared_with = std::mem::replace(&mut newest, Generation::read(&store)?);
        // A commit in between may be in the database already.
        if belongs || newest == compared_with {
            return Ok(belongs);
        }
    }
}

fn foreign_log(file: &Path) -> SinkError {
    SinkError::blocked(format!(
        "the log {log} was written for another file than {file}, so one of them was replaced, for example by a copy of \
         the store. To continue with the copy, remove {log} and {index}; to fill a new store from the journal, move all \
         three files away. `meterline store restore COPY` replaces a store correctly",
        log = log_of(file).display(),
        index = index_of(file).display(),
        file = file.display(),
    ))
}

/// Whether the error says that the files do not fit together, rather than that they cannot
/// be read now.
fn is_about_the_contents(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase | Unknown))
        || matches!(error, rusqlite::Error::QueryReturnedNoRows | rusqlite::Error::InvalidColumnType(..))
}

/// The store with its log, which stays as it is when the connection is closed.
pub(super) fn with_log(file: &Path) -> rusqlite::Result<Connection> {
    let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    leave_log(&store)?;
    Ok(store)
}

/// Keeps SQLite from emptying and removing the log when the connection is closed.
pub(super) fn leave_log(store: &Connection) -> rusqlite::Result<()> {
    store.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(|_| ())
}

fn alone(file: &Path) -> Alone {
    let read = || -> rusqlite::Result<Alone> {
        let path = utf8_percent_encode(&file.to_string_lossy(), &PATH).to_string();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // An immutable file has no log.
        let store = Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?;
        let tables: i64 = store.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            return Ok(Alone::Empty);
        }
        Generation::read(&store).map(Alone::At)
    };
    read().unwrap_or(Alone::Unreadable)
}

/// The first fault that `PRAGMA integrity_check` finds.
pub(super) fn integrity_fault(store: &Connection) -> rusqlite::Result<Option<String>> {
    let first: Option<String> = store.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).optional()?;
    Ok(first.filter(|line| line != "ok"))
}

/// The file that names the database and its generation at the last complete checkpoint, or at
/// the start of its present life.
pub(super) fn sidecar_of(file: &Path) -> PathBuf {
    with_suffix(file, "-generation")
}

/// Whether the sidecar names this database and an earlier generation of it.
pub(super) fn is_recorded(file: &Path, generation: i64) -> bool {
    let text = read_at_most(&sidecar_of(file), SIDECAR_BYTES_MAX).ok().flatten();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    match (parse_sidecar(&text), file_id(file)) {
        (Some((recorded, inode)), Ok((_, own))) => inode == own && is_same_life(recorded, generation),
        _ => false,
    }
}

/// Writes the sidecar.
///
/// # Errors
/// When it cannot be written; then the next start checks the whole store.
pub(super) fn record(file: &Path, generation: i64) -> io::Result<()> {
    let (_, inode) = file_id(file)?;
    let text = with_checksum(&format!("generation {generation} inode {inode}"));
    replace(&sidecar_of(file), text.as_bytes(), SIDECAR_BYTES_MAX, Rights::PRIVATE)
}

fn parse_sidecar(text: &str) -> Option<(i64, u64)> {
    let line = checked_line(text.strip_suffix('\n')?)?;
    let (generation, inode) = line.strip_prefix("generation ")?.split_once(" inode ")?;
    Some((generation.parse().ok()?, inode.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::checked::every_flip;

    #[test]
    fn a_sidecar_that_is_torn_or_foreign_names_nothing() {
        let written = with_checksum("generation 7 inode 9");
        assert_eq!(parse_sidecar(&written), Some((7, 9)));
        for text in ["generation 7", "generation x inode 9", "inode 9 generation 7"] {
            assert_eq!(parse_sidecar(&with_checksum(text)), None, "{text:?}");
        }
        for flipped in every_flip(written.as_bytes()) {
            assert_eq!(parse_sidecar(&String::from_utf8_lossy(&flipped)), None, "{flipped:?}");
        }
    }

    #[test]
    fn a_copy_continues_in_another_life() {
        for current in [1, i64::MAX / 4] {
            let later = after_copy(current);
            assert!(later > current && !is_same_life(current, later));
        }
        assert!(is_same_life(5, 5) && is_same_life(5, 6) && !is_same_life(5, 4));
    }
}
