//! The decoded records of a source, read from the journal.

use super::item::Judge;
use super::output::Output;
use super::wire;
use crate::cli::failure::Failure;
use crate::cli::records::{check_source, open_journal, visit_records};
use crate::config::Config;
use crate::journal::Sequence;
use crate::reading::Limits;
use crate::wire::PayloadFormat;
use clap::Args;
use std::io::Write;
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

/// Prints the selected records of a source, judged by the limits in force at their receipt.
pub(super) fn decode(
    config: &Config,
    source: &str,
    arguments: &RecordArgs,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let journal = open_journal(config)?;
    check_source(&journal, source)?;
    let from = arguments.from.map_or_else(|| journal.view().oldest(), Sequence);
    let (mut count, mut result) = (0, Ok(()));
    visit_records(&journal, source, from, |record| {
        if count == arguments.limit || result.is_err() {
            return ControlFlow::Break(());
        }
        count += 1;
        let header = &record.header;
        let limits = journal.view().limits(header.rule).unwrap_or(Limits::DEFAULT);
        let judge = Judge { limits, received: Some(header.received) };
        result = output.begin_record(record.sequence, header.received);
        let offset = usize::try_from(record.sequence.0).unwrap_or(usize::MAX);
        if result.is_ok() {
            result = match PayloadFormat::from_number(header.format) {
                Some(format) => wire::decode(format, offset, record.payload, &judge, output),
                None => output.unreadable_message(
                    offset,
                    &format!("unknown payload format {}", header.format),
                    record.payload,
                ),
            };
        }
        ControlFlow::Continue(())
    })?;
    if count == 0 {
        return Err(Failure::failed(format!(
            "the journal holds no record of '{source}' from number {from} on; `meterline journal --records` lists the sources"
        )));
    }
    result
}
