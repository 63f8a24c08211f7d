//! Cursors: a sink's durable position in the journal, stored beside the segments.
//!
//! A text file of one line each, replaced as a whole. A stored cursor pins the records
//! it still needs. A cursor that was never stored pins nothing, so each reader stores
//! one at its first start. A damaged file pins everything until it is stored again.

use super::disk::{self, SharedDisk};
use super::place::Place;
use super::{CursorError, JournalId, Position, Sequence};
use crate::base::checked::{checked_line, with_checksum};
use crate::reading::UnixNanos;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

const FILE_PREFIX: &str = "cursor-";
const NAME_BYTES_MAX: usize = 64;
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The durable position of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The reader's name.
    pub name: String,
    /// The lowest record still to be delivered.
    pub position: Position,
    /// When it was stored.
    pub updated: UnixNanos,
    /// The reader's own note: one line, or empty.
    pub note: String,
}

impl Cursor {
    /// A cursor at a position, without a note.
    pub fn at(name: impl Into<String>, position: Position, now: UnixNanos) -> Self {
        Self { name: name.into(), position, updated: now, note: String::new() }
    }

    fn to_text(&self) -> String {
        let Position { journal, next } = self.position;
        with_checksum(&format!("cursor {journal} {next} {} {}", self.updated.0, self.note.replace('\n', " ")))
    }

    fn parse(name: &str, text: &str) -> Option<Self> {
        let mut words = checked_line(text.strip_suffix('\n')?)?.strip_prefix("cursor ")?.splitn(4, ' ');
        let journal = JournalId(words.next()?.parse().ok()?);
        let next = Sequence(words.next()?.parse().ok()?);
        let updated = UnixNanos(words.next()?.parse().ok()?);
        let note = words.next()?.to_owned();
        Some(Self { name: name.to_owned(), position: Position { journal, next }, updated, note })
    }
}

/// All cursors of a journal.
#[derive(Debug)]
pub struct Cursors {
    disk: SharedDisk,
    /// `None` for a damaged file.
    known: Mutex<BTreeMap<String, Option<Cursor>>>,
    /// Held while a file is written, so that two writes of a name cannot mix.
    writing: Mutex<()>,
    /// The place of an open journal: no cursor is written to another one.
    place: Option<Arc<Place>>,
}

impl Cursors {
    /// Reads all cursor files.
    pub(super) fn read(disk: SharedDisk) -> io::Result<Self> {
        let mut known = BTreeMap::new();
        for file_name in disk.names()? {
            let Some(name) = file_name.strip_prefix(FILE_PREFIX).filter(|name| is_name(name)) else { continue };
            if let Some(bytes) = disk::read_whole(&*disk, &file_name, FILE_BYTES_MAX)? {
                let text = String::from_utf8_lossy(&bytes);
                known.insert(name.to_owned(), Cursor::parse(name, &text));
            }
        }
        Ok(Self { disk, known: Mutex::new(known), writing: Mutex::new(()), place: None })
    }

    /// The same for an open journal.
    pub(super) fn at(self, place: Arc<Place>) -> Self {
        Self { place: Some(place), ..self }
    }

    /// The cursor of that name, if one was ever stored.
    ///
    /// # Errors
    /// [`CursorError::Damaged`] if its file is damaged.
    pub fn load(&self, name: &str) -> Result<Option<Cursor>, CursorError> {
        match self.known.lock().get(name) {
            None => Ok(None),
            Some(Some(cursor)) => Ok(Some(cursor.clone())),
            Some(None) => {
                let directory = self.disk.path().to_owned();
                Err(CursorError::Damaged { directory, file: format!("{FILE_PREFIX}{name}") })
            }
        }
    }

    /// Makes a cursor durable: file, sync, rename, directory. Callers do this at
    /// most once a second.
    ///
    /// # Errors
    /// An invalid name, or a failing disk. A crash may then leave the old cursor or the new
    /// one, so the lower of the two is the known one: it pins the records that either needs.
    pub fn store(&self, cursor: &Cursor) -> Result<(), CursorError> {
        if !is_name(&cursor.name) {
            return Err(CursorError::Name { name: cursor.name.clone(), bytes_max: NAME_BYTES_MAX });
        }
        let _writing = self.writing.lock();
        let file = format!("{FILE_PREFIX}{}", cursor.name);
        if let Some(moved) = self.place.as_ref().and_then(|place| place.moved()) {
            return Err(self.io(&file, &io::Error::other(moved)));
        }
        let stored = disk::replace(&*self.disk, &file, cursor.to_text().as_bytes(), FILE_BYTES_MAX);
        let mut known = self.known.lock();
        let is_lowest =
            |known: &Option<Cursor>| known.as_ref().is_none_or(|it| it.position.next <= cursor.position.next);
        if stored.is_ok() || !known.get(&cursor.name).is_some_and(is_lowest) {
            known.insert(cursor.name.clone(), Some(cursor.clone()));
        }
        stored.map_err(|error| self.io(&file, &error))
    }

    /// Removes a cursor, its checkpoints and its sink's id, so that it pins nothing any more. Returns
    /// whether there was one.
    ///
    /// # Errors
    /// A failing disk.
    pub fn forget(&self, name: &str) -> Result<bool, CursorError> {
        if !self.known.lock().contains_key(name) {
            return Ok(false);
        }
        let _writing = self.writing.lock();
        let file = format!("{FILE_PREFIX}{name}");
        let removed = [super::checkpoints::FILE_PREFIX, super::sink_id::FILE_PREFIX, FILE_PREFIX]
            .iter()
            .try_for_each(|prefix| disk::remove_if_there(&*self.disk, &format!("{prefix}{name}")))
            .and_then(|()| self.disk.sync_names());
        removed.map_err(|error| self.io(&file, &error))?;
        self.known.lock().remove(name);
        Ok(true)
    }

    /// All cursors by name; `None` if the file is damaged.
    pub fn list(&self) -> Vec<(String, Option<Cursor>)> {
        self.known.lock().iter().map(|(name, cursor)| (name.clone(), cursor.clone())).collect()
    }

    pub(super) fn damaged(&self) -> Vec<String> {
        self.known.lock().iter().filter(|(_, cursor)| cursor.is_none()).map(|(name, _)| name.clone()).collect()
    }

    fn io(&self, file: &str, error: &io::Error) -> CursorError {
        CursorError::Io { directory: self.disk.path().to_owned(), file: file.to_owned(), detail: error.to_string() }
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}
