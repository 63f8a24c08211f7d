//! `meterline export`: writes samples to a file or to standard output.
//!
//! The samples are streamed: memory does not grow with their number. A file is complete or is not there: it is written
//! under another name, synced and renamed. A pipe, a device or a link is written directly.

mod csv;
#[cfg(feature = "parquet")]
mod parquet;
mod progress;
mod row;

use super::Failure;
use super::location::{DataLocation, history};
use super::query::{registers, span};
use super::table::{print, print_json};
use super::verbosity::Verbosity;
use crate::base::Stop;
use crate::base::file::{Rights, replace_with};
use crate::clock::Clock;
use crate::query::select;
use crate::query::{Filter, Limit, MeterEntry, Place, QueryError, Span, Store, When};
use crate::reading::{MeterId, Units};
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use progress::Progress;
use row::{Exported, Rows};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// Write samples to a CSV or Parquet file
///
/// Each row is a sample: its time in UTC, its meter with name and metering point, its register with name and unit, its
/// value as it is stored. The samples of the embedded store come by meter, register and time, the samples of QuestDB by time.
/// Reads the embedded store, or QuestDB if the configuration has no embedded store. A file appears when it is complete;
/// an interrupted export leaves none.
/// Works beside a running service.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline export --from 2026-11 --to 2026-11 --output november.csv\n  \
    meterline export --meter 'Heat pump' --register power --from yesterday > power.csv\n  \
    meterline export --meter house-1 --output house-1.parquet\n\n\
    A field of CSV is in quotes if it has a comma, a quote or a line break (RFC 4180).\n\n\
    Exit codes: 0 success, 1 failure, 2 wrong usage, 3 error in the configuration.")]
pub(super) struct ExportArgs {
    #[command(flatten)]
    location: DataLocation,
    /// Only this meter or metering point, by its name, serial number or id; may be given several times
    #[arg(long = "meter", short, value_name = "TEXT")]
    meters: Vec<String>,
    /// Only this register, by its code (1.8.0) or name, or all whose name contains this text
    #[arg(long = "register", short, value_name = "TEXT")]
    registers: Vec<String>,
    /// The start: a day, a month, a time, today or yesterday; by default the first sample
    #[arg(long, value_name = "TIME")]
    from: Option<When>,
    /// The end; a day or a month is part of it; by default the last sample
    #[arg(long, value_name = "TIME")]
    to: Option<When>,
    /// The file; without one the samples go to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The format; by default the ending of the file, else csv
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Print the number of samples as JSON; needs --output
    #[arg(long, requires = "output")]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated values
    Csv,
    /// Apache Parquet
    #[cfg(feature = "parquet")]
    Parquet,
}

/// A failed export.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("{0}")]
    Query(#[from] QueryError),
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

pub(super) fn run(arguments: &ExportArgs, verbosity: Verbosity) -> Result<(), Failure> {
    let config = arguments.location.load()?;
    let store = history(&config)?;
    // To standard output there is nothing to clear away.
    let interrupted = Stop::default();
    let store = match &arguments.output {
        Some(_) => {
            note_signals(interrupted.clone())?;
            store.within(&Limit::until(&interrupted))
        }
        None => store,
    };
    let meters = store.meters().map_err(Failure::failed)?;
    let filter = arguments.filter(&store, &meters)?;
    let names: BTreeMap<MeterId, MeterEntry> = meters.into_iter().map(|entry| (entry.meter, entry)).collect();
    let (store, filter, names, units) = (&store, &filter, &names, &config.units);
    let export = Export { store, filter, names, units, format: arguments.format()?, verbosity };
    let Some(file) = &arguments.output else {
        return match export.write(BufWriter::new(io::stdout())) {
            // `| head` is not a failure.
            Err(ExportError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done.map(drop).map_err(Failure::failed),
        };
    };
    let count = export.write_file(file).map_err(|error| match error {
        ExportError::Query(QueryError::Left) => {
            Failure::failed(format!("the export was interrupted before {} was complete", file.display()))
        }
        error => Failure::failed(error),
    })?;
    if arguments.json {
        print_json(&json!({ "file": file, "samples": count }))
    } else {
        print(format!("{count} samples are in {}", file.display()))
    }
}

/// Asks for the end at SIGINT or SIGTERM, on a thread of its own.
fn note_signals(interrupted: Stop) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        interrupted.by(Clock::system().monotonic());
    })?;
    Ok(())
}

