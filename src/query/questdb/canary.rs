//! The one question that finds a test reading.

use super::Reader;
use crate::query::error::QueryError;
use crate::reading::{MeterId, UnixNanos};

impl Reader {
    /// The value of the canary's reading of this time.
    pub(in crate::query) fn canary(&self, at: UnixNanos) -> Result<Option<f64>, QueryError> {
        let (table, meter) = (self.server.table(), MeterId::CANARY);
        let sql = format!("SELECT value FROM \"{table}\" WHERE ts = '{at}' AND meter = '{meter}' LIMIT 1");
        Ok(self.server.execute(&sql)?.rows().find_map(|row| row.number("value")))
    }
}
