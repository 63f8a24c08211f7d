//! `meterline dead-letters`: lists, shows and settles undelivered data.

use super::Failure;
use super::location::DataLocation;
use super::table::{print, print_bytes, print_json, table};
use crate::app::command;
use crate::control::Command;
use crate::dead_letters::{LetterId, LetterSummary, Settlement, StoredLetter, read_all, read_one};
use crate::reading::UnixNanos;
use crate::wire::{self, PayloadFormat};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

/// List, show, export, re-submit or drop undelivered data
///
/// A dead letter keeps data that was received and could not be delivered: a body that
/// could not be decoded, a record with implausible samples (set aside), or a row that a
/// sink refused because of its content. It stays open until you re-submit or drop it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline dead-letters list\n  \
    meterline dead-letters show 17\n  \
    meterline dead-letters resubmit 3-17 21\n\n\
    Exit codes: 0 success, 1 failure, 3 error in the configuration.")]
pub(super) struct DeadLettersArgs {
    #[command(subcommand)]
    verb: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the open dead letters
    List {
        #[command(flatten)]
        location: DataLocation,
        /// Include closed dead letters (re-submitted, dropped or evicted)
        #[arg(long)]
        all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one dead letter and its decoded body
    Show {
        #[command(flatten)]
        location: DataLocation,
        /// The dead letter's number
        letter: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a dead letter's body to standard output
    Export {
        #[command(flatten)]
        location: DataLocation,
        /// The dead letter's number
        letter: u64,
        /// Write the raw bytes instead of hexadecimal digits
        #[arg(long)]
        raw: bool,
    },
    /// Send the bodies of dead letters through ingest again
    ///
    /// Use it when the cause is repaired. The body is taken as if it were received now:
    /// the current limits apply, and its values replace earlier values of the same meter,
    /// register and time. First check with `show` that no newer value was received. A dead
    /// letter that would deliver nothing stays open. The service must be running.
    Resubmit {
        #[command(flatten)]
        location: DataLocation,
        /// Numbers of dead letters, or ranges such as 3-17 (all open ones in the range)
        #[arg(required = true)]
        letters: Vec<LetterSelection>,
    },
    /// Discard dead letters
    ///
    /// The data of the dead letters is not delivered. The service may be running or not.
    Drop {
        #[command(flatten)]
        location: DataLocation,
        /// Numbers of dead letters, or ranges such as 3-17 (all open ones in the range)
        #[arg(required = true)]
        letters: Vec<LetterSelection>,
    },
}

pub(super) fn run(arguments: &DeadLettersArgs) -> Result<(), Failure> {
    match &arguments.verb {
        Action::List { location, all, json } => list(location, *all, *json),
        Action::Show { location, letter, json } => show(location, LetterId(*letter), *json),
        Action::Export { location, letter, raw } => export(location, LetterId(*letter), *raw),
        Action::Resubmit { location, letters } => settle(location, letters, |letter| Command::Resubmit { letter }),
        Action::Drop { location, letters } => settle(location, letters, |letter| Command::Drop { letter }),
    }
}

/// One letter, or all open letters of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
enum LetterSelection {
    One(u64),
    Range(RangeInclusive<u64>),
}

impl FromStr for LetterSelection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.parse()
                .map_err(|_| format!("'{text}' is not the number of a letter; give a number (17) or a range (3-17)"))
        };
        match text.split_once('-') {
            None => Ok(Self::One(number(text)?)),
            Some((first, last)) => match (number(first)?, number(last)?) {
                (first, last) if first > last => {
                    Err(format!("the range '{text}' is empty; give the lower number first ({last}-{first})"))
                }
                (first, last) => Ok(Self::Range(first..=last)),
            },
        }
    }
}

/// Returns the selected numbers, each once, lowest first.
fn selected_numbers(directory: &Path, selections: &[LetterSelection]) -> Result<BTreeSet<u64>, Failure> {
    let mut numbers = BTreeSet::new();
    let mut open = None;
    for selection in selections {
        match selection {
            LetterSelection::One(number) => {
                numbers.insert(*number);
            }
            LetterSelection::Range(range) => {
                let open = match &open {
                    Some(open) => open,
                    None => open.insert(read_all(directory, |_| false).map_err(Failure::failed)?),
                };
                let is_selected = |found: &&StoredLetter| found.settled.is_none() && range.contains(&found.id.0);
                numbers.extend(open.iter().filter(is_selected).map(|found| found.id.0));
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

fn list(location: &DataLocation, all: bool, json: bool) -> Result<(), Failure> {
    let directory = location.load_existing()?.dead_letters_directory();
    let found = read_all(&directory, |_| false).map_err(Failure::failed)?;
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
        return print(if all { "no dead letters" } else { "no open dead letters" });
    }
    let mut letters = table(&["letter", "kind", "source", "received", "record", "sink", "reason"]);
    for found in shown {
        letters.add_row([
            found.id.to_string(),
            state_label(found),
            found.letter.source.clone(),
            found.letter.received.to_string(),
            found.letter.sequence.to_string(),
            found.letter.sink.clone().unwrap_or_default(),
            found.letter.reason.clone(),
        ]);
    }
    print(letters)
}

fn state_label(found: &StoredLetter) -> String {
    match found.settled {
        None => found.letter.kind.label().to_owned(),
        Some(Settlement::Resubmitted) => format!("{}, re-submitted", found.letter.kind.label()),
        Some(Settlement::Dropped) => format!("{}, dropped", found.letter.kind.label()),
        Some(Settlement::Evicted) => format!("{}, evicted for newer ones", found.letter.kind.label()),
    }
}

fn find(location: &DataLocation, letter: LetterId) -> Result<StoredLetter, Failure> {
    read_one(&location.load_existing()?.dead_letters_directory(), letter).map_err(Failure::failed)
}

fn show(location: &DataLocation, letter: LetterId, json: bool) -> Result<(), Failure> {
    let found = find(location, letter)?;
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
        state_label(&found),
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
        return format!("unknown payload format {format}; a newer version of meterline may decode it");
    };
    if format == PayloadFormat::Meters {
        return meter_descriptions(body);
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

fn meter_descriptions(body: &[u8]) -> String {
    let versions = match wire::meters::versions(body) {
        Ok(versions) => versions,
        Err(error) => return format!("cannot be decoded: {error}"),
    };
    let line = |it: &wire::meters::Version| format!("  meter {} from {}: {}", it.meter, it.valid_from, it.description);
    versions.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn export(location: &DataLocation, letter: LetterId, raw: bool) -> Result<(), Failure> {
    let body = find(location, letter)?.letter.body;
    if raw {
        return print_bytes(&body);
    }
    print(hex::encode(body))
}

fn settle(
    location: &DataLocation,
    selections: &[LetterSelection],
    to_command: impl Fn(u64) -> Command,
) -> Result<(), Failure> {
    let config = location.load_existing()?;
    let numbers = selected_numbers(&config.dead_letters_directory(), selections)?;
    if numbers.is_empty() {
        return print("no open dead letters in this range");
    }
    let (all, mut failed) = (numbers.len(), 0);
    for number in numbers {
        match command(&config, to_command(number)) {
            Ok(lines) => print(lines.join("\n"))?,
            Err(why) => {
                failed += 1;
                print(format!("FAILED: {why}"))?;
            }
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::failed(format!("failed: {failed} of {all} dead letters; the reasons are listed above"))),
    }
}
