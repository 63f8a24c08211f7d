//! Creates the tables and the views, or alters them to the required state.
//!
//! Compares first and refuses before it changes anything; adds only what is missing, so a
//! second run does nothing. Does not know command lines. Each step is noted in the table
//! `meterline_migrations`, which no program reads.

use super::config::{Config, TableName};
use super::confirm;
use super::fault;
use super::schema::{self, Actual, Column, Difference, PartitionUnit};
use super::server::Server;
use super::ttl;
use super::view::{self, RollUp, View};
use crate::deliver::SinkError;
use crate::sink::Step;
use std::time::Duration;

const SAMPLES_SQL: &str = include_str!("../../../migrations/questdb/samples.sql");
const METERS_SQL: &str = include_str!("../../../migrations/questdb/meters.sql");
const HISTORY_SQL: &str = include_str!("../../../migrations/questdb/meterline_migrations.sql");
const HISTORY: &str = "meterline_migrations";
/// Attempts to create a view that the server mixes up with another one.
const CREATE_VIEW_ATTEMPTS_MAX: u32 = 10;
/// Between two looks whether a refresh has ended, and between two such attempts.
const REFRESH_POLL: Duration = Duration::from_millis(50);

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

/// Brings the server to the required state: the samples table, its views of quarter-hours,
/// hours and days, the table of meters, the migration history. `partition` is the required unit; without it a
/// new table gets days, and an existing table keeps its unit.
///
/// # Errors
/// When something cannot be changed, or the server fails.
pub fn migrate(config: &Config, partition: Option<PartitionUnit>) -> Result<Vec<Step>, MigrateError> {
    let server = Server::new(config);
    let meters = Server::new(&config.of_meters());
    let mut done = Vec::new();
    match (Migration { config, server: &server, meters: &meters, partition, done: &mut done }).run() {
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
    config: &'a Config,
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
        let mut refusals = self.refusals(&table, actual.as_ref());
        for roll_up in RollUp::ALL {
            refusals.extend(refused_view(roll_up, &table, &view::state(self.server, roll_up, Duration::MAX)?));
        }
        if self.config.keep.is_some() {
            refusals.extend(ttl::refusal(self.server)?);
        }
        refusals.extend(actual_meters.iter().flat_map(|actual| unalterable_differences(&meters, actual)));
        if !refusals.is_empty() {
            return Err(Stop::Refused(refusals));
        }
        match actual {
            None => self.create_table(&table)?,
            Some(actual) => self.alter_table(self.server, &actual)?,
        }
        self.set_ttl(&table)?;
        self.migrate_views(&table)?;
        match actual_meters {
            None => {
                let sql = METERS_SQL.replace("{table}", table.as_str()).replace("{meters}", meters.as_str());
                self.run_step(&sql, meters.as_str(), "created, for meter descriptions".to_owned())?;
            }
            Some(actual) => self.alter_table(self.meters, &actual)?,
        }
        Ok(())
    }

    fn refusals(&self, table: &TableName, actual: Option<&Actual>) -> Vec<String> {
        let mut refusals = Vec::new();
        if let Some(actual) = actual {
            refusals.extend(unalterable_differences(table, actual));
            refusals.extend(self.refused_partition(table, &actual.partitioned_by));
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

    /// Sets the table's TTL if it is not the one of `keep`. The view keeps its quarter-hours.
    fn set_ttl(&mut self, table: &TableName) -> Result<(), SinkError> {
        let Some(keep) = self.config.keep else { return Ok(()) };
        let Some(actual) = schema::actual(self.server, &schema::SAMPLES)? else { return Ok(()) };
        let Some(hours) = ttl::other(&actual, keep) else { return Ok(()) };
        let did = format!("set to keep its rows for {hours} hours");
        self.run_step(&ttl::statement(table, hours), table.as_str(), did)
    }

    /// Creates each view, or refreshes it if it is invalid. A refresh of a view makes the ones
    /// that are made from it invalid, so these wait until it has ended.
    fn migrate_views(&mut self, table: &TableName) -> Result<(), SinkError> {
        let mut base_made = None;
        for roll_up in RollUp::ALL {
            let name = roll_up.name(table);
            let asked_us = self.now_us()?;
            let view = match (view::state(self.server, roll_up, Duration::MAX)?, base_made) {
                (View::Missing, _) => View::Missing,
                (view, None) => view,
                (_, Some((base, base_asked_us))) => {
                    if !self.wait_refreshed(base, base_asked_us)? {
                        let did = format!(
                            "waits until the server has refreshed {}: run `meterline migrate` again",
                            base.name(table)
                        );
                        self.done.push(Step { object: name, did });
                        return Ok(());
                    }
                    View::Invalid { why: format!("{} was made again", base.name(table)) }
                }
            };
            match view {
                View::Missing => {
                    let did = format!("created; refreshed every {}", roll_up.every());
                    self.create_view(&roll_up.statement(table), &name, did)?;
                }
                View::Invalid { why } => {
                    if !self.refresh_view(roll_up, &name, &why)? {
                        // The views that are made from it keep their rows, too.
                        return Ok(());
                    }
                }
                View::Valid | View::Stale | View::Other { .. } => continue,
            }
            base_made = Some((roll_up, asked_us));
        }
        Ok(())
    }

    /// Creates a view, also beside another program that creates one at the same time.
    fn create_view(&mut self, sql: &str, name: &str, did: String) -> Result<(), SinkError> {
        let mut attempts = 1..CREATE_VIEW_ATTEMPTS_MAX;
        while let Err(error) = self.server.execute(sql) {
            if !fault::is_mixed_up_view(&error) || attempts.next().is_none() {
                return Err(error);
            }
            std::thread::sleep(REFRESH_POLL);
        }
        self.done_step(name, did)
    }

    /// Refreshes an invalid view, unless that would delete its rows for ever.
    fn refresh_view(&mut self, roll_up: RollUp, name: &str, why: &str) -> Result<bool, SinkError> {
        let sql = format!("REFRESH MATERIALIZED VIEW \"{name}\" FULL");
        if let Some(loss) = view::refresh_loss(self.server, roll_up)? {
            let did = format!(
                "is invalid ({why}) and was left as it is, because {loss}: bring the rows back and run \
                 `meterline migrate` again, or run `{sql}` to give these rows up"
            );
            self.done.push(Step { object: name.to_owned(), did });
            return Ok(false);
        }
        self.run_step(&sql, name, format!("was invalid ({why}): started a full refresh"))?;
        Ok(true)
    }

    /// The server's clock, in microseconds since 1970.
    fn now_us(&self) -> Result<Option<i64>, SinkError> {
        let answer = self.server.execute("SELECT cast(systimestamp() AS LONG) at")?;
        Ok(answer.rows().next().and_then(|row| row.integer("at")))
    }

    /// Waits for a refresh that ends after this time of the server, at most for about the
    /// request's time-out.
    fn wait_refreshed(&self, roll_up: RollUp, asked_us: Option<i64>) -> Result<bool, SinkError> {
        let looks = self.config.request_timeout.as_millis() / REFRESH_POLL.as_millis();
        for _ in 0..=looks {
            if view::refreshed_at(self.server, roll_up)? >= asked_us {
                return Ok(true);
            }
            std::thread::sleep(REFRESH_POLL);
        }
        Ok(false)
    }

    fn run_step(&mut self, sql: &str, object: &str, did: String) -> Result<(), SinkError> {
        self.server.execute(sql)?;
        self.done_step(object, did)
    }

    fn done_step(&mut self, object: &str, did: String) -> Result<(), SinkError> {
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

/// A sentence about a view that selects something else.
fn refused_view(roll_up: RollUp, table: &TableName, view: &View) -> Option<String> {
    let View::Other { why } = view else { return None };
    let name = roll_up.name(table);
    Some(format!(
        "view {name} is not the required one ({why}): drop it (`DROP MATERIALIZED VIEW {name}`) and run \
         `meterline migrate` again"
    ))
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
