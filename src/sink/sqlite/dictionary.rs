//! Numbers for what repeats in every row: meters, codes, sources. They are in the
//! file; what was asked for lately is in memory, bounded.

use rusqlite::{CachedStatement, Connection};
use std::collections::HashMap;
use std::hash::Hash;

/// Entries remembered; beyond it the memory begins anew, which costs look-ups only.
const CACHED_MAX: usize = if cfg!(test) { 4 } else { 65_536 };

/// Numbers of one dictionary table that were asked for lately.
#[derive(Debug)]
pub(super) struct Dictionary<Key> {
    select: &'static str,
    insert: &'static str,
    numbers: HashMap<Key, i64>,
}

impl<Key: Eq + Hash> Dictionary<Key> {
    /// Of a table; both statements take the text, and `insert` returns the id.
    pub(super) fn new(select: &'static str, insert: &'static str) -> Self {
        Self { select, insert, numbers: HashMap::new() }
    }

    /// The number of a key, given one where it has none.
    pub(super) fn number(
        &mut self,
        store: &Connection,
        key: Key,
        text: impl FnOnce() -> String,
    ) -> rusqlite::Result<i64> {
        if let Some(number) = self.numbers.get(&key) {
            return Ok(*number);
        }
        let text = text();
        let number = match one(store.prepare_cached(self.select)?, &text)? {
            Some(number) => number,
            None => one(store.prepare_cached(self.insert)?, &text)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?,
        };
        if self.numbers.len() >= CACHED_MAX {
            self.numbers.clear();
        }
        self.numbers.insert(key, number);
        Ok(number)
    }

    /// Forgets everything: after a transaction that was not committed its numbers are not in the file.
    pub(super) fn forget(&mut self) {
        self.numbers.clear();
    }
}

fn one(mut statement: CachedStatement<'_>, text: &str) -> rusqlite::Result<Option<i64>> {
    let mut rows = statement.query([text])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}
