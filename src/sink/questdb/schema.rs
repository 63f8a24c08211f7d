//! The required table, the actual table, and the differences.
//!
//! Does not know how a difference is fixed (`migrate`) or shown (`check`). The only list of
//! columns is here; a test compares the SQL in `migrations/questdb` with it.

use super::server::Server;
use super::sql::Answer;
use crate::deliver::SinkError;
use crate::reading::UnixNanos;
use std::fmt;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    /// Whether it is part of the key.
    pub(super) in_key: bool,
}

const fn column(name: &'static str, kind: &'static str, in_key: bool) -> Column {
    Column { name, kind, in_key }
}

/// The columns of the table of samples, the designated timestamp first.
pub(super) const SAMPLES: [Column; 7] = [
    column("ts", "TIMESTAMP_NS", true),
    column("meter", "UUID", true),
    column("obis", "SYMBOL", true),
    column("value", "DOUBLE", false),
    column("source", "SYMBOL", false),
    column("received", "TIMESTAMP_NS", false),
    column("flags", "SHORT", false),
];

/// The columns of the table of meters, the designated timestamp first.
pub(super) const METERS: [Column; 26] = [
    column("valid_from", "TIMESTAMP_NS", true),
    column("meter", "UUID", true),
    column("valid_to", "TIMESTAMP_NS", false),
    column("metering_point", "VARCHAR", false),
    column("name", "VARCHAR", false),
    column("serial", "VARCHAR", false),
    column("meter_serial", "VARCHAR", false),
    column("vendor", "SYMBOL", false),
    column("model", "VARCHAR", false),
    column("firmware", "VARCHAR", false),
    column("family", "LONG", false),
    column("family_name", "SYMBOL", false),
    column("energy_type", "LONG", false),
    column("energy_type_name", "SYMBOL", false),
    column("sub_type", "LONG", false),
    column("sub_type_name", "SYMBOL", false),
    column("gateway", "VARCHAR", false),
    column("customer", "VARCHAR", false),
    column("site", "VARCHAR", false),
    column("role", "SYMBOL", false),
    column("phase", "SYMBOL", false),
    column("time_zone", "SYMBOL", false),
    column("tariff", "VARCHAR", false),
    column("currency", "SYMBOL", false),
    column("unit", "SYMBOL", false),
    column("source", "SYMBOL", false),
];

/// The key of a table with these columns, as an SQL list.
pub(super) fn key_of(columns: &[Column]) -> String {
    columns.iter().filter(|column| column.in_key).map(|column| column.name).collect::<Vec<_>>().join(", ")
}

const HOUR_NS: i64 = 3600 * 1_000_000_000;

/// Rows a day from which a daily partition is too large to rewrite for a late row.
const HOUR_FROM_ROWS_PER_DAY: u64 = 5_000_000;

/// The partition unit of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionUnit {
    /// Daily partitions.
    Day,
    /// Hourly partitions.
    Hour,
}

impl PartitionUnit {
    /// The unit that fits this many rows a day: hours from 5 million on.
    pub fn for_rows_per_day(rows: u64) -> Self {
        if rows >= HOUR_FROM_ROWS_PER_DAY { Self::Hour } else { Self::Day }
    }

    /// The first nanosecond of the partition that holds a time.
    pub(super) fn start_of(self, at: UnixNanos) -> i64 {
        let unit_ns = match self {
            Self::Day => 24 * HOUR_NS,
            Self::Hour => HOUR_NS,
        };
        at.0.saturating_sub(at.0.rem_euclid(unit_ns))
    }

    /// The unit as SQL names it.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Day => "DAY",
            Self::Hour => "HOUR",
        }
    }
}

/// A table as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Actual {
    wanted: &'static [Column],
    pub(super) partitioned_by: String,
    has_wal: bool,
    dedups: bool,
    /// Its TTL as number and unit; 0 keeps all rows.
    pub(super) ttl: (i64, String),
    columns: Vec<ActualColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ActualColumn {
    name: String,
    kind: String,
    designated: bool,
    in_key: bool,
}

/// A difference from the required table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Difference {
    /// A column is missing; it can be added.
    Missing(Column),
    /// The key is not this one; it can be set.
    Key(String),
    /// A column has another type.
    Type { column: Column, actual: String },
    /// The designated timestamp is not this column.
    Timestamp(&'static str),
    /// The table has no write-ahead log (WAL).
    NoWal,
}

