//! From what the server has to what the sink needs.
//!
//! Compares first and refuses before it changes anything; makes only what is
//! missing, so a second run does nothing. Knows nothing of command lines. What was
//! done is noted in `meterline_migrations`, which is history only: nothing reads it.

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

/// Looks at a view whose state the server does not tell.
const VIEW_TRIES_MAX: usize = 50;

/// Why the server is not as needed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Something is there that cannot be changed; nothing was done.
    #[error("QuestDB needs a decision, nothing was changed: {}", .0.join("; "))]
    Refused(Vec<String>),
    /// A statement failed; what was done before it stands, and a repeat goes on from there.
    #[error("{error} (done before it: {})", list(.done))]
    Server {
        /// What the server said.
        error: SinkError,
        /// What was done before.
        done: Vec<Step>,
    },
}

fn list(done: &[Step]) -> String {
    if done.is_empty() {
        return "nothing".to_owned();
    }
    done.iter().map(Step::to_string).collect::<Vec<_>>().join("; ")
}

/// Brings the server to the needed state: the samples table, its quarter-hour
/// view, the table of meters, the ledger. `partition` is the unit wanted; without it a new table gets
/// days, and any unit that is there is left.
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
    /// The same server by the table of meters.
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
                self.run_step(&sql, meters.as_str(), "made, for what is known of the meters".to_owned())?;
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
                "view {view} is not the one that is needed ({why}): drop it (`DROP MATERIALIZED VIEW {view}`) and run \
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
            (None, _) => "; fit for up to 5 million rows a day, and it cannot be changed once there are rows",
            _ => "",
        };
        self.run_step(&sql, table.as_str(), format!("made, partitioned by {}{advice}", unit.sql()))
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
                    let did = format!("set to keep the last row of each ({key}); rows it had twice before stay");
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
                self.run_step(&sql, &name, "made; refreshed every minute".to_owned())
            }
            View::Invalid { why } => {
                let sql = format!("REFRESH MATERIALIZED VIEW \"{name}\" FULL");
                self.run_step(&sql, &name, format!("was invalid ({why}): a full refresh was begun"))
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

    /// Writes a step into the ledger, which it makes when it is missing.
    fn note(&self, step: &Step) -> Result<(), SinkError> {
        self.server.execute(HISTORY_SQL)?;
        let (object, did) = (quoted(&step.object), quoted(&step.did));
        let version = env!("CARGO_PKG_VERSION");
        self.server.execute(&format!("INSERT INTO {HISTORY} VALUES (now(), {object}, {did}, '{version}')"))?;
        Ok(())
    }
}

/// Waits until the server has applied what it took; its answer is the wait's end,
/// the request's time-out its bound.
fn wait_applied(server: &Server) -> Result<(), SinkError> {
    server.execute(&format!("SELECT wait_wal_table('{}')", server.table()))?;
    // The wait ends at once for a suspended table; its state is an error.
    confirm::table_state(server).map(|_| ())
}

/// What no statement can mend of a table.
fn unalterable_differences(table: &TableName, actual: &Actual) -> Vec<String> {
    let differences = actual.differences();
    let unalterable = differences.iter().filter(|difference| !difference.can_be_altered());
    unalterable.map(|difference| difference.sentence(table)).collect()
}

/// A text as SQL writes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The quarter-hour view as the server has it.
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

/// Looks at the quarter-hour view.
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
        "QuestDB at {} does not tell the state of view {name}, which it is refreshing: try again",
        server.url()
    )))
}

/// The view as `materialized_views()` has it. A view that is being refreshed is
/// missing there for a moment.
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
        View::Other { why: "it selects something else".to_owned() }
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
