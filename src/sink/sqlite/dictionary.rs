//! Numbers for the repeated texts of rows: meters, codes, sources. They are stored in the
//! file, with a bounded cache in memory.

use rusqlite::{CachedStatement, Connection, params_from_iter};
use std::collections::HashMap;
use std::hash::Hash;

/// Entries cached at most; beyond it the cache is cleared, which only costs lookups.
const CACHED_MAX: usize = if cfg!(test) { 4 } else { 65_536 };

/// One dictionary table and its cache. `TEXTS` is the number of its text columns. The first is unique.
#[derive(Debug)]
pub(super) struct Dictionary<Key, const TEXTS: usize = 1> {
    select: &'static str,
    insert: &'static str,
    numbers: HashMap<Key, i64>,
}

impl<Key: Eq + Hash, const TEXTS: usize> Dictionary<Key, TEXTS> {
    /// A dictionary of a table; `select` takes the first text, `insert` all; both return the id.
    pub(super) fn new(select: &'static str, insert: &'static str) -> Self {
        Self { select, insert, numbers: HashMap::new() }
    }

    /// The number of a key; a new key gets one.
    pub(super) fn number(
        &mut self,
        store: &Connection,
        key: Key,
        texts: impl FnOnce() -> [String; TEXTS],
    ) -> rusqlite::Result<i64> {
        if let Some(number) = self.numbers.get(&key) {
            return Ok(*number);
        }
        let texts = texts();
        let number = match one(store.prepare_cached(self.select)?, &texts[..1])? {
            Some(number) => number,
            None => one(store.prepare_cached(self.insert)?, &texts)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?,
        };
        if self.numbers.len() >= CACHED_MAX {
            self.numbers.clear();
        }
        self.numbers.insert(key, number);
        Ok(number)
    }
}

fn one(mut statement: CachedStatement<'_>, texts: &[String]) -> rusqlite::Result<Option<i64>> {
    let mut rows = statement.query(params_from_iter(texts))?;
    rows.next()?.map(|row| row.get(0)).transpose()
}
