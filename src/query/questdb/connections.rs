//! Connections to the server, which answers a query in parts.

use crate::query::error::QueryError;
use crate::sink::questdb::{Answer, Config, Row, Server, day_view};
use parking_lot::Mutex;

/// Connections that stay open at most.
const IDLE_MAX: usize = 4;
/// Rows of an answer: about 2 MB.
pub(super) const ROWS_MAX: usize = 10_000;

/// A server, the table of samples and open connections.
#[derive(Debug)]
pub(super) struct Connections {
    config: Config,
    idle: Mutex<Vec<Server>>,
}

impl Connections {
    /// Connects with the first query.
    pub(super) fn new(config: &Config) -> Self {
        Self { config: config.clone(), idle: Mutex::default() }
    }

    /// The view of days over the table.
    pub(super) fn day_view(&self) -> String {
        day_view(&self.config.table)
    }

    pub(super) fn table(&self) -> &str {
        self.config.table.as_str()
    }

    pub(super) fn execute(&self, sql: &str) -> Result<Answer, QueryError> {
        let kept = self.idle.lock().pop();
        let server = kept.unwrap_or_else(|| Server::new(&self.config));
        let answer = server.execute(sql).map_err(|error| {
            // The sentence is of a sink, which tries again.
            QueryError::Refused(error.message.trim_end_matches("; retrying").to_owned())
        })?;
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push(server);
        }
        Ok(answer)
    }

    /// Runs a query part by part, each of at most [`ROWS_MAX`] rows.
    pub(super) fn pages(&self, sql: &str, mut each: impl FnMut(Row<'_>)) -> Result<(), QueryError> {
        for page in 0.. {
            let (from, until) = (page * ROWS_MAX, (page + 1) * ROWS_MAX);
            let answer = self.execute(&format!("{sql} LIMIT {from}, {until}"))?;
            let mut count = 0;
            answer.rows().for_each(|row| {
                count += 1;
                each(row);
            });
            if count < ROWS_MAX {
                break;
            }
        }
        Ok(())
    }
}
