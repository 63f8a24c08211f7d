//! An example query on the embedded store, which shows the demo's user that data arrived.
//! Opens the file read-only, beside the running service. Does not know sinks.

#[cfg(test)]
mod tests;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};

/// The example query, which also runs in the `sqlite3` program.
pub const EXAMPLE: &str = "SELECT meter, obis, count(*) AS samples, round(avg(value), 2) AS mean, max(value) AS highest
FROM samples GROUP BY meter, obis ORDER BY meter, obis LIMIT 10";

/// The result of a query, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryResult {
    /// The column names.
    pub columns: Vec<String>,
    /// The rows, one cell per column.
    pub rows: Vec<Vec<String>>,
}

/// A store that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the store {file} cannot be read: {source}; check that a service has written it")]
pub struct QueryError {
    /// The file.
    pub file: PathBuf,
    /// SQLite's error.
    pub source: rusqlite::Error,
}

/// Runs [`EXAMPLE`].
///
/// # Errors
/// When the file cannot be read.
pub fn example(file: &Path) -> Result<QueryResult, QueryError> {
    let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY);
    store.and_then(|store| run_example(&store)).map_err(|source| QueryError { file: file.to_owned(), source })
}

fn run_example(store: &Connection) -> rusqlite::Result<QueryResult> {
    let mut statement = store.prepare(EXAMPLE)?;
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let row = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|column| row.get_ref(column).map(cell)).collect();
    let rows = statement.query_map([], row)?.collect::<rusqlite::Result<_>>()?;
    Ok(QueryResult { columns, rows })
}

fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}
