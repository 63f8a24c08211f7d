//! Creates the tables and the view, or alters them to the required state.
//!
//! Compares first and refuses before it changes anything; adds only what is missing, so a
//! second run does nothing. Does not know command lines. Each step is noted in the table
//! `meterline_migrations`, which no program reads.

use super::config::{Config, TableName};
use super::confirm;
use super::schema::{self, Actual, Column, Difference, PartitionUnit};
use super::server::Server;
use crate::deliver::SinkError;
use crate::sink::Step;

const SAMPLES_SQL: &str = include_str!("../../../migrations/questdb/samples.sql");
const METERS_SQL: &str = include_str!("../../../migrations/questdb/meters.sql");
const QUARTER_HOURS_SQL: &str = include_str!("../../../migrations/questdb/samples_15m.sql");
const HISTORY_SQL: &str = include_str!("../../../migrations/questdb/meterline_migrations.sql");
const HISTORY: &str = "meterline_migrations";

/// Attempts to read the state of a view while the server refreshes it.
const VIEW_TRIES_MAX: usize = 50;

/// The server cannot be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A difference that cannot be changed; nothing was done.
    #[error("QuestDB needs a decision by the operator, nothing was changed: {}", .0.join("; "))]
    Refused(Vec<String>),
    /// A statement failed; earlier steps are done, and a repeat continues after them.
    #[error("{error} (done before it: {})", list(.done))]
    Server {
        /// The server's error.
        error: SinkError,
        /// The steps before it.
        done: Vec<Step>,
    },
}

fn list(done: &[Step]) -> String {
    if done.is_empty() {
        return "nothing".to_owned();
    }
    done.iter().map(Step::to_string).collect::<Vec<_>>().join("; ")
}

/// Brings the server to the required state: the samples table, its quarter-hour view, the
/// table of meters, the migration history. `partition` is the required unit; without it a
/// new table gets days, and an existing table keeps its unit.
///
/// # Errors
/// When something cannot be changed, or the server fails.
pub fn migrate(config: &Config, partition: Option<PartitionUnit>) -> Result<Vec<Step>, MigrateError> {
    let server = Server::new(config);
    let meters = Server::new(&config.of_meters());
    let mut done = Vec::new();
    match (Migration { server: &server, meters: &meters, partition, done: &mut done }).run() {
        Ok(()) => Ok(done),
        Err(Stop::Refused(sentences)) => Err(MigrateError::Refused(sentences)),
        Err(Stop::Server(error)) => Err(MigrateError::Server { error, done }),
    }
}

enum Stop {
    Refused(Vec<String>),
    Server(SinkError),
}

impl From<SinkError> for Stop {
    fn from(error: SinkError) -> Self {
        Self::Server(error)
    }
}

struct Migration<'a> {
    server: &'a Server,
    /// The same server, with the table of meters.
    meters: &'a Server,
    partition: Option<PartitionUnit>,
    done: &'a mut Vec<Step>,
}

