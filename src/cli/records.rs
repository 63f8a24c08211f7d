//! Reads the journal's records for the commands, beside a running service.

use super::failure::Failure;
use crate::app::no_source;
use crate::config::Config;
use crate::journal::inspect::{self, Inspection};
use crate::journal::{Record, Sequence};
use std::ops::ControlFlow;

/// Opens the journal of an existing data directory for inspection.
pub(super) fn open_journal(config: &Config) -> Result<Inspection, Failure> {
    inspect::open(&config.journal_directory()).map_err(Failure::failed)
}

/// Checks that the journal has a source of this name: a misspelt name would look like a
/// source without data.
pub(super) fn check_source(journal: &Inspection, name: &str) -> Result<(), Failure> {
    if journal.view().source_names().iter().any(|known| **known == *name) {
        return Ok(());
    }
    Err(Failure::Failed(no_source(journal.view(), name)))
}

/// Calls `visit` with every record of a source, from a sequence number on, until it breaks.
pub(super) fn visit_records(
    journal: &Inspection,
    source: &str,
    from: Sequence,
    mut visit: impl FnMut(&Record<'_>) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let mut reader = journal.view().reader(from).map_err(Failure::failed)?;
    while let Some(record) = reader.read().map_err(Failure::failed)? {
        let is_of_source = journal.view().source_name(record.header.source).is_some_and(|name| *name == *source);
        if is_of_source && visit(&record).is_break() {
            break;
        }
    }
    Ok(())
}
