//! Compares the stores with the answers: every reading of a body that was answered with 200 must be in each
//! store with its values, once and in the order of its meter, and nothing else.
//!
//! A table is asked for number, first and last time and the sum of the values of each meter; values are
//! pseudo-random whole numbers, so sums are exact and other rows give another sum. A meter that differs
//! is read row by row. Kafka's topic is read whole.
//!
//! A body without an answer may be in a store or not, but not twice. A refused one must not be there.

mod table;
mod topic;

use crate::body::{self, Ticks, VALUES};
use crate::fleet::Lane;
use crate::servers::Stores;
use rusqlite::types::ValueRef;
use std::collections::BTreeSet;
use std::path::Path;
use table::Table;

pub use topic::kafka;

/// Samples of a store, against the answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// In the store.
    pub samples: u64,
    /// Answered with 200, but not in the store or with another value.
    pub lost: u64,
    /// In the store, but neither answered nor without an answer.
    pub invented: u64,
    /// In the store once more.
    pub duplicated: u64,
    /// Behind a later sample of their meter.
    pub reordered: u64,
}

impl Found {
    /// Whether the store has the answered samples and no other.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.lost == 0 && self.invented == 0
    }
}

/// The rows of QuestDB's table against the answers.
///
/// # Errors
/// If QuestDB does not answer as it should.
pub fn questdb(stores: &Stores, table: &str, lanes: &[Lane]) -> Result<Found, String> {
    stores.query(&format!("SELECT wait_wal_table('{table}')"))?;
    let query = |sql: &str| stores.query(sql);
    Table { name: format!("\"{table}\""), query: &query }.compare(&Answered::of(lanes))
}

/// The samples of an embedded store against the answers.
///
/// # Errors
/// If the file cannot be read.
pub fn sqlite(file: &Path, lanes: &[Lane]) -> Result<Found, String> {
    let failed = |error: rusqlite::Error| format!("{}: {error}", file.display());
    let store =
        rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    let query = |sql: &str| lines_of(&store, sql).map_err(failed);
    Table { name: "samples".to_owned(), query: &query }.compare(&Answered::of(lanes))
}

/// The rows of a query as lines, with commas between the cells.
fn lines_of(store: &rusqlite::Connection, sql: &str) -> Result<Vec<String>, rusqlite::Error> {
    let mut statement = store.prepare(sql)?;
    let columns = statement.column_count();
    let line = |row: &rusqlite::Row<'_>| {
        let cells: Result<Vec<String>, _> = (0..columns).map(|column| row.get_ref(column).map(text_of)).collect();
        cells.map(|cells| cells.join(","))
    };
    statement.query_map([], line)?.collect()
}

fn text_of(cell: ValueRef<'_>) -> String {
    match cell {
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

/// A lane with its times in order.
struct Answered<'a> {
    lane: &'a Lane,
    accepted: Vec<Ticks>,
    unanswered: BTreeSet<Ticks>,
}

impl<'a> Answered<'a> {
    fn of(lanes: &'a [Lane]) -> Vec<Self> {
        let sorted = |lane: &Lane| {
            let mut times = lane.accepted.clone();
            times.sort_unstable();
            times
        };
        let of = |lane: &'a Lane| Self {
            lane,
            accepted: sorted(lane),
            unanswered: lane.unanswered.iter().copied().collect(),
        };
        lanes.iter().map(of).collect()
    }

    fn has_accepted(&self, time: Ticks) -> bool {
        self.accepted.binary_search(&time).is_ok()
    }
}

fn lane_of(lanes: &[Answered<'_>], meter: u32) -> Option<usize> {
    let at = lanes.partition_point(|answered| answered.lane.first <= meter).checked_sub(1)?;
    (meter - lanes[at].lane.first < u32::from(lanes[at].lane.meters)).then_some(at)
}

fn sum_of(meter: u32, time: Ticks) -> f64 {
    (0..VALUES).map(|register| body::value(meter, time, register)).sum()
}

#[cfg(test)]
mod tests;
