//! Deletes a meter from the store: `meterline store forget`.
//!
//! Its samples, quarter-hours, corrections and descriptions are deleted in one transaction. Then the file is written
//! again, because SQLite leaves deleted rows in free pages. No service may have the store open.

use super::file::{connect, sink_error};
use super::generation::{Generation, record, refuse_foreign_log};
use super::log::Checkpoint;
use crate::reading::MeterId;
use rusqlite::Connection;
use std::path::Path;

/// The tables of samples, with those that are emptied or copied.
const SAMPLE_TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'samples_[0-9]*'";

/// Deletes everything that the store in `file` has of a meter. Returns the number of its samples.
///
/// # Errors
/// A message with the reason and the remedy; the store is then as it was, or at most larger than needed.
pub fn forget(file: &Path, meter: MeterId) -> Result<u64, String> {
    if !file.exists() {
        return Ok(0);
    }
    refuse_foreign_log(file).map_err(|error| error.message)?;
    let (store, _) = connect(file).map_err(|error| error.message)?;
    let deleted = delete(&store, &meter.to_string()).and_then(|samples| {
        store.execute_batch("VACUUM")?;
        Checkpoint::Empty.make(&store)?;
        Ok((samples, Generation::read(&store)?))
    });
    let (samples, generation) = deleted.map_err(|error| sink_error(file, &error).message)?;
    record(file, generation.current).map_err(|error| format!("{} cannot be noted: {error}", file.display()))?;
    Ok(samples)
}

fn delete(store: &Connection, meter: &str) -> rusqlite::Result<u64> {
    let transaction = store.unchecked_transaction()?;
    let tables: Vec<String> =
        transaction.prepare(SAMPLE_TABLES)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let from = |table: &str| {
        let sql = format!("DELETE FROM {table} WHERE meter = (SELECT id FROM meter_ids WHERE uuid = ?1)");
        transaction.execute(&sql, [meter])
    };
    let mut samples = 0;
    for table in tables {
        samples += from(&table)? as u64;
    }
    for table in ["fresh_times", "series", "corrections"] {
        from(table)?;
    }
    let quarter_hours = i64::try_from(from("rollups")?).unwrap_or(i64::MAX);
    transaction.execute("UPDATE rollup_search SET number = number - ?1", [quarter_hours])?;
    transaction.execute("DELETE FROM meters WHERE meter = ?1", [meter])?;
    transaction.execute("DELETE FROM meter_ids WHERE uuid = ?1", [meter])?;
    transaction.commit()?;
    Ok(samples)
}
