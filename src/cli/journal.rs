//! `meterline journal`: inspects and repairs the journal.

use super::Failure;
use super::location::DataLocation;
use super::records::open_journal;
use super::table::{print, print_json, table};
use crate::admin::GapStatus;
use crate::app::{forget_cursor, repair_segment, restore_journal};
use crate::base::human;
use crate::journal::inspect::Inspection;
use crate::journal::{Record, Sequence};
use clap::{Args, Subcommand};
use serde::Serialize;

/// Inspect and repair the journal: segments, cursors, records
///
/// Without a subcommand it shows the segments, the cursor of each sink with the records that
/// the journal keeps for it, and gap records: records that a sink will never get. This changes nothing and works beside a running
/// service. The subcommands change the journal while the service is stopped.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
    meterline journal                              show segments, and what is kept for each cursor\n  \
    meterline journal --records --from 100         list the records from number 100 on\n  \
    meterline journal --records --from 100 --limit 1 --json\n\n\
    Exit codes: 0 success, 1 failure, 3 error in the configuration."
)]
pub(super) struct JournalArgs {
    #[command(subcommand)]
    verb: Option<Action>,
    #[command(flatten)]
    location: DataLocation,
    /// List records instead of segments and cursors
    #[arg(long)]
    records: bool,
    /// The number of the first record; by default the oldest
    #[arg(long, value_name = "NUMBER", requires = "records",
          value_parser = clap::value_parser!(u64).range(1..))]
    from: Option<u64>,
    /// The maximum number of records
    #[arg(long, value_name = "NUMBER", default_value_t = 100, requires = "records")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Remove the cursor of a sink that is no longer configured
    ///
    /// Use it after you removed a sink from the configuration. The journal then no longer
    /// keeps records for the sink. If you add the sink again, it starts at the oldest
    /// retained record. The service must be stopped.
    Forget {
        #[command(flatten)]
        location: DataLocation,
        /// The sink's name, as `meterline journal` shows it
        name: String,
    },
    /// Prepare a data directory that was restored from a backup or a snapshot
    ///
    /// Run it after the restore, before the service starts. New records get a new journal
    /// id, so that sinks do not mistake them for records written after the backup. A data
    /// directory that was copied to another place is detected automatically. The service
    /// must be stopped.
    Restore {
        #[command(flatten)]
        location: DataLocation,
    },
    /// Rebuild a damaged segment from its readable records
    ///
    /// Reports the readable and the lost records. With --yes it also replaces the segment
    /// and keeps the damaged file beside it. A gap record is written for each sink that has
    /// not received the lost records. The service must be stopped. If you have a backup of
    /// the segment file, restore it instead.
    Repair {
        #[command(flatten)]
        location: DataLocation,
        /// The number of the damaged segment, from the error that reports the damage
        #[arg(long, value_name = "NUMBER")]
        segment: u64,
        /// Repair a segment of the dead letters instead of the journal
        #[arg(long)]
        dead_letters: bool,
        /// Replace the segment; without it, only report
        #[arg(long)]
        yes: bool,
    },
}

pub(super) fn run(arguments: &JournalArgs) -> Result<(), Failure> {
    match &arguments.verb {
        None => inspect(arguments),
        Some(Action::Forget { location, name }) => {
            print(forget_cursor(&location.load_existing()?, name).map_err(Failure::failed)?)
        }
        Some(Action::Restore { location }) => {
            print(restore_journal(&location.load_existing()?).map_err(Failure::failed)?)
        }
        Some(Action::Repair { location, segment, dead_letters, yes }) => {
            let lines =
                repair_segment(&location.load_existing()?, *segment, *dead_letters, *yes).map_err(Failure::failed)?;
            print(lines.join("\n"))
        }
    }
}

fn inspect(arguments: &JournalArgs) -> Result<(), Failure> {
    let config = arguments.location.load_existing()?;
    let journal = open_journal(&config)?;
    if arguments.records {
        return list_records(arguments, &journal);
    }
    let overview = Overview::of(&journal);
    if arguments.json {
        return print_json(&overview);
    }
    print_overview(&overview)
}

#[derive(Debug, Serialize)]
struct Overview {
    oldest_sequence: u64,
    next_sequence: u64,
    bytes: u64,
    segments: Vec<SegmentLine>,
    cursors: Vec<CursorLine>,
    gaps: Vec<GapStatus>,
    gaps_dropped: u64,
    faults: Vec<String>,
}

#[derive(Debug, Serialize)]
struct SegmentLine {
    file: String,
    first_sequence: u64,
    next_sequence: u64,
    bytes: u64,
    journal: Option<String>,
}

#[derive(Debug, Serialize)]
struct CursorLine {
    name: String,
    /// Absent if the file is damaged.
    next_sequence: Option<u64>,
    /// The records and bytes that the journal keeps for it.
    kept_records: Option<u64>,
    kept_bytes: Option<u64>,
    updated: Option<String>,
}