impl Difference {
    /// Whether a statement can fix it without changing stored rows.
    pub(super) fn can_be_altered(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Key(_))
    }

    /// A sentence about the difference and its remedy.
    pub(super) fn sentence(&self, table: &dyn fmt::Display) -> String {
        match self {
            Self::Missing(Column { name, kind, .. }) => {
                format!("column {name} {kind} is missing in table {table}: run `meterline migrate` to add it")
            }
            Self::Key(key) => format!(
                "table {table} does not deduplicate by ({key}), so rows sent twice would be stored twice: run \
                 `meterline migrate` to set it"
            ),
            Self::Type { column: Column { name: name @ ("ts" | "valid_from"), kind, .. }, actual } => format!(
                "column {name} of table {table} is {actual} instead of {kind}, which cannot be changed: rename or \
                 drop the table and run `meterline migrate`"
            ),
            Self::Type { column: Column { name, kind, .. }, actual } => format!(
                "column {name} of table {table} is {actual} instead of {kind}: run `ALTER TABLE {table} ALTER COLUMN \
                 {name} TYPE {kind}` (it converts the stored values)"
            ),
            Self::Timestamp(name) => format!(
                "table {table} does not have {name} as its designated timestamp, which cannot be changed: rename or drop \
                 the table and run `meterline migrate`"
            ),
            Self::NoWal => format!(
                "table {table} is not a WAL table: run `ALTER TABLE {table} SET TYPE WAL` and restart QuestDB, or rename \
                 or drop it and run `meterline migrate`"
            ),
        }
    }
}

/// Reads the server's table, to compare it with the `wanted` columns; `None` if there is
/// none.
pub(super) fn actual(server: &Server, wanted: &'static [Column]) -> Result<Option<Actual>, SinkError> {
    let table = server.table();
    let tables = server.execute(&format!(
        "SELECT partitionBy, walEnabled, dedup, ttlValue, ttlUnit FROM tables() WHERE table_name = '{table}'"
    ))?;
    let Some(row) = tables.rows().next() else { return Ok(None) };
    let columns = server.execute(&format!("SHOW COLUMNS FROM \"{table}\""))?;
    Ok(Some(Actual {
        wanted,
        partitioned_by: row.text("partitionBy").to_owned(),
        has_wal: row.is_true("walEnabled"),
        dedups: row.is_true("dedup"),
        ttl: (row.integer("ttlValue").unwrap_or_default(), row.text("ttlUnit").to_owned()),
        columns: columns_in(&columns),
    }))
}

fn columns_in(answer: &Answer) -> Vec<ActualColumn> {
    answer
        .rows()
        .map(|row| ActualColumn {
            name: row.text("column").to_owned(),
            kind: row.text("type").to_owned(),
            designated: row.is_true("designated"),
            in_key: row.is_true("upsertKey"),
        })
        .collect()
}

/// Checks that rows of these columns may be sent into the table. Returns its partition
/// unit.
///
/// # Errors
/// All differences, one sentence each: a type that would silently lose digits, a key that
/// would not deduplicate.
pub(super) fn check_ready(server: &Server, wanted: &'static [Column]) -> Result<PartitionUnit, SinkError> {
    let (url, table) = (server.url(), server.table());
    let Some(actual) = actual(server, wanted)? else {
        return Err(SinkError::blocked(format!(
            "table {table} is missing in QuestDB at {url}: run `meterline migrate` to create it"
        )));
    };
    let sentences: Vec<String> = actual.differences().iter().map(|difference| difference.sentence(table)).collect();
    if sentences.is_empty() {
        Ok(actual.partition_unit())
    } else {
        Err(SinkError::blocked(format!("QuestDB at {url}: {}", sentences.join("; "))))
    }
}

impl Actual {
    /// The partition unit. Units that `migrate` never creates (weeks, months) count as days.
    pub(super) fn partition_unit(&self) -> PartitionUnit {
        if self.partitioned_by == PartitionUnit::Hour.sql() { PartitionUnit::Hour } else { PartitionUnit::Day }
    }

    /// The differences from the required table. Extra columns are not differences.
    pub(super) fn differences(&self) -> Vec<Difference> {
        let mut differences = Vec::new();
        if !self.has_wal {
            differences.push(Difference::NoWal);
        }
        let timestamp = self.timestamp();
        if !self.columns.iter().any(|column| column.designated && column.name == timestamp) {
            differences.push(Difference::Timestamp(timestamp));
        }
        differences.extend(self.wanted.iter().filter_map(|wanted| self.difference_in(*wanted)));
        if !self.has_key() {
            differences.push(Difference::Key(key_of(self.wanted)));
        }
        differences
    }

