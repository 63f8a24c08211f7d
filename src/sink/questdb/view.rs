//! The views of quarter-hours, hours and days: the required query of each, its state, and what
//! a full refresh would lose.
//!
//! Changes nothing; `migrate` does. A view is no part of delivery, so its state never stops
//! the sink. A full refresh of a view makes the ones that are made from it invalid.

use super::config::TableName;
use super::server::Server;
use crate::deliver::{SinkError, SinkErrorKind};
use std::time::Duration;

const QUARTER_HOURS_SQL: &str = include_str!("../../../migrations/questdb/samples_15m.sql");
const ROLL_UP_SQL: &str = include_str!("../../../migrations/questdb/samples_roll_up.sql");

/// Attempts to read the state of a view while the server refreshes it.
const STATE_TRIES_MAX: usize = 50;

/// A view of the samples in buckets of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RollUp {
    QuarterHours,
    Hours,
    Days,
}

impl RollUp {
    /// Each after the one that it is made from.
    pub(super) const ALL: [Self; 3] = [Self::QuarterHours, Self::Hours, Self::Days];

    /// The view's name.
    pub(super) fn name(self, table: &TableName) -> String {
        match self {
            Self::QuarterHours => format!("{table}_15m"),
            Self::Hours => format!("{table}_hour"),
            Self::Days => format!("{table}_day"),
        }
    }

    /// The table or view that it is made from.
    fn base(self, table: &TableName) -> String {
        match self {
            Self::QuarterHours => table.as_str().to_owned(),
            Self::Hours => Self::QuarterHours.name(table),
            Self::Days => Self::Hours.name(table),
        }
    }

    /// The condition on rows of the base that have a value, and that the view counts.
    fn base_has_value(self) -> &'static str {
        match self {
            Self::QuarterHours => "value != NULL AND (flags & 32) = 0",
            Self::Hours | Self::Days => "value_count > 0",
        }
    }

    /// The length of a bucket.
    fn step(self) -> &'static str {
        match self {
            Self::QuarterHours => "15m",
            Self::Hours => "1h",
            Self::Days => "1d",
        }
    }

    /// The interval of the timer that refreshes it.
    pub(super) fn every(self) -> &'static str {
        match self {
            Self::QuarterHours => "1m",
            Self::Hours => "5m",
            Self::Days => "10m",
        }
    }

    /// The statement that creates the view.
    pub(super) fn statement(self, table: &TableName) -> String {
        let (sql, partition) = match self {
            Self::QuarterHours => (QUARTER_HOURS_SQL, "DAY"),
            Self::Hours => (ROLL_UP_SQL, "MONTH"),
            Self::Days => (ROLL_UP_SQL, "YEAR"),
        };
        sql.replace("{view}", &self.name(table))
            .replace("{base}", &self.base(table))
            .replace("{every}", self.every())
            .replace("{step}", self.step())
            .replace("{partition}", partition)
    }
}

/// The name of the view of days.
pub fn day_view(table: &TableName) -> String {
    RollUp::Days.name(table)
}

/// The state of a view.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum View {
    Missing,
    Valid,
    /// Valid, but rows have waited too long for their refresh.
    Stale,
    Invalid {
        why: String,
    },
    Other {
        why: String,
    },
}

impl View {
    /// A sentence with the remedy, unless the view is valid.
    pub(super) fn complaint(&self, name: &str) -> Option<String> {
        Some(match self {
            Self::Valid => return None,
            Self::Missing => format!("view {name} is missing: run `meterline migrate` to create it"),
            Self::Stale => format!(
                "view {name} is stale, because QuestDB has not refreshed it although there are newer rows: see the \
                 server's log, and run `REFRESH MATERIALIZED VIEW {name} INCREMENTAL`"
            ),
            Self::Invalid { why } => {
                format!("view {name} is invalid ({why}), so it gets no new rows: run `meterline migrate` to refresh it")
            }
            Self::Other { why } => {
                format!("view {name} is not the required one ({why}): drop it and run `meterline migrate`")
            }
        })
    }
}

/// Reads the state of a view; rows may wait `stale_after` for a refresh.
pub(super) fn state(server: &Server, roll_up: RollUp, stale_after: Duration) -> Result<View, SinkError> {
    let name = roll_up.name(server.table());
    for _ in 0..STATE_TRIES_MAX {
        if let Some(view) = listed(server, roll_up, stale_after)? {
            return Ok(view);
        }
        let answer = server.execute(&format!("SELECT matView FROM tables() WHERE table_name = '{name}'"))?;
        match answer.rows().next() {
            None => return Ok(View::Missing),
            Some(row) if !row.is_true("matView") => return Ok(View::Other { why: "it is a table".to_owned() }),
            Some(_) => {}
        }
    }
    Err(SinkError::waiting(format!(
        "QuestDB at {} does not report the state of view {name}, which it is refreshing: try again",
        server.url()
    )))
}