impl Overview {
    fn of(journal: &Inspection) -> Self {
        let next = journal.view().next();
        let segments: Vec<_> = journal
            .view()
            .segments()
            .into_iter()
            .map(|segment| SegmentLine {
                file: segment.name.to_string(),
                first_sequence: segment.name.first.0,
                next_sequence: segment.next.0,
                bytes: segment.bytes,
                journal: segment.journal.map(|journal| journal.to_string()),
            })
            .collect();
        let cursors = journal.cursors().into_iter().map(|(name, cursor)| {
            let position = cursor.as_ref().map(|cursor| cursor.position);
            let kept = position.map(|position| journal.view().kept_from(position.next));
            CursorLine {
                name,
                next_sequence: position.map(|position| position.next.0),
                kept_records: kept.map(|kept| kept.records),
                kept_bytes: kept.map(|kept| kept.bytes),
                updated: cursor.map(|cursor| cursor.updated.to_string()),
            }
        });
        Self {
            oldest_sequence: journal.view().oldest().0,
            next_sequence: next.0,
            bytes: segments.iter().map(|segment| segment.bytes).sum(),
            cursors: cursors.collect(),
            gaps: journal.gaps().list().iter().map(GapStatus::from).collect(),
            gaps_dropped: journal.gaps().dropped(),
            segments,
            faults: journal.faults().to_vec(),
        }
    }
}

fn print_overview(overview: &Overview) -> Result<(), Failure> {
    print(format!(
        "{}, {} in {} segments",
        human::records(overview.oldest_sequence, overview.next_sequence),
        human::bytes(overview.bytes),
        overview.segments.len()
    ))?;
    let mut segments = table(&["segment", "first", "last", "size", "journal"]);
    for segment in &overview.segments {
        segments.add_row([
            segment.file.clone(),
            segment.first_sequence.to_string(),
            human::last_record(segment.first_sequence, segment.next_sequence),
            human::bytes(segment.bytes),
            segment.journal.clone().unwrap_or_else(|| "unreadable".to_owned()),
        ]);
    }
    print(format!("\n{segments}\n"))?;
    let mut cursors = table(&["cursor", "next", "records kept", "bytes kept", "stored at"]);
    for cursor in &overview.cursors {
        let number = |value: Option<u64>| value.map_or_else(|| "damaged".to_owned(), |value| value.to_string());
        cursors.add_row([
            cursor.name.clone(),
            number(cursor.next_sequence),
            number(cursor.kept_records),
            cursor.kept_bytes.map(human::bytes).unwrap_or_default(),
            cursor.updated.clone().unwrap_or_default(),
        ]);
    }
    print(cursors)?;
    print_gaps(overview)?;
    overview.faults.iter().try_for_each(|fault| print(format!("FAULT: {fault}")))
}

/// Prints the gap records, if there are any.
fn print_gaps(overview: &Overview) -> Result<(), Failure> {
    if overview.gaps.is_empty() {
        return Ok(());
    }
    let mut gaps = table(&["gap of", "first", "last", "records", "since", "cause"]);
    for gap in &overview.gaps {
        gaps.add_row([
            gap.sink.clone(),
            gap.from_sequence.to_string(),
            human::last_record(gap.from_sequence, gap.until_sequence),
            gap.records.to_string(),
            gap.at.clone(),
            gap.reason.to_owned(),
        ]);
    }
    print(format!("\n{gaps}"))?;
    match overview.gaps_dropped {
        0 => Ok(()),
        dropped => print(format!("and {dropped} older gaps without details")),
    }
}

#[derive(Debug, Serialize)]
struct RecordLine {
    sequence: u64,
    journal: String,
    received: String,
    source: String,
    format: u16,
    verdict: &'static str,
    rule: u32,
    bytes: usize,
}

impl RecordLine {
    fn of(record: &Record<'_>, journal: &Inspection) -> Self {
        Self {
            sequence: record.sequence.0,
            journal: record.journal.to_string(),
            received: record.header.received.to_string(),
            source: journal
                .view()
                .source_name(record.header.source)
                .map_or_else(|| format!("number {}", record.header.source.0), |name| name.to_string()),
            format: record.header.format,
            verdict: record.header.verdict.label(),
            rule: record.header.rule.0,
            bytes: record.payload.len(),
        }
    }
}

fn list_records(arguments: &JournalArgs, journal: &Inspection) -> Result<(), Failure> {
    let from = arguments.from.map_or_else(|| journal.view().oldest(), Sequence);
    let mut reader = journal.view().reader(from).map_err(Failure::failed)?;
    let mut lines = Vec::new();
    while lines.len() < arguments.limit {
        match reader.read().map_err(Failure::failed)? {
            Some(record) => lines.push(RecordLine::of(&record, journal)),
            None => break,
        }
    }
    if arguments.json {
        return print_json(&lines);
    }
    let mut records = table(&["record", "received", "source", "verdict", "rule", "bytes"]);
    for line in lines {
        records.add_row([
            line.sequence.to_string(),
            line.received,
            line.source,
            line.verdict.to_owned(),
            line.rule.to_string(),
            line.bytes.to_string(),
        ]);
    }
    print(records)
}
