//! The times of the fresh samples of each meter.
//!
//! The fresh samples are in the order of time. This list leads to the samples of one meter without reading the others. It
//! has one entry for all samples of a meter and a time: a fraction of their size, so it costs a commit few pages.
//!
//! Invariant: it has exactly the meters and times of the fresh samples; both are written by the same transaction.

use super::periods::{FRESH, Key, table};
use rusqlite::Connection;

/// Adds the times of fresh samples, which are sorted by time and meter.
pub(super) fn add(store: &Connection, keys: impl Iterator<Item = Key>) -> rusqlite::Result<()> {
    let mut add = store.prepare_cached("INSERT OR IGNORE INTO fresh_times (meter, ts) VALUES (?1, ?2)")?;
    let mut last = None;
    for Key { meter, ts, .. } in keys {
        if last.replace((meter, ts)) != Some((meter, ts)) {
            add.execute([meter, ts])?;
        }
    }
    Ok(())
}

/// Lists the times again, after samples were taken out. In a new order of the pages few of them are half empty.
pub(super) fn rebuild(store: &Connection) -> rusqlite::Result<()> {
    store.execute("DELETE FROM fresh_times", [])?;
    let sql = format!("INSERT INTO fresh_times SELECT DISTINCT meter, ts FROM {} ORDER BY meter, ts", table(FRESH));
    store.execute(&sql, []).map(drop)
}
