//! Queries for the first or the last sample of a series over the tables of all periods, as text.
//!
//! Quarter-hours are from before the periods. Only late samples, which are in the first period, may be from before them.

use super::periods::{FRESH, Period, table};

/// A column of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Ts,
    Value,
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Ts => "ts",
            Self::Value => "value",
        }
    }
}

/// The names of these columns in the table of quarter-hours, as the first and the last sample.
const FIRST: [&str; 2] = ["first_ts", "first"];
const LAST: [&str; 2] = ["last_ts", "last"];

/// A query for the first sample of a series, which are its meter and its register, also of the quarter-hours of
/// deleted samples. `bound` compares the time, for example `> 5`; it may be empty.
pub(super) fn first_of(periods: &[Period], column: Column, series: [&str; 2], bound: &str) -> String {
    let (oldest, later) = (of_oldest(periods, column, FIRST, series, bound, ""), periods.iter().skip(1));
    one(std::iter::once(oldest).chain(later.map(|period| one_of(period.id, &[column.name()], series, bound, ""))))
}

/// The same for the last sample.
pub(super) fn last_of(periods: &[Period], column: Column, series: [&str; 2], bound: &str) -> String {
    let (oldest, later) = (of_oldest(periods, column, LAST, series, bound, " DESC"), periods.iter().skip(1).rev());
    one(later.map(|period| one_of(period.id, &[column.name()], series, bound, " DESC")).chain([oldest]))
}

/// SQLite reads the parts in their order, and none after the first that has a row.
fn one(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.map(|part| limited(&part)).collect();
    format!("{} LIMIT 1", parts.join(" UNION ALL "))
}

fn limited(query: &str) -> String {
    format!("SELECT * FROM ({query} LIMIT 1)")
}

/// Of the first period and of the quarter-hours, whose columns are `names`.
fn of_oldest(
    periods: &[Period],
    column: Column,
    names: [&str; 2],
    series: [&str; 2],
    bound: &str,
    order: &str,
) -> String {
    let samples = periods.first().map(|first| one_of(first.id, &["ts", "value"], series, bound, order));
    let quarters = one_of_table("rollups", &names, series, bound, order);
    let both: Vec<_> = samples.into_iter().chain([quarters]).map(|part| limited(&part)).collect();
    format!("SELECT {} FROM ({} ORDER BY 1{order} LIMIT 1)", column.name(), both.join(" UNION ALL "))
}

fn one_of(id: i64, columns: &[&str], series: [&str; 2], bound: &str, order: &str) -> String {
    let table = table(id);
    if id != FRESH {
        return one_of_table(&table, columns, series, bound, order);
    }
    let [meter, obis] = series;
    let bound = and_ts("fresh", bound);
    let columns: Vec<_> = columns.iter().map(|column| format!("data.{column}")).collect();
    format!(
        "SELECT {} FROM fresh_times AS fresh CROSS JOIN {table} AS data
         ON data.ts = fresh.ts AND data.meter = fresh.meter AND data.obis = {obis}
         WHERE fresh.meter = {meter}{bound} ORDER BY fresh.ts{order}",
        columns.join(", ")
    )
}

fn one_of_table(table: &str, columns: &[&str], [meter, obis]: [&str; 2], bound: &str, order: &str) -> String {
    let (columns, bound) = (columns.join(", "), and_ts(table, bound));
    format!("SELECT {columns} FROM {table} WHERE meter = {meter} AND obis = {obis}{bound} ORDER BY {table}.ts{order}")
}

fn and_ts(table: &str, bound: &str) -> String {
    if bound.is_empty() { String::new() } else { format!(" AND {table}.ts {bound}") }
}