impl ExportArgs {
    fn filter(&self, store: &Store, meters: &[MeterEntry]) -> Result<Filter, Failure> {
        let mut chosen = Vec::new();
        let mut places = Vec::new();
        for text in &self.meters {
            let found = select::place(meters, text).map_err(Failure::failed)?;
            places.push(found.place);
            chosen.extend(found.meters);
        }
        let registers = registers(store, &chosen, &self.registers)?;
        let span = self.span(store, &places)?;
        Ok(Filter { meters: chosen.iter().map(|entry| entry.meter).collect(), registers, span })
    }

    /// Days are local days of the first meter that is given.
    fn span(&self, store: &Store, places: &[Place]) -> Result<Span, Failure> {
        let zone = match places.first() {
            Some(place) => store.time_zone(place),
            // No metering point has an empty name.
            None => store.time_zone(&Place::Point(String::new())),
        };
        let zone = TimeZone::get(&zone.map_err(Failure::failed)?).unwrap_or(TimeZone::UTC);
        let all = Span::ALL;
        let (from, to) = (self.from.unwrap_or(When::At(all.from)), self.to.unwrap_or(When::At(all.until)));
        span(from, to, &zone)
    }

    fn format(&self) -> Result<Format, Failure> {
        let ending = self.output.as_deref().and_then(Path::extension).unwrap_or_default();
        match self.format {
            Some(format) => Ok(format),
            #[cfg(feature = "parquet")]
            None if ending == "parquet" => Ok(Format::Parquet),
            #[cfg(not(feature = "parquet"))]
            None if ending == "parquet" => Err(Failure::failed(
                "this build does not write Parquet: build it with the feature 'parquet', or export CSV",
            )),
            None => Ok(Format::Csv),
        }
    }
}

struct Export<'a> {
    store: &'a Store,
    filter: &'a Filter,
    names: &'a BTreeMap<MeterId, MeterEntry>,
    units: &'a Units,
    format: Format,
    verbosity: Verbosity,
}

impl Export<'_> {
    fn write_file(&self, file: &Path) -> Result<u64, ExportError> {
        // A device, a pipe or a link is not replaced.
        if fs::symlink_metadata(file).is_ok_and(|found| !found.is_file()) {
            return self.write(BufWriter::new(File::create(file)?));
        }
        let mut result = Ok(0);
        let replaced = replace_with(file, Rights::PRIVATE, |output| {
            result = self.write(BufWriter::new(output.try_clone()?));
            match &result {
                Ok(_) => Ok(()),
                Err(error) => Err(io::Error::other(error.to_string())),
            }
        });
        if replaced.is_err() {
            crate::base::file::remove_new(file);
        }
        let count = result?;
        replaced?;
        Ok(count)
    }

    /// Writes all samples; returns their number.
    fn write(&self, output: impl Write + Send + 'static) -> Result<u64, ExportError> {
        let mut rows: Box<dyn Rows> = match self.format {
            Format::Csv => Box::new(csv::Csv::begin(output)?),
            #[cfg(feature = "parquet")]
            Format::Parquet => Box::new(parquet::Parquet::begin(output)?),
        };
        let mut progress = Progress::begin(self.verbosity);
        let mut failed = None;
        let read = self.store.samples(self.filter, &mut |sample| {
            let meter = self.names.get(&sample.meter);
            let unit = self.units.symbol(sample.meter, sample.obis);
            match rows.add(&Exported { sample, meter, unit }) {
                Ok(()) => {
                    progress.add(sample.at);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        let count = progress.end();
        read?;
        failed.map_or(Ok(()), Err)?;
        rows.finish()?;
        Ok(count)
    }
}
