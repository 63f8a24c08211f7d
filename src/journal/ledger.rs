//! Ledgers: two small lists that records refer to by number, sources and rule versions.
//!
//! Text, one entry per line; an entry's number is its line number. Entries are only
//! added. A new entry is durable before its number is used. The file is replaced as a
//! whole (temporary file, sync, rename), not appended to: additions are rare, so no line
//! can be torn and no handle is synced again after a failed sync. Therefore any invalid
//! line is damage and refused.

use super::disk::{self, SharedDisk};
use super::{LedgerError, RuleVersion, SourceId};
use crate::base::checked::{checked_line, with_checksum};
use crate::reading::{Limits, UnixNanos};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Names and limits of many thousand changes of the configuration.
pub(super) const FILE_BYTES_MAX: u64 = if cfg!(test) { 16 << 10 } else { 64 << 20 };
const SOURCE_NAME_BYTES_MAX: usize = 256;

/// An entry of a ledger.
pub(super) trait Entry: Clone + Eq + Hash {
    const FILE: &str;
    fn to_line(&self) -> String;
    fn parse(line: &str) -> Option<Self>;
}

/// An append-only list; numbers begin at 1.
#[derive(Debug)]
pub(super) struct Ledger<E> {
    disk: SharedDisk,
    /// Held briefly, never across a write.
    list: Mutex<List<E>>,
    /// One write at a time.
    writing: Mutex<()>,
}

#[derive(Debug)]
struct List<E> {
    entries: Vec<E>,
    numbers: HashMap<E, u32>,
    text: String,
}

impl<E: Entry> Ledger<E> {
    pub(super) fn read(disk: SharedDisk) -> Result<Self, LedgerError> {
        let bytes = disk::read_whole(&*disk, E::FILE, FILE_BYTES_MAX).map_err(|source| io(&disk, E::FILE, source))?;
        let damaged = |line| LedgerError::Damaged { directory: disk.path().to_owned(), file: E::FILE.to_owned(), line };
        let text = String::from_utf8(bytes.unwrap_or_default()).map_err(|_| damaged(1))?;
        let mut list = List { entries: Vec::new(), numbers: HashMap::new(), text: String::new() };
        for line in text.split_inclusive('\n') {
            let entry = line.strip_suffix('\n').and_then(checked_line).and_then(E::parse);
            list.push(entry.ok_or_else(|| damaged(list.entries.len() + 1))?);
        }
        Ok(Self { disk, list: Mutex::new(list), writing: Mutex::default() })
    }

    /// The entry's number; a new entry is durable on return.
    pub(super) fn number_of(&self, entry: &E) -> Result<u32, LedgerError> {
        if let Some(number) = self.known(entry) {
            return Ok(number);
        }
        let _writing = self.writing.lock();
        // Another thread may have added it meanwhile.
        if let Some(number) = self.known(entry) {
            return Ok(number);
        }
        self.append(std::slice::from_ref(entry))
    }

    /// Makes new entries durable, all with one write.
    fn add_all(&self, entries: impl IntoIterator<Item = E>) -> Result<(), LedgerError> {
        let _writing = self.writing.lock();
        let mut seen = HashSet::new();
        let new: Vec<E> =
            entries.into_iter().filter(|it| self.known(it).is_none() && seen.insert(it.clone())).collect();
        if new.is_empty() { Ok(()) } else { self.append(&new).map(drop) }
    }

    /// Writes new entries; the number of the last one. The caller holds `writing`.
    fn append(&self, new: &[E]) -> Result<u32, LedgerError> {
        let added: String = new.iter().map(|entry| with_checksum(&entry.to_line())).collect();
        let text = self.list.lock().text.clone() + &added;
        disk::replace(&*self.disk, E::FILE, text.as_bytes(), FILE_BYTES_MAX)
            .map_err(|source| io(&self.disk, E::FILE, source))?;
        let mut list = self.list.lock();
        Ok(new.iter().map(|entry| list.push(entry.clone())).last().unwrap_or_default())
    }

    fn known(&self, entry: &E) -> Option<u32> {
        self.list.lock().numbers.get(entry).copied()
    }

    pub(super) fn get(&self, number: u32) -> Option<E> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.list.lock().entries.get(index).cloned()
    }
}

impl<E: Entry> List<E> {
    fn push(&mut self, entry: E) -> u32 {
        self.text.push_str(&with_checksum(&entry.to_line()));
        self.entries.push(entry.clone());
        let number = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.numbers.insert(entry, number);
        number
    }
}

fn io(disk: &SharedDisk, file: &str, source: std::io::Error) -> LedgerError {
    LedgerError::Io { directory: disk.path().to_owned(), file: file.to_owned(), source }
}

/// A source's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SourceName(pub(super) std::sync::Arc<str>);

impl SourceName {
    pub(super) fn new(name: &str) -> Result<Self, LedgerError> {
        if name.is_empty() || name.len() > SOURCE_NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(LedgerError::Name { name: name.to_owned(), bytes_max: SOURCE_NAME_BYTES_MAX });
        }
        Ok(Self(name.into()))
    }
}

impl Entry for SourceName {
    const FILE: &str = "sources";

    fn to_line(&self) -> String {
        self.0.to_string()
    }

    fn parse(line: &str) -> Option<Self> {
        Self::new(line).ok()
    }
}

impl Entry for Limits {
    const FILE: &str = "rules";

    fn to_line(&self) -> String {
        let Self { code_revision, earliest, ahead_ns_max, age_ns_max } = self;
        format!("revision {code_revision} earliest {} ahead {ahead_ns_max} age {age_ns_max}", earliest.0)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let mut field = |name: &str| words.next().filter(|word| *word == name).and_then(|_| words.next());
        let limits = Self {
            code_revision: field("revision")?.parse().ok()?,
            earliest: UnixNanos(field("earliest")?.parse().ok()?),
            ahead_ns_max: field("ahead")?.parse().ok()?,
            age_ns_max: field("age")?.parse().ok()?,
        };
        words.next().is_none().then_some(limits)
    }
}

/// The ledger of sources in the journal's terms.
impl Ledger<SourceName> {
    pub(super) fn source_id(&self, name: &str) -> Result<SourceId, LedgerError> {
        SourceName::new(name).and_then(|name| self.number_of(&name)).map(SourceId)
    }

    /// Adds the names that are new, all with one write.
    pub(super) fn add_sources<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), LedgerError> {
        let names = names.into_iter().map(SourceName::new);
        self.add_all(names.collect::<Result<Vec<_>, _>>()?)
    }
}

/// The ledger of rules in the journal's terms.
impl Ledger<Limits> {
    pub(super) fn rule_version(&self, limits: &Limits) -> Result<RuleVersion, LedgerError> {
        self.number_of(limits).map(RuleVersion)
    }
}
