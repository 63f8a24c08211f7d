//! `meterline decode`: prints a decoded body for a person or a script.
//!
//! It decodes with the code of the service, so it shows the values that would be stored.

mod input;
mod recorded;
mod view;

use super::failure::Failure;
use super::location::DataLocation;
use super::table::{print, print_json};
use crate::reading::{Limits, UnixNanos};
use crate::wire::{self, DecodeError, PayloadFormat};
use clap::{Args, ValueEnum};
use input::{Encoding, InputError};
use recorded::RecordArgs;
use std::path::PathBuf;
use view::Body;

/// Decode a body from a file, or the recorded bodies of a source
///
/// Prints every reading with its meter, time and values. Each value has the name and
/// unit of its register. A sample that would be set aside has the reason. If a body
/// cannot be decoded, the error names the byte and the field. With --journal, the
/// command decodes records of the journal and applies the limits that were in force
/// when they were received. It changes nothing; the service may be running.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline decode body.bin\n  \
    echo 0a5a0a12... | meterline decode\n  \
    meterline dead-letters export 17 --raw | meterline decode --json\n  \
    meterline decode body.bin --received 2026-11-21T13:15:10Z    check its times against this time\n  \
    meterline decode --journal --source building-a --limit 1   the oldest record of this source\n\n\
    Exit codes: 0 success, 1 the input cannot be read or decoded, 3 error in the configuration.")]
pub(super) struct DecodeArgs {
    /// The file with the body; standard input if absent or -
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The encoding of the input; whitespace between hexadecimal digits is ignored
    #[arg(long, value_enum, default_value_t = Encoding::Auto)]
    input: Encoding,
    /// The format of the body
    #[arg(long, value_enum, default_value_t = Format::SmartMe)]
    format: Format,
    /// Also check measurement times, as if the body was received at this time (RFC 3339), with the default limits
    #[arg(long, value_name = "TIME")]
    received: Option<jiff::Timestamp>,
    /// Decode records of the journal instead; needs --source
    #[arg(long, requires = "source", conflicts_with_all = ["file", "input", "format", "received"])]
    journal: bool,
    #[command(flatten)]
    records: RecordArgs,
    #[command(flatten)]
    location: DataLocation,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// The format of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The body of smart-me's realtime webhook
    SmartMe,
    /// A ReadingBatch of meterline: the form in which polled readings are recorded
    Meterline,
}

/// An error of `meterline decode`.
#[derive(Debug, thiserror::Error)]
enum ShowError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("not a valid body of this format (--format selects it): {0}")]
    Undecodable(#[from] DecodeError),
    #[error("--received {0} is out of range: give a time between the years 1678 and 2261")]
    Received(jiff::Timestamp),
}

/// Decodes and prints the body or the records that the arguments select.
///
/// # Errors
/// When the input cannot be read or decoded.
pub(super) fn run(arguments: &DecodeArgs) -> Result<(), Failure> {
    if let Some(source) = &arguments.records.source {
        let records = recorded::records(&arguments.location.load_existing()?, source, &arguments.records)?;
        return if arguments.json { print_json(&records) } else { records.iter().try_for_each(print) };
    }
    let bytes = input::bytes(arguments.file.as_deref(), arguments.input).map_err(Failure::failed)?;
    let body = decode(&bytes, arguments.format, arguments.received).map_err(Failure::failed)?;
    if arguments.json { print_json(&body) } else { print(&body) }
}

fn decode(bytes: &[u8], format: Format, received: Option<jiff::Timestamp>) -> Result<Body, ShowError> {
    let format = match format {
        Format::SmartMe => PayloadFormat::SmartMe,
        Format::Meterline => PayloadFormat::ReadingBatch,
    };
    let received =
        received.map(|time| i64::try_from(time.as_nanosecond()).map(UnixNanos).map_err(|_| ShowError::Received(time)));
    Ok(Body::new(wire::readings(format, bytes)?, &Limits::DEFAULT, received.transpose()?))
}

#[cfg(test)]
mod tests;
