//! What is read back from the embedded store: for the demo and for whoever wants
//! to see that something arrived. Opens the file for reading only, beside the
//! running service; knows nothing of sinks.

#[cfg(test)]
mod tests;

use crate::reading::{Obis, UnixNanos};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, OpenFlags, Row};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The query shown after the demo.
const EXAMPLE: &str = "SELECT meter, obis, count(*) AS samples, round(avg(value), 2) AS mean, max(value) AS highest
FROM samples GROUP BY meter, obis ORDER BY meter, obis LIMIT 10";
/// Between the columns of a shown result.
const GAP: &str = "  ";

/// A query and what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// To be tried with the `sqlite3` program.
    pub sql: &'static str,
    /// Its result as a table of text.
    pub result: String,
}

/// A stored sample.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSample {
    /// Whose, as text.
    pub meter: String,
    /// Which register.
    pub obis: Obis,
    /// When it was measured.
    pub at: UnixNanos,
    /// In the registry's base unit.
    pub value: f64,
    /// Who brought it.
    pub source: String,
    /// When it was received.
    pub received: UnixNanos,
}

/// Why a store could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the store {file} cannot be read: {source}; is it the file of a service that has run?")]
pub struct QueryError {
    /// The file.
    pub file: PathBuf,
    /// What SQLite said.
    pub source: rusqlite::Error,
}

/// How many samples are stored.
///
/// # Errors
/// When the file cannot be read.
pub fn count(file: &Path) -> Result<u64, QueryError> {
    let counted =
        open(file).and_then(|store| store.query_row("SELECT count(*) FROM samples_data", [], |row| row.get(0)));
    let count: i64 = counted.map_err(|source| failed(file, source))?;
    Ok(count.unsigned_abs())
}

/// The newest samples of a meter, newest first, at most `limit`.
///
/// # Errors
/// When the file cannot be read.
pub fn newest(file: &Path, meter: &str, limit: u32) -> Result<Vec<StoredSample>, QueryError> {
    let read = || -> rusqlite::Result<Vec<StoredSample>> {
        let store = open(file)?;
        let mut statement = store.prepare(
            "SELECT meter, obis, ts, value, source, received FROM samples WHERE meter = ?1 ORDER BY ts DESC, obis LIMIT ?2",
        )?;
        let samples = statement.query_map((meter, limit), stored_sample)?;
        samples.collect()
    };
    read().map_err(|source| failed(file, source))
}

/// An example query with its result.
///
/// # Errors
/// When the file cannot be read.
pub fn example(file: &Path) -> Result<Shown, QueryError> {
    let result = open(file).and_then(|store| text_table(&store, EXAMPLE)).map_err(|source| failed(file, source))?;
    Ok(Shown { sql: EXAMPLE, result })
}

fn failed(file: &Path, source: rusqlite::Error) -> QueryError {
    QueryError { file: file.to_owned(), source }
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn stored_sample(row: &Row<'_>) -> rusqlite::Result<StoredSample> {
    let obis: String = row.get(1)?;
    let obis =
        obis.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, Box::new(error)))?;
    Ok(StoredSample {
        meter: row.get(0)?,
        obis,
        at: UnixNanos(row.get(2)?),
        value: row.get(3)?,
        source: row.get(4)?,
        received: UnixNanos(row.get(5)?),
    })
}

/// The result of a query, its columns aligned: numbers to the right.
fn text_table(store: &Connection, sql: &str) -> rusqlite::Result<String> {
    let mut statement = store.prepare(sql)?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let columns = names.len();
    let mut lines = vec![names];
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        lines.push((0..columns).map(|column| cell(row, column)).collect::<rusqlite::Result<_>>()?);
    }
    let widths: Vec<usize> =
        (0..columns).map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for line in &lines {
        for (cell, &width) in line.iter().zip(&widths) {
            let is_number = cell.parse::<f64>().is_ok();
            // Writing to a string cannot fail.
            if is_number { write!(text, "{cell:>width$}{GAP}") } else { write!(text, "{cell:<width$}{GAP}") }.ok();
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    Ok(text)
}

fn cell(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    })
}