    fn difference_in(&self, wanted: Column) -> Option<Difference> {
        match self.columns.iter().find(|column| column.name == wanted.name) {
            // A missing timestamp column is reported as `Difference::Timestamp`.
            None => (wanted.name != self.timestamp()).then_some(Difference::Missing(wanted)),
            Some(column) if column.kind != wanted.kind => {
                Some(Difference::Type { column: wanted, actual: column.kind.clone() })
            }
            Some(_) => None,
        }
    }

    /// The column that is the designated timestamp.
    fn timestamp(&self) -> &'static str {
        self.wanted.first().map_or("", |column| column.name)
    }

    fn has_key(&self) -> bool {
        let is_wanted = |name: &str| self.wanted.iter().any(|column| column.in_key && column.name == name);
        let keys = self.columns.iter().filter(|column| column.in_key);
        self.dedups
            && keys.clone().all(|column| is_wanted(&column.name))
            && keys.count() == self.wanted.iter().filter(|column| column.in_key).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Actual {
        let columns = SAMPLES.map(|Column { name, kind, in_key }| ActualColumn {
            name: name.into(),
            kind: kind.into(),
            designated: name == "ts",
            in_key,
        });
        Actual {
            wanted: &SAMPLES,
            partitioned_by: "DAY".into(),
            has_wal: true,
            dedups: true,
            ttl: (0, "HOUR".into()),
            columns: columns.into(),
        }
    }

    fn column_of<'a>(actual: &'a mut Actual, name: &str) -> &'a mut ActualColumn {
        actual.columns.iter_mut().find(|column| column.name == name).unwrap()
    }

    #[test]
    fn the_migrations_make_the_columns_of_the_lists() {
        assert_makes(include_str!("../../../migrations/questdb/samples.sql"), &SAMPLES);
        assert_makes(include_str!("../../../migrations/questdb/meters.sql"), &METERS);
    }

    fn assert_makes(sql: &str, columns: &[Column]) {
        let made: Vec<(&str, &str)> = sql
            .lines()
            .filter(|line| line.starts_with("  "))
            .filter_map(|line| line.split("--").next()?.trim().trim_end_matches(',').split_once(' '))
            .collect();
        assert_eq!(made, columns.iter().map(|column| (column.name, column.kind)).collect::<Vec<_>>());
        assert!(sql.contains(&format!("KEYS({})", key_of(columns))));
        assert!(sql.contains(&format!("TIMESTAMP({})", columns[0].name)));
    }

    #[test]
    fn a_table_as_wanted_has_no_difference_and_columns_of_others_are_none() {
        let mut actual = wanted();
        assert_eq!(actual.differences(), []);
        actual.columns.push(ActualColumn {
            name: "note".into(),
            kind: "VARCHAR".into(),
            designated: false,
            in_key: false,
        });
        assert_eq!(actual.differences(), []);
    }

    #[test]
    fn each_difference_is_found_and_says_what_to_do() {
        type Change = fn(&mut Actual);
        let changes: [(Change, &str, bool); 7] = [
            (|table| table.columns.retain(|column| column.name != "flags"), "column flags SHORT is missing", true),
            (|table| column_of(table, "value").kind = "FLOAT".into(), "ALTER COLUMN value TYPE DOUBLE", false),
            (|table| column_of(table, "ts").kind = "TIMESTAMP".into(), "rename or drop", false),
            (|table| column_of(table, "ts").designated = false, "designated timestamp", false),
            (|table| column_of(table, "obis").in_key = false, "does not deduplicate", true),
            (|table| column_of(table, "source").in_key = true, "does not deduplicate", true),
            (|table| table.has_wal = false, "SET TYPE WAL", false),
        ];
        for (change, words, can_be_altered) in changes {
            let mut actual = wanted();
            change(&mut actual);
            let differences = actual.differences();
            let [difference] = differences.as_slice() else { panic!("{words}: {differences:?}") };
            let sentence = difference.sentence(&"samples");
            assert!(sentence.contains(words), "{sentence}");
            assert_eq!(difference.can_be_altered(), can_be_altered, "{sentence}");
        }
    }

    #[test]
    fn hours_from_five_million_rows_a_day_on() {
        assert_eq!(PartitionUnit::for_rows_per_day(4_999_999), PartitionUnit::Day);
        assert_eq!(PartitionUnit::for_rows_per_day(5_000_000), PartitionUnit::Hour);
    }
}
