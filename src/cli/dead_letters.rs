//! `meterline dead-letters`: what could not be delivered.

use super::Failure;
use super::place::DataPlace;
use super::table::{print, print_json, table};
use crate::app::command;
use crate::control::Command;
use crate::dead_letters::{LetterId, LetterSummary, Settlement, StoredLetter, read_all, read_one};
use crate::reading::UnixNanos;
use crate::wire::{self, PayloadFormat};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

/// Shows and settles what could not be delivered
///
/// Kept are bodies that could not be decoded, records with samples that were set
/// aside, and rows that a sink refused for their own content.
#[derive(Debug, Args)]
pub(super) struct DeadLettersArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the open letters
    List {
        #[command(flatten)]
        place: DataPlace,
        /// Also the settled ones
        #[arg(long)]
        all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one letter and what can be read from its body
    Show {
        #[command(flatten)]
        place: DataPlace,
        /// The letter's number
        letter: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a letter's body to standard output
    Export {
        #[command(flatten)]
        place: DataPlace,
        /// The letter's number
        letter: u64,
        /// The bytes themselves instead of hexadecimal digits
        #[arg(long)]
        raw: bool,
    },
    /// Send the bodies of letters through ingest again, after what was wrong is mended
    ///
    /// It is as if the sender sent it again now: judged by today's rule, and its
    /// values become the latest of their keys. Look first, with `show`, whether a
    /// correction has come since.
    Resubmit {
        #[command(flatten)]
        place: DataPlace,
        /// Their numbers, or ranges like 3-17 of which the open ones are meant
        #[arg(required = true)]
        letters: Vec<Letters>,
    },
    /// Settle letters that nobody needs
    Drop {
        #[command(flatten)]
        place: DataPlace,
        /// Their numbers, or ranges like 3-17 of which the open ones are meant
        #[arg(required = true)]
        letters: Vec<Letters>,
    },
}

pub(super) fn run(arguments: &DeadLettersArgs) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::List { place, all, json } => list(place, *all, *json),
        Verb::Show { place, letter, json } => show(place, LetterId(*letter), *json),
        Verb::Export { place, letter, raw } => export(place, LetterId(*letter), *raw),
        Verb::Resubmit { place, letters } => settle(place, letters, |letter| Command::Resubmit { letter }),
        Verb::Drop { place, letters } => settle(place, letters, |letter| Command::Drop { letter }),
    }
}

/// One letter, or all open ones of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Letters {
    One(u64),
    Range(RangeInclusive<u64>),
}

impl FromStr for Letters {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().map_err(|_| format!("'{text}' is no letter's number"));
        match text.split_once('-') {
            None => Ok(Self::One(number(text)?)),
            Some((first, last)) => Ok(Self::Range(number(first)?..=number(last)?)),
        }
    }
}

/// The numbers that are meant, each once, lowest first.
fn numbers(directory: &Path, letters: &[Letters]) -> Result<BTreeSet<u64>, Failure> {
    let mut numbers = BTreeSet::new();
    let mut open = None;
    for letters in letters {
        match letters {
            Letters::One(number) => {
                numbers.insert(*number);
            }
            Letters::Range(range) => {
                let open = match &open {
                    Some(open) => open,
                    None => open.insert(read_all(directory, |_| false).map_err(Failure::failed)?),
                };
                let is_meant = |found: &&StoredLetter| found.settled.is_none() && range.contains(&found.id.0);
                numbers.extend(open.iter().filter(is_meant).map(|found| found.id.0));
            }
        }
    }
    Ok(numbers)
}

#[derive(Debug, Serialize)]
struct Line {
    letter: LetterId,
    settled: Option<Settlement>,
    #[serde(flatten)]
    listed: LetterSummary,
    body_bytes: Option<usize>,
}

