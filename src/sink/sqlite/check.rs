//! The check of a store on demand: `meterline check --store`.

use super::generation::{integrity_fault, refuse_foreign_log, with_log};
use crate::base::{Finding, Level};
use std::path::Path;
use std::time::Duration;

/// How long the check waits while another program locks the store.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Reads the whole store and compares it with its log and its indexes. Changes nothing and
/// works beside a running service.
pub fn check(file: &Path) -> Vec<Finding> {
    let shown = file.display();
    let found = |level, message: String| vec![Finding { level, message }];
    if !file.exists() {
        return found(Level::Good, format!("the store {shown} does not exist yet; the service creates it"));
    }
    if let Err(error) = refuse_foreign_log(file) {
        return found(Level::Fault, error.message);
    }
    let checked = with_log(file).and_then(|store| {
        store.busy_timeout(BUSY_WAIT)?;
        integrity_fault(&store)
    });
    match checked {
        Ok(None) => found(Level::Good, format!("the store {shown} is intact")),
        Ok(Some(fault)) => found(
            Level::Fault,
            format!(
                "the store {shown} is damaged ({fault}); restore a copy with `meterline store restore`, or stop the \
                 service and move the file, its -wal and its -shm away: a new store is filled from the journal"
            ),
        ),
        Err(error) => found(Level::Fault, super::file::sink_error(file, &error).message),
    }
}