impl Migration<'_> {
    fn run(mut self) -> Result<(), Stop> {
        let (table, meters) = (self.server.table().clone(), self.meters.table().clone());
        let actual = schema::actual(self.server, &schema::SAMPLES)?;
        let actual_meters = schema::actual(self.meters, &schema::METERS)?;
        let view = view_state(self.server)?;
        let mut refusals = self.refusals(&table, actual.as_ref(), &view);
        refusals.extend(actual_meters.iter().flat_map(|actual| unalterable_differences(&meters, actual)));
        if !refusals.is_empty() {
            return Err(Stop::Refused(refusals));
        }
        match actual {
            None => self.create_table(&table)?,
            Some(actual) => self.alter_table(self.server, &actual)?,
        }
        self.migrate_view(&table, view)?;
        match actual_meters {
            None => {
                let sql = METERS_SQL.replace("{table}", table.as_str()).replace("{meters}", meters.as_str());
                self.run_step(&sql, meters.as_str(), "created, for meter descriptions".to_owned())?;
            }
            Some(actual) => self.alter_table(self.meters, &actual)?,
        }
        Ok(())
    }

    fn refusals(&self, table: &TableName, actual: Option<&Actual>, view: &View) -> Vec<String> {
        let mut refusals = Vec::new();
        if let Some(actual) = actual {
            refusals.extend(unalterable_differences(table, actual));
            refusals.extend(self.refused_partition(table, &actual.partitioned_by));
        }
        if let View::Other { why } = view {
            refusals.push(format!(
                "view {view} is not the required one ({why}): drop it (`DROP MATERIALIZED VIEW {view}`) and run \
                 `meterline migrate` again",
                view = view_name(table)
            ));
        }
        refusals
    }

    fn refused_partition(&self, table: &TableName, actual: &str) -> Option<String> {
        let wanted = self.partition?.sql();
        (wanted != actual).then(|| {
            format!(
                "table {table} is partitioned by {actual} instead of {wanted}, which cannot be changed: leave the \
                 option out to keep it, or rename the table and run `meterline migrate` again"
            )
        })
    }

    fn create_table(&mut self, table: &TableName) -> Result<(), SinkError> {
        let unit = self.partition.unwrap_or(PartitionUnit::Day);
        let sql = SAMPLES_SQL.replace("{table}", table.as_str()).replace("{unit}", unit.sql());
        let advice = match (self.partition, unit) {
            (None, _) => "; suits up to 5 million rows a day, and cannot be changed once there are rows",
            _ => "",
        };
        self.run_step(&sql, table.as_str(), format!("created, partitioned by {}{advice}", unit.sql()))
    }

    fn alter_table(&mut self, server: &Server, actual: &Actual) -> Result<(), SinkError> {
        let table = server.table();
        let differences = actual.differences();
        for difference in &differences {
            match difference {
                Difference::Missing(Column { name, kind, .. }) => {
                    let sql = format!("ALTER TABLE \"{table}\" ADD COLUMN IF NOT EXISTS {name} {kind}");
                    self.run_step(&sql, table.as_str(), format!("added column {name} {kind}"))?;
                }
                Difference::Key(key) => {
                    wait_applied(server)?;
                    let sql = format!("ALTER TABLE \"{table}\" DEDUP ENABLE UPSERT KEYS({key})");
                    let did = format!("set to keep the last row of each ({key}); earlier duplicates stay");
                    self.run_step(&sql, table.as_str(), did)?;
                }
                Difference::Type { .. } | Difference::Timestamp(_) | Difference::NoWal => {}
            }
        }
        if differences.is_empty() { Ok(()) } else { wait_applied(server) }
    }

    fn migrate_view(&mut self, table: &TableName, view: View) -> Result<(), SinkError> {
        let name = view_name(table);
        match view {
            View::Missing => {
                let sql = QUARTER_HOURS_SQL.replace("{table}", table.as_str());
                self.run_step(&sql, &name, "created; refreshed every minute".to_owned())
            }
            View::Invalid { why } => {
                let sql = format!("REFRESH MATERIALIZED VIEW \"{name}\" FULL");
                self.run_step(&sql, &name, format!("was invalid ({why}): started a full refresh"))
            }
            View::Valid | View::Other { .. } => Ok(()),
        }
    }

    fn run_step(&mut self, sql: &str, object: &str, did: String) -> Result<(), SinkError> {
        self.server.execute(sql)?;
        let step = Step { object: object.to_owned(), did };
        tracing::info!(object = %step.object, did = %step.did, "migrated QuestDB");
        self.done.push(step.clone());
        self.note(&step)
    }

    /// Writes a step into the history table, and creates that table if it is missing.
    fn note(&self, step: &Step) -> Result<(), SinkError> {
        self.server.execute(HISTORY_SQL)?;
        let (object, did) = (quoted(&step.object), quoted(&step.did));
        let version = env!("CARGO_PKG_VERSION");
        self.server.execute(&format!("INSERT INTO {HISTORY} VALUES (now(), {object}, {did}, '{version}')"))?;
        Ok(())
    }
}

/// Waits until the server has applied the table's log, at most for the request's time-out.
fn wait_applied(server: &Server) -> Result<(), SinkError> {
    server.execute(&format!("SELECT wait_wal_table('{}')", server.table()))?;
    // For a suspended table the wait ends at once; its state is an error.
    confirm::table_state(server).map(|_| ())
}

/// Sentences about the differences that no statement can alter.
fn unalterable_differences(table: &TableName, actual: &Actual) -> Vec<String> {
    let differences = actual.differences();
    let unalterable = differences.iter().filter(|difference| !difference.can_be_altered());
    unalterable.map(|difference| difference.sentence(table)).collect()
}

/// The text as an SQL literal.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The state of the quarter-hour view.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum View {
    Missing,
    Valid,
    Invalid { why: String },
    Other { why: String },
}

pub(super) fn view_name(table: &TableName) -> String {
    format!("{table}_15m")
}

/// Reads the state of the quarter-hour view.
pub(super) fn view_state(server: &Server) -> Result<View, SinkError> {
    let name = view_name(server.table());
    for _ in 0..VIEW_TRIES_MAX {
        if let Some(view) = listed_view(server, &name)? {
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
fn listed_view(server: &Server, name: &str) -> Result<Option<View>, SinkError> {
    let table = server.table();
    let answer = server.execute(&format!(
        "SELECT base_table_name, view_sql, view_status, invalidation_reason FROM materialized_views() \
         WHERE view_name = '{name}'"
    ))?;
    let Some(row) = answer.rows().next() else { return Ok(None) };
    let (base, sql) = (row.text("base_table_name"), row.text("view_sql"));
    let view = if base != table.as_str() {
        View::Other { why: format!("it is over table {base}") }
    } else if words(sql) != words(wanted_query(&QUARTER_HOURS_SQL.replace("{table}", table.as_str()))) {
        View::Other { why: "it selects other data".to_owned() }
    } else if row.text("view_status") == "invalid" {
        View::Invalid { why: row.text("invalidation_reason").to_owned() }
    } else {
        View::Valid
    };
    Ok(Some(view))
}

/// The query between the outer parentheses of the view's statement.
fn wanted_query(sql: &str) -> &str {
    let inner = sql.split_once("AS (").map_or(sql, |(_, rest)| rest);
    inner.rsplit_once(") PARTITION BY").map_or(inner, |(query, _)| query)
}

fn words(sql: &str) -> Vec<&str> {
    sql.split_whitespace().collect()
}