fn list(place: &DataPlace, all: bool, json: bool) -> Result<(), Failure> {
    let directory = place.load()?.dead_letters_directory();
    let found = if directory.is_dir() { read_all(&directory, |_| false).map_err(Failure::failed)? } else { Vec::new() };
    let shown: Vec<_> = found.iter().filter(|found| all || found.settled.is_none()).collect();
    if json {
        let lines = shown.iter().map(|found| Line {
            letter: found.id,
            settled: found.settled,
            listed: found.letter.summary(),
            body_bytes: None,
        });
        return print_json(&lines.collect::<Vec<_>>());
    }
    if shown.is_empty() {
        return print("no open dead letters");
    }
    let mut letters = table(&["letter", "kind", "source", "received", "record", "sink", "reason"]);
    for found in shown {
        letters.add_row([
            found.id.to_string(),
            state(found),
            found.letter.source.clone(),
            found.letter.received.to_string(),
            found.letter.sequence.to_string(),
            found.letter.sink.clone().unwrap_or_default(),
            found.letter.reason.clone(),
        ]);
    }
    print(letters)
}

fn state(found: &StoredLetter) -> String {
    match found.settled {
        None => found.letter.kind.label().to_owned(),
        Some(Settlement::Resubmitted) => format!("{}, re-submitted", found.letter.kind.label()),
        Some(Settlement::Dropped) => format!("{}, dropped", found.letter.kind.label()),
        Some(Settlement::Evicted) => format!("{}, gave way to newer ones", found.letter.kind.label()),
    }
}

fn find(place: &DataPlace, letter: LetterId) -> Result<StoredLetter, Failure> {
    read_one(&place.load()?.dead_letters_directory(), letter).map_err(Failure::failed)
}

fn show(place: &DataPlace, letter: LetterId, json: bool) -> Result<(), Failure> {
    let found = find(place, letter)?;
    if json {
        return print_json(&Line {
            letter: found.id,
            settled: found.settled,
            listed: found.letter.summary(),
            body_bytes: Some(found.letter.body.len()),
        });
    }
    let letter = &found.letter;
    print(format!(
        "letter {}: {}\nsource {}, received {}\nrecord {} of journal {}\nreason: {}",
        found.id,
        state(&found),
        letter.source,
        letter.received,
        letter.sequence,
        letter.journal,
        letter.reason
    ))?;
    if let Some(sink) = &letter.sink {
        print(format!("refused by {sink}"))?;
    }
    if let Some(row) = letter.row {
        print(format!("row: reading {}, meter {}, {} at {}", row.index, row.meter, row.obis, row.at))?;
    }
    print(format!("\nbody of {} bytes:\n{}", letter.body.len(), contents(letter.format, &letter.body)))
}

fn contents(format: u16, body: &[u8]) -> String {
    let Some(format) = PayloadFormat::from_number(format) else {
        return format!("payload format {format} is not known to this program");
    };
    if format == PayloadFormat::Meters {
        return described(body);
    }
    let readings = match wire::readings(format, body) {
        Ok(readings) => readings,
        Err(error) => return format!("cannot be decoded: {error}"),
    };
    let mut lines = Vec::new();
    for reading in readings {
        let meter = reading.meter.map_or_else(|why| why.label().to_owned(), |meter| meter.to_string());
        let at = reading.at.map_or_else(|why| why.label().to_owned(), |at: UnixNanos| at.to_string());
        lines.push(format!("  reading {}: {meter} at {at}", reading.index));
        lines.extend(reading.values.map(|value| match value {
            Ok(sample) => format!("    {} = {}", sample.obis, sample.value),
            Err(why) => format!("    {}", why.label()),
        }));
    }
    lines.join("\n")
}

fn described(body: &[u8]) -> String {
    let versions = match wire::meters::versions(body) {
        Ok(versions) => versions,
        Err(error) => return format!("cannot be decoded: {error}"),
    };
    let line =
        |it: &wire::meters::Version| format!("  meter {} from {}: {}", it.meter, it.valid_from, it.description.name);
    versions.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn export(place: &DataPlace, letter: LetterId, raw: bool) -> Result<(), Failure> {
    let body = find(place, letter)?.letter.body;
    if raw {
        std::io::stdout().write_all(&body)?;
        return Ok(());
    }
    print(hex::encode(body))
}

fn settle(place: &DataPlace, letters: &[Letters], verb: impl Fn(u64) -> Command) -> Result<(), Failure> {
    let config = place.load()?;
    let numbers = numbers(&config.dead_letters_directory(), letters)?;
    if numbers.is_empty() {
        return print("no open dead letters there");
    }
    for number in numbers {
        print(command(&config, verb(number)).map_err(Failure::failed)?.join("\n"))?;
    }
    Ok(())
}
