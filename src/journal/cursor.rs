//! Cursors: how far each sink is, durable beside the segments.
//!
//! One small text file each, replaced as a whole. A cursor that is stored pins
//! what it still needs; one that was never stored pins nothing, so whoever reads
//! stores one at its first start. A damaged file pins everything until it is
//! stored anew.

use super::disk::{self, SharedDisk};
use super::ledger::{checked_line, with_checksum};
use super::{CursorError, JournalId, Position, Sequence, locked};
use crate::reading::UnixNanos;
use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

const NOTE: &str = "note ";
const FILE_PREFIX: &str = "cursor-";
const NAME_BYTES_MAX: usize = 64;
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What is still to be delivered: from `next` on, up to and without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The journal of the record before `next`.
    pub journal: JournalId,
    /// The next record.
    pub next: Sequence,
    /// Where the range ends; open where it follows the journal.
    pub end: Option<Sequence>,
}

/// How far a reader is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Whose it is.
    pub name: String,
    /// What is still to be delivered, lowest first. One today; a live lane beside
    /// a backlog will be a second.
    pub ranges: Vec<Range>,
    /// When it was stored.
    pub updated: UnixNanos,
    /// What its owner keeps with it: one line, or nothing.
    pub note: String,
}

impl Cursor {
    /// A cursor that follows the journal from a position.
    #[must_use]
    pub fn at(name: impl Into<String>, position: Position, now: UnixNanos) -> Self {
        let range = Range { journal: position.journal, next: position.next, end: None };
        Self { name: name.into(), ranges: vec![range], updated: now, note: String::new() }
    }

    /// The lowest record still to be delivered.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.ranges.first().map(|range| Position { journal: range.journal, next: range.next })
    }

    fn to_text(&self) -> String {
        let mut text = with_checksum(&format!("updated {}", self.updated.0));
        for Range { journal, next, end } in &self.ranges {
            let end = end.map_or_else(|| "-".to_owned(), |end| end.to_string());
            text.push_str(&with_checksum(&format!("range {journal} {next} {end}")));
        }
        if !self.note.is_empty() {
            text.push_str(&with_checksum(&format!("{NOTE}{}", self.note.replace('\n', " "))));
        }
        text.push_str(&with_checksum(&format!("end {}", self.ranges.len())));
        text
    }

    fn parse(name: &str, text: &str) -> Option<Self> {
        let lines = text.lines().map(checked_line).collect::<Option<Vec<_>>>()?;
        let (first, rest) = lines.split_first()?;
        let (last, rest) = rest.split_last()?;
        let noted = rest.split_last().and_then(|(note, ranges)| Some((note.strip_prefix(NOTE)?, ranges)));
        let (note, ranges) = noted.unwrap_or(("", rest));
        let updated = UnixNanos(first.strip_prefix("updated ")?.parse().ok()?);
        let ranges = ranges.iter().map(|line| parse_range(line)).collect::<Option<Vec<_>>>()?;
        let whole = last.strip_prefix("end ")?.parse() == Ok(ranges.len()) && !ranges.is_empty();
        whole.then(|| Self { name: name.to_owned(), ranges, updated, note: note.to_owned() })
    }
}

fn parse_range(line: &str) -> Option<Range> {
    let mut words = line.strip_prefix("range ")?.split(' ');
    let journal = JournalId(words.next()?.parse().ok()?);
    let next = Sequence(words.next()?.parse().ok()?);
    let end = match words.next()? {
        "-" => None,
        end => Some(Sequence(end.parse().ok()?)),
    };
    words.next().is_none().then_some(Range { journal, next, end })
}

/// All cursors of a journal.
#[derive(Debug)]
pub struct Cursors {
    disk: SharedDisk,
    /// `None` for a damaged file.
    known: Mutex<BTreeMap<String, Option<Cursor>>>,
    /// Held while a file is written, so that two stores of a name cannot mix.
    writing: Mutex<()>,
}

impl Cursors {
    /// Reads every cursor file there is.
    pub(super) fn read(disk: SharedDisk) -> io::Result<Self> {
        let mut known = BTreeMap::new();
        for file_name in disk.names()? {
            let Some(name) = file_name.strip_prefix(FILE_PREFIX).filter(|name| is_name(name)) else { continue };
            if let Some(bytes) = disk::read_whole(&*disk, &file_name, FILE_BYTES_MAX)? {
                let text = String::from_utf8_lossy(&bytes);
                known.insert(name.to_owned(), Cursor::parse(name, &text));
            }
        }
        Ok(Self { disk, known: Mutex::new(known), writing: Mutex::new(()) })
    }

    /// The cursor of that name, if one was ever stored.
    ///
    /// # Errors
    /// [`CursorError::Damaged`] where its file is not what was written.
    pub fn load(&self, name: &str) -> Result<Option<Cursor>, CursorError> {
        match locked(&self.known).get(name) {
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
    /// A name that cannot be a file's, or a failing disk; the old cursor then stands.
    pub fn store(&self, cursor: &Cursor) -> Result<(), CursorError> {
        if !is_name(&cursor.name) {
            return Err(CursorError::Name { name: cursor.name.clone(), bytes_max: NAME_BYTES_MAX });
        }
        let _writing = locked(&self.writing);
        let file = format!("{FILE_PREFIX}{}", cursor.name);
        disk::replace(&*self.disk, &file, cursor.to_text().as_bytes()).map_err(|error| self.io(&file, &error))?;
        locked(&self.known).insert(cursor.name.clone(), Some(cursor.clone()));
        Ok(())
    }

    /// Removes a cursor and the checkpoints beside it, and with it what it pins.
    /// True if there was one.
    ///
    /// # Errors
    /// A failing disk.
    pub fn forget(&self, name: &str) -> Result<bool, CursorError> {
        if !locked(&self.known).contains_key(name) {
            return Ok(false);
        }
        let _writing = locked(&self.writing);
        let file = format!("{FILE_PREFIX}{name}");
        let checkpoints = format!("{}{name}", super::checkpoints::FILE_PREFIX);
        disk::remove_quietly(&*self.disk, &checkpoints);
        let removed = self.disk.remove(&file).and_then(|()| self.disk.sync_names());
        removed.map_err(|error| self.io(&file, &error))?;
        locked(&self.known).remove(name);
        Ok(true)
    }

    /// Every cursor by name; `None` where its file is damaged.
    #[must_use]
    pub fn list(&self) -> Vec<(String, Option<Cursor>)> {
        locked(&self.known).iter().map(|(name, cursor)| (name.clone(), cursor.clone())).collect()
    }

    pub(super) fn damaged(&self) -> Vec<String> {
        locked(&self.known).iter().filter(|(_, cursor)| cursor.is_none()).map(|(name, _)| name.clone()).collect()
    }

    fn io(&self, file: &str, error: &io::Error) -> CursorError {
        CursorError::Io { directory: self.disk.path().to_owned(), file: file.to_owned(), detail: error.to_string() }
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}
