//! Queries for the first or the last sample of a series over the tables of all periods, as text.

use super::periods::{FRESH, Period, table};

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

/// A query for the first sample of a series, which are its meter and its register, also of the quarter-hours of
/// deleted samples. `bound` compares the time, for example `> 5`; it may be empty.
pub(super) fn first_of(periods: &[Period], column: Column, series: [&str; 2], bound: &str) -> String {
    let [name, first, _] = column.names();
    let sealed_and_fresh = periods.iter().map(|period| one_of(period.id, name, series, bound, ""));
    one(std::iter::once(one_of_table("rollups", first, series, bound, "")).chain(sealed_and_fresh))
}

/// The same for the last sample.
pub(super) fn last_of(periods: &[Period], column: Column, series: [&str; 2], bound: &str) -> String {
    let [name, _, last] = column.names();
    let fresh_and_sealed = periods.iter().rev().map(|period| one_of(period.id, name, series, bound, " DESC"));
    one(fresh_and_sealed.chain([one_of_table("rollups", last, series, bound, " DESC")]))
}

/// SQLite reads the parts in their order, and none after the first that has a row.
fn one(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.map(|part| format!("SELECT * FROM ({part} LIMIT 1)")).collect();
    format!("{} LIMIT 1", parts.join(" UNION ALL "))
}

fn one_of(id: i64, column: &str, series: [&str; 2], bound: &str, order: &str) -> String {
    let table = table(id);
    if id != FRESH {
        return one_of_table(&table, column, series, bound, order);
    }
    let [meter, obis] = series;
    let bound = and_ts("fresh", bound);
    format!(
        "SELECT data.{column} FROM fresh_times AS fresh CROSS JOIN {table} AS data
         ON data.ts = fresh.ts AND data.meter = fresh.meter AND data.obis = {obis}
         WHERE fresh.meter = {meter}{bound} ORDER BY fresh.ts{order}"
    )
}

fn one_of_table(table: &str, column: &str, [meter, obis]: [&str; 2], bound: &str, order: &str) -> String {
    let bound = and_ts(table, bound);
    format!("SELECT {column} FROM {table} WHERE meter = {meter} AND obis = {obis}{bound} ORDER BY {table}.ts{order}")
}

fn and_ts(table: &str, bound: &str) -> String {
    if bound.is_empty() { String::new() } else { format!(" AND {table}.ts {bound}") }
}
