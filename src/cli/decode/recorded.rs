//! The decoded records of a source, read from the journal.

use super::view::Body;
use crate::cli::failure::Failure;
use crate::cli::records::{check_source, open_journal, visit_records};
use crate::config::Config;
use crate::journal::inspect::Inspection;
use crate::journal::{Record, Sequence};
use crate::reading::Limits;
use crate::wire::{self, PayloadFormat};
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::ops::ControlFlow;

/// Selects records of the journal.
#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// The source of the records: the name of a webhook account or of another source
    #[arg(long, value_name = "NAME", requires = "journal")]
    pub(super) source: Option<String>,
    /// The number of the first record; by default the oldest
    #[arg(long, value_name = "NUMBER", requires = "journal",
          value_parser = clap::value_parser!(u64).range(1..))]
    from: Option<u64>,
    /// The maximum number of records
    #[arg(long, value_name = "NUMBER", default_value_t = 100, requires = "journal")]
    limit: usize,
}

/// A record and its decoded body.
#[derive(Debug, Serialize)]
pub(super) struct DecodedRecord {
    sequence: u64,
    received: String,
    #[serde(flatten)]
    content: Content,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content {
    Decoded(Body),
    Undecodable { undecodable: String },
}

/// Returns the selected records of a source, judged by the limits in force at their receipt.
pub(super) fn records(config: &Config, source: &str, arguments: &RecordArgs) -> Result<Vec<DecodedRecord>, Failure> {
    let journal = open_journal(config)?;
    check_source(&journal, source)?;
    let from = arguments.from.map_or_else(|| journal.view().oldest(), Sequence);
    let mut records = Vec::new();
    visit_records(&journal, source, from, |record| {
        if records.len() == arguments.limit {
            return ControlFlow::Break(());
        }
        records.push(DecodedRecord::of(record, &journal));
        ControlFlow::Continue(())
    })?;
    if records.is_empty() {
        return Err(Failure::failed(format!(
            "the journal holds no record of '{source}' from number {from} on; `meterline journal --records` lists the sources"
        )));
    }
    Ok(records)
}

impl DecodedRecord {
    fn of(record: &Record<'_>, journal: &Inspection) -> Self {
        let header = &record.header;
        let limits = journal.view().limits(header.rule).unwrap_or(Limits::DEFAULT);
        let content = match PayloadFormat::from_number(header.format).map(|it| wire::readings(it, record.payload)) {
            Some(Ok(readings)) => Content::Decoded(Body::new(readings, &limits, Some(header.received))),
            Some(Err(error)) => Content::Undecodable { undecodable: error.to_string() },
            None => Content::Undecodable { undecodable: format!("unknown payload format {}", header.format) },
        };
        Self { sequence: record.sequence.0, received: header.received.to_string(), content }
    }
}

impl fmt::Display for DecodedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "record {}, received {}", self.sequence, self.received)?;
        match &self.content {
            Content::Decoded(body) => writeln!(f, "{body}"),
            Content::Undecodable { undecodable } => writeln!(f, "UNDECODABLE: {undecodable}"),
        }
    }
}