/// The view's state in `materialized_views()`, where a view is missing for a moment while
/// it is refreshed.
fn listed(server: &Server, roll_up: RollUp, stale_after: Duration) -> Result<Option<View>, SinkError> {
    let table = server.table();
    let (name, wanted_base) = (roll_up.name(table), roll_up.base(table));
    let answer = server.execute(&format!(
        "SELECT base_table_name, view_sql, view_status, invalidation_reason, refresh_base_table_txn, base_table_txn \
         FROM materialized_views() WHERE view_name = '{name}'"
    ))?;
    let Some(row) = answer.rows().next() else { return Ok(None) };
    let (base, sql, status) = (row.text("base_table_name"), row.text("view_sql"), row.text("view_status"));
    let (refreshed_to, written_to) = (row.integer("refresh_base_table_txn"), row.integer("base_table_txn"));
    let view = if base != wanted_base {
        View::Other { why: format!("it is over table {base}") }
    } else if words(sql) != words(wanted_query(&roll_up.statement(table))) {
        View::Other { why: "it selects other data".to_owned() }
    } else if status == "invalid" {
        View::Invalid { why: row.text("invalidation_reason").to_owned() }
    } else if status == "valid" && refreshed_to < written_to && has_waited(server, base, refreshed_to, stale_after)? {
        View::Stale
    } else {
        View::Valid
    };
    Ok(Some(view))
}

/// Whether the first change of the base that the view does not have is older than that. The
/// time of the last refresh does not tell: while nothing changes there is none.
fn has_waited(
    server: &Server,
    base: &str,
    refreshed_to: Option<i64>,
    stale_after: Duration,
) -> Result<bool, SinkError> {
    let after = refreshed_to.unwrap_or(-1);
    let answer = server.execute(&format!(
        "SELECT datediff('s', min(timestamp), systimestamp()) waited FROM wal_transactions('{base}') \
         WHERE sequencerTxn > {after}"
    ))?;
    let waited_s = answer.rows().next().and_then(|row| row.integer("waited"));
    Ok(waited_s.is_some_and(|seconds| u64::try_from(seconds).unwrap_or(0) > stale_after.as_secs()))
}

/// A clause about the buckets that a full refresh would delete; `None` if it would delete
/// none. The server empties the view first, also if its query does not compile or the base no
/// longer has the rows.
pub(super) fn refresh_loss(server: &Server, roll_up: RollUp) -> Result<Option<String>, SinkError> {
    let table = server.table();
    let (name, base) = (roll_up.name(table), roll_up.base(table));
    match server.execute(&format!("EXPLAIN {}", wanted_query(&roll_up.statement(table)))) {
        Err(error) if error.kind == SinkErrorKind::Blocked => {
            return Ok(Some(format!("its query does not compile, so a full refresh would empty it ({error})")));
        }
        other => drop(other?),
    }
    let first = |sql: String| -> Result<Option<(i64, String)>, SinkError> {
        let answer = server.execute(&sql)?;
        Ok(answer.rows().next().and_then(|row| Some((row.integer("at")?, row.text("ts").to_owned()))))
    };
    let rolled_up = first(format!("SELECT ts, cast(ts AS LONG) at FROM \"{name}\" WHERE value_count > 0 LIMIT 1"))?;
    let Some((first_bucket, text)) = rolled_up else { return Ok(None) };
    let kept = first(format!(
        "SELECT ts, cast(timestamp_floor('{}', ts) AS LONG) at FROM \"{base}\" WHERE {} LIMIT 1",
        roll_up.step(),
        roll_up.base_has_value()
    ))?;
    Ok(match kept {
        Some((at, _)) if at <= first_bucket => None,
        _ => Some(format!("a full refresh would delete its rows from {text} on, which {base} no longer has")),
    })
}

/// When the server finished the last refresh of the view, in microseconds since 1970; `None`
/// while it is invalid or has none.
pub(super) fn refreshed_at(server: &Server, roll_up: RollUp) -> Result<Option<i64>, SinkError> {
    let answer = server.execute(&format!(
        "SELECT cast(last_refresh_finish_timestamp AS LONG) at FROM materialized_views() \
         WHERE view_name = '{}' AND view_status = 'valid'",
        roll_up.name(server.table())
    ))?;
    Ok(answer.rows().next().and_then(|row| row.integer("at")))
}

/// The query between the outer parentheses of the view's statement.
fn wanted_query(sql: &str) -> &str {
    let inner = sql.split_once("AS (").map_or(sql, |(_, rest)| rest);
    inner.rsplit_once(") PARTITION BY").map_or(inner, |(query, _)| query)
}

fn words(sql: &str) -> Vec<&str> {
    sql.split_whitespace().collect()
}
