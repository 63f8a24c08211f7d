//! `meterline decode`: what is in a body, for a person or a script.
//!
//! Reads the body as the service does, so what it shows is what would be stored.

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

/// Shows what is in a body: of a file, or of a source's records
///
/// Prints every reading with its meter, time and values, each value with the
/// code's name and unit, and what would be set aside with the reason. A body
/// whose framing is broken is refused with byte and field. With --journal it shows
/// the bodies that the journal holds of a source, each judged as it was at its
/// receipt; the service may be running.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline decode body.bin\n  \
    echo 0a5a0a12... | meterline decode\n  \
    meterline dead-letters export 17 --raw | meterline decode --json\n  \
    meterline decode body.bin --received 2026-11-21T13:15:10Z    judged as if it came then\n  \
    meterline decode --journal --source building-a --limit 1   the oldest record of that account")]
pub(super) struct DecodeArgs {
    /// The file that holds the body; standard input without one, or with -
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// How the body is written: raw bytes, or hexadecimal digits with any blanks
    #[arg(long, value_enum, default_value_t = Encoding::Auto)]
    input: Encoding,
    /// What the body is
    #[arg(long, value_enum, default_value_t = Format::SmartMe)]
    format: Format,
    /// Judge times too, as if the body came at this time (RFC 3339), by the default limits
    #[arg(long, value_name = "TIME")]
    received: Option<jiff::Timestamp>,
    /// Show what the journal holds of a source instead
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

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The body of smart-me's realtime webhook
    SmartMe,
    /// meterline's own batch of readings, as polled and fetched ones are recorded
    Meterline,
}

/// Why a body is not shown.
#[derive(Debug, thiserror::Error)]
enum ShowError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("this is no such body (--format says which), at {0}")]
    Undecodable(#[from] DecodeError),
    #[error("--received {0}: give a time between the years 1678 and 2261")]
    Received(jiff::Timestamp),
}

/// Shows what the arguments name.
///
/// # Errors
/// When it cannot be read or its framing is broken.
pub(super) fn run(arguments: &DecodeArgs) -> Result<(), Failure> {
    if let Some(source) = &arguments.records.source {
        let records = recorded::records(&arguments.location.load()?, source, &arguments.records)?;
        return if arguments.json { print_json(&records) } else { records.iter().try_for_each(print) };
    }
    let bytes = input::bytes(arguments.file.as_deref(), arguments.input).map_err(Failure::failed)?;
    let body = decoded(&bytes, arguments.format, arguments.received).map_err(Failure::failed)?;
    if arguments.json { print_json(&body) } else { print(&body) }
}

fn decoded(bytes: &[u8], format: Format, received: Option<jiff::Timestamp>) -> Result<Body, ShowError> {
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
