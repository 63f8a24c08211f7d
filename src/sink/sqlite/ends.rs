//! Queries for the first or the last sample of a series over the tables of all periods, as text.

use super::periods::{Period, table};

/// A column of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Ts,
    Value,
}

impl Column {
    /// Its names in a table of samples, and in the table of quarter-hours as the first and the last sample.
    fn names(self) -> [&'static str; 3] {
        match self {
            Self::Ts => ["ts", "first_ts", "last_ts"],
            Self::Value => ["value", "first", "last"],
        }
    }
}

/// A query for the first sample that meets the condition, also of the quarter-hours of deleted samples.
pub(super) fn first_of(periods: &[Period], column: Column, condition: &str) -> String {
    let [name, first, _] = column.names();
    let tables = periods.iter().map(|period| (table(period.id), name));
    one_of(std::iter::once(("rollups".to_owned(), first)).chain(tables), condition, "")
}

/// A query for the last sample that meets the condition, also of the quarter-hours of deleted samples.
pub(super) fn last_of(periods: &[Period], column: Column, condition: &str) -> String {
    let [name, _, last] = column.names();
    let tables = periods.iter().rev().map(|period| (table(period.id), name));
    one_of(tables.chain([("rollups".to_owned(), last)]), condition, " DESC")
}

/// SQLite reads the parts in their order, and none after the first that has a row.
fn one_of(tables: impl Iterator<Item = (String, &'static str)>, condition: &str, order: &str) -> String {
    let part = |(table, column)| {
        format!("SELECT * FROM (SELECT {column} FROM {table} WHERE {condition} ORDER BY {table}.ts{order} LIMIT 1)")
    };
    format!("{} LIMIT 1", tables.map(part).collect::<Vec<_>>().join(" UNION ALL "))
}
