//! Puts a copy in the place of the store: `meterline store restore`.
//!
//! The copy is checked before anything is changed. The present files are kept beside it. A
//! kill at any point leaves the present store, the copy, or no store, which is then filled
//! from the journal: never a mixture.

use super::file::sink_error;
use super::generation::{Generation, integrity_fault, record, refuse_foreign_log, sidecar_of};
use super::log::Checkpoint;
use super::names::{index_of, log_of};
use super::write::read_cursor;
use crate::base::file::{sync_directory_of, with_suffix};
use crate::journal::Sequence;
use rusqlite::Connection;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A restored store.
#[derive(Debug)]
pub struct Restored {
    /// The first record of the journal that the copy lacks.
    pub next: Sequence,
    /// The file that was the store before, if there was one; its log has the same name with
    /// `-wal`.
    pub replaced: Option<PathBuf>,
}

/// Replaces the store `file` by `copy`, with the log `copy-wal` if that exists. No service may
/// have the store open.
///
/// # Errors
/// A message with the reason and the remedy; the present store is then as it was, or the message
/// says where it is.
pub fn restore(copy: &Path, file: &Path) -> Result<Restored, String> {
    let new = with_suffix(file, ".restoring");
    let result = prepare(copy, &new).and_then(|next| exchange(&new, file).map(|replaced| Restored { next, replaced }));
    if result.is_err() {
        remove_all(&new).ok();
    }
    result
}

/// Copies the copy beside the store, and checks it there.
fn prepare(copy: &Path, new: &Path) -> Result<Sequence, String> {
    if !copy.is_file() {
        return Err(format!("{} is not a file; give the copy of the store", copy.display()));
    }
    remove_all(new).map_err(|error| failed(new, &error))?;
    copy_file(copy, new).map_err(|error| failed(new, &error))?;
    let log = log_of(copy);
    if log.exists() {
        copy_file(&log, &log_of(new)).map_err(|error| failed(new, &error))?;
    }
    refuse_foreign_log(new).map_err(|_| not_consistent(copy, "its log was written for another file"))?;
    let checked = Connection::open(new).and_then(|store| {
        let fault = integrity_fault(&store)?;
        let (cursor, generation) = (read_cursor(&store)?, Generation::read(&store)?);
        Checkpoint::Empty.make(&store)?;
        store.close().map_err(|(_, error)| error)?;
        Ok((fault, cursor, generation))
    });
    match checked {
        Ok((None, cursor, generation)) => {
            remove_if_there(&log_of(new))
                .and_then(|()| remove_if_there(&index_of(new)))
                .map_err(|error| failed(new, &error))?;
            File::open(new).and_then(|file| file.sync_all()).map_err(|error| failed(new, &error))?;
            record(new, generation.current).map_err(|error| failed(new, &error))?;
            Ok(cursor.next)
        }
        Ok((Some(fault), ..)) => Err(not_consistent(copy, &fault)),
        Err(error) => Err(sink_error(copy, &error).message),
    }
}

fn not_consistent(copy: &Path, fault: &str) -> String {
    format!(
        "{} is not a usable copy of a store ({fault}). Files that are being written cannot be copied one by one: make \
         copies with `sqlite3 STORE \".backup COPY\"`, or with the service stopped",
        copy.display()
    )
}

/// Moves the present files aside and the new one to their place. After an error the present
/// files are moved back.
fn exchange(new: &Path, file: &Path) -> Result<Option<PathBuf>, String> {
    let aside = with_suffix(file, ".replaced");
    remove_all(&aside).map_err(|error| failed(file, &error))?;
    let replaced = file.exists();
    let exchanged = if replaced { move_store(file, &aside) } else { Ok(()) }.and_then(|()| place(new, file));
    match exchanged {
        Ok(()) => Ok(replaced.then_some(aside)),
        Err(error) if !replaced => Err(failed(file, &error)),
        Err(error) => Err(match move_store(&aside, file).and_then(|()| sync_directory_of(file)) {
            Ok(()) => failed(file, &error),
            Err(left) => format!(
                "{}. The store before could not be moved back ({left}): it is {aside}, and its log and sidecar begin \
                 with the same name; move all of them back",
                failed(file, &error),
                aside = aside.display(),
            ),
        }),
    }
}

/// Moves the database, its log and its sidecar, as far as they exist. The database is first:
/// without its log it is an earlier state of the store.
fn move_store(from: &Path, to: &Path) -> io::Result<()> {
    for (from, to) in [(from.to_owned(), to.to_owned()), (log_of(from), log_of(to)), (sidecar_of(from), sidecar_of(to))]
    {
        match fs::rename(from, to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn place(new: &Path, file: &Path) -> io::Result<()> {
    remove_all(file)?;
    fs::rename(sidecar_of(new), sidecar_of(file))?;
    fs::rename(new, file)?;
    sync_directory_of(file)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o600))
}

/// Removes a store with everything that belongs to it.
fn remove_all(file: &Path) -> io::Result<()> {
    [file.to_owned(), log_of(file), index_of(file), sidecar_of(file)].iter().try_for_each(|path| remove_if_there(path))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn failed(file: &Path, error: &io::Error) -> String {
    format!("the store {} cannot be replaced: {error}; check the permissions and the free space", file.display())
}
