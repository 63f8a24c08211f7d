//! The quarter-hour view: the required query, its state, and what a full refresh would lose.
//!
//! Changes nothing; `migrate` does. A view is no part of delivery, so its state never stops
//! the sink.

use super::config::TableName;
use super::server::Server;
use crate::deliver::{SinkError, SinkErrorKind};
use std::time::Duration;

const QUARTER_HOURS_SQL: &str = include_str!("../../../migrations/questdb/samples_15m.sql");

/// Attempts to read the state of a view while the server refreshes it.
const STATE_TRIES_MAX: usize = 50;

/// The state of the quarter-hour view.
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
    pub(super) fn complaint(&self, table: &TableName) -> Option<String> {
        let name = name(table);
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

/// The view's name.
pub(super) fn name(table: &TableName) -> String {
    format!("{table}_15m")
}

/// The statement that creates the view.
pub(super) fn statement(table: &TableName) -> String {
    QUARTER_HOURS_SQL.replace("{table}", table.as_str())
}

/// Reads the state of the view; rows may wait `stale_after` for a refresh.
pub(super) fn state(server: &Server, stale_after: Duration) -> Result<View, SinkError> {
    let name = name(server.table());
    for _ in 0..STATE_TRIES_MAX {
        if let Some(view) = listed(server, &name, stale_after)? {
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
fn listed(server: &Server, name: &str, stale_after: Duration) -> Result<Option<View>, SinkError> {
    let table = server.table();
    let answer = server.execute(&format!(
        "SELECT base_table_name, view_sql, view_status, invalidation_reason, refresh_base_table_txn, base_table_txn, \
         datediff('s', last_refresh_start_timestamp, systimestamp()) refreshed_ago FROM materialized_views() \
         WHERE view_name = '{name}'"
    ))?;
    let Some(row) = answer.rows().next() else { return Ok(None) };
    let (base, sql, status) = (row.text("base_table_name"), row.text("view_sql"), row.text("view_status"));
    let stale_after_s = i64::try_from(stale_after.as_secs()).unwrap_or(i64::MAX);
    let is_behind = row.integer("refresh_base_table_txn") < row.integer("base_table_txn");
    let is_overdue = row.integer("refreshed_ago").is_none_or(|seconds| seconds > stale_after_s);
    let view = if base != table.as_str() {
        View::Other { why: format!("it is over table {base}") }
    } else if words(sql) != words(wanted_query(&statement(table))) {
        View::Other { why: "it selects other data".to_owned() }
    } else if status == "invalid" {
        View::Invalid { why: row.text("invalidation_reason").to_owned() }
    } else if status == "valid" && is_behind && is_overdue {
        View::Stale
    } else {
        View::Valid
    };
    Ok(Some(view))
}

/// A clause about the quarter-hours that a full refresh would delete; `None` if it would
/// delete none. The server empties the view first, also if its query does not compile or the
/// table no longer has the rows.
pub(super) fn refresh_loss(server: &Server) -> Result<Option<String>, SinkError> {
    let (table, name) = (server.table(), name(server.table()));
    match server.execute(&format!("EXPLAIN {}", wanted_query(&statement(table)))) {
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
    let Some((first_quarter, text)) = rolled_up else { return Ok(None) };
    let kept = first(format!(
        "SELECT ts, cast(timestamp_floor('15m', ts) AS LONG) at FROM \"{table}\" WHERE value != NULL LIMIT 1"
    ))?;
    Ok(match kept {
        Some((at, _)) if at <= first_quarter => None,
        _ => Some(format!(
            "a full refresh would delete its quarter-hours from {text} on, whose rows table {table} no longer has"
        )),
    })
}

/// The query between the outer parentheses of the view's statement.
fn wanted_query(sql: &str) -> &str {
    let inner = sql.split_once("AS (").map_or(sql, |(_, rest)| rest);
    inner.rsplit_once(") PARTITION BY").map_or(inner, |(query, _)| query)
}

fn words(sql: &str) -> Vec<&str> {
    sql.split_whitespace().collect()
}
