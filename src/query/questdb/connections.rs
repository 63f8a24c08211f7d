//! Connections to the server, and the parts of what is asked.
//!
//! No rows are asked for by their number: a row that is inserted between two parts would shift all others.

use super::sql;
use crate::query::error::QueryError;
use crate::query::limit::Limit;
use crate::reading::MeterId;
use crate::sink::questdb::{Answer, Config, Row, Server, day_view};
use parking_lot::Mutex;
use std::fmt::Display;
use std::sync::Arc;

/// Connections that stay open at most.
const IDLE_MAX: usize = 4;
/// Rows of an answer: about 2 MB.
pub(super) const ROWS_MAX: usize = 10_000;
/// Ids of meters in one answer: 3.5 MB.
const IDS_MAX: usize = 80_000;
/// Names or ids in one statement: it is part of a request's address, which has a bound on the server.
pub(super) const LISTED_MAX: usize = 200;

/// A server, the table of samples and open connections. Clones share them, and have limits of their own.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    shared: Arc<Shared>,
    limit: Limit,
}

#[derive(Debug)]
struct Shared {
    config: Config,
    idle: Mutex<Vec<Server>>,
}

impl Connections {
    /// Connects with the first query.
    pub(super) fn new(config: &Config) -> Self {
        let shared = Shared { config: config.clone(), idle: Mutex::default() };
        Self { shared: Arc::new(shared), limit: Limit::default() }
    }

    /// The same connections, whose queries end at a limit.
    pub(super) fn within(&self, limit: Limit) -> Self {
        Self { limit, ..self.clone() }
    }

    /// The view of days over the table.
    pub(super) fn day_view(&self) -> String {
        day_view(&self.shared.config.table)
    }

    pub(super) fn table(&self) -> &str {
        self.shared.config.table.as_str()
    }

    pub(super) fn execute(&self, sql: &str) -> Result<Answer, QueryError> {
        self.limit.check()?;
        let kept = self.shared.idle.lock().pop();
        let server = kept.unwrap_or_else(|| Server::new(&self.shared.config));
        let answer = server.execute_until(sql, self.limit.over()).map_err(|error| {
            // The sentence is of a sink, which tries again.
            QueryError::Refused(error.message.trim_end_matches("; retrying").to_owned())
        })?;
        // A connection without its answer is closed.
        let answer = answer.ok_or_else(|| self.limit.error())?;
        let mut idle = self.shared.idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push(server);
        }
        Ok(answer)
    }

    /// The meters in the only column of a query. One that is inserted meanwhile moves those behind it, so a meter may come
    /// again in the next part, and none is left out.
    pub(super) fn ids(&self, sql: &str) -> Result<Vec<MeterId>, QueryError> {
        let mut found = Vec::new();
        for from in (0..).step_by(IDS_MAX) {
            let answer = self.execute(&format!("{sql} ORDER BY meter LIMIT {from}, {}", from + IDS_MAX))?;
            found.extend(answer.rows().filter_map(sql::meter));
            if answer.rows().count() < IDS_MAX {
                break;
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Runs a query for these names or ids. `sql` makes it from a list of at most `most` of them. A part with more rows
    /// than an answer is asked for again in two halves.
    pub(super) fn parts<T: Display>(
        &self,
        of: &[T],
        most: usize,
        sql: &impl Fn(&str) -> String,
        each: &mut impl FnMut(Row<'_>),
    ) -> Result<(), QueryError> {
        for part in of.chunks(most.clamp(1, LISTED_MAX)) {
            let listed = sql::list(part);
            let answer = self.execute(&format!("{} LIMIT {}", sql(&listed), ROWS_MAX + 1))?;
            match (answer.rows().count(), part.len()) {
                (..=ROWS_MAX, _) => answer.rows().for_each(&mut *each),
                (_, 2..) => self.parts(part, part.len().div_ceil(2), sql, each)?,
                _ => return Err(QueryError::Refused(format!("QuestDB has over {ROWS_MAX} rows for {listed}"))),
            }
        }
        Ok(())
    }
}
