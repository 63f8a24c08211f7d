//! `meterline smart-me report`: undocumented properties of an account's posts. The bodies
//! come from the journal, the request headers from the header log.

use crate::cli::failure::Failure;
use crate::cli::location::DataLocation;
use crate::cli::records::{check_source, open_journal, visit_records};
use crate::cli::table::{print, print_json, table};
use crate::journal::{Record, Sequence};
use crate::reading::{MeterId, UnixNanos, registry};
use crate::source::webhook::{HEADS_FILE, Head, read_heads};
use crate::wire::smart_me::{self, TimeEncoding};
use crate::wire::{self, DecodeError, PayloadFormat, Reading};
use clap::Args;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::ControlFlow;

/// The maximum number of readings in a report; it bounds memory.
const READINGS_MAX: usize = 1_000_000;
/// The names of the time scales, by their numbers.
const SCALES: [&str; 6] = ["DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS", "TICKS"];
/// The names of the time kinds, by their numbers.
const KINDS: [&str; 3] = ["UNSPECIFIED", "UTC", "LOCAL"];
const UNKNOWN: &str = "unknown: too few readings in these records";

/// Report undocumented properties of an account's posts
///
/// smart-me does not document some properties of its posts. The report shows the
/// observed ones: time scales, devices per post, OBIS codes, send interval, repeats,
/// local times and unknown fields of the newest records of the journal, and the request
/// headers of the header log (one request per account in ten seconds). The service may
/// be running or not.
#[derive(Debug, Args)]
#[command(after_help = "Example: meterline smart-me report --account building-a --records 1000\n\n\
    Exit codes: 0 success, 1 failure, 3 error in the configuration.")]
pub(super) struct ReportArgs {
    #[command(flatten)]
    location: DataLocation,
    /// The account that sent the posts
    #[arg(long, short, value_name = "NAME")]
    account: String,
    /// The number of the newest records to read
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    records: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The observed properties; counts by name, times in milliseconds.
#[derive(Debug, Default, Serialize)]
struct Report {
    posts: usize,
    /// The newest records are missing, because the report has its maximum of readings.
    is_cut: bool,
    undecodable: usize,
    readings: usize,
    first_received: Option<String>,
    last_received: Option<String>,
    time_scales: BTreeMap<String, usize>,
    time_kinds: BTreeMap<String, usize>,
    unknown_fields: BTreeMap<String, usize>,
    devices_per_post: Option<Spread>,
    interval_ms: Option<Spread>,
    repeats_same_values: usize,
    repeats_other_values: usize,
    codes: BTreeMap<String, usize>,
    heads: usize,
    head_lines: BTreeMap<String, usize>,
    #[serde(skip)]
    observed: Observed,
}

/// The observations from which the spreads are computed.
#[derive(Debug, Default)]
struct Observed {
    devices: Vec<i64>,
    /// A digest of the values at each time of a meter.
    values: BTreeMap<MeterId, BTreeMap<UnixNanos, u64>>,
}

/// The least, the median and the greatest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Spread {
    least: i64,
    median: i64,
    greatest: i64,
}

pub(super) fn run(arguments: &ReportArgs) -> Result<(), Failure> {
    let config = arguments.location.load_existing()?;
    let journal = open_journal(&config)?;
    check_source(&journal, &arguments.account)?;
    let from = journal.view().oldest().max(Sequence(journal.view().next().0.saturating_sub(arguments.records)));
    let mut report = Report::default();
    visit_records(&journal, &arguments.account, from, |record| {
        if record.header.format == PayloadFormat::SmartMe.number() {
            report.note_post(record);
        }
        if report.readings < READINGS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    report.is_cut = report.readings >= READINGS_MAX;
    for head in read_heads(&config.data_directory.join(HEADS_FILE))? {
        if head.account == arguments.account {
            report.note_head(&head);
        }
    }
    report.finish();
    if arguments.json { print_json(&report) } else { show(&report, &arguments.account, from) }
}

impl Report {
    fn note_post(&mut self, record: &Record<'_>) {
        let received = record.header.received.to_string();
        self.posts += 1;
        self.first_received.get_or_insert_with(|| received.clone());
        self.last_received = Some(received);
        if self.note_body(record.payload).is_err() {
            self.undecodable += 1;
        }
    }

    fn note_body(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let encoding = smart_me::encoding(body)?;
        for ((message, number), times) in encoding.unknown {
            *self.unknown_fields.entry(format!("{message} field {number}")).or_default() +=
                usize::try_from(times).unwrap_or(usize::MAX);
        }
        let mut devices = BTreeSet::new();
        for (reading, time) in wire::readings(PayloadFormat::SmartMe, body)?.zip(encoding.times) {
            devices.extend(reading.meter.ok());
            self.note_reading(reading, time);
        }
        self.observed.devices.push(i64::try_from(devices.len()).unwrap_or(i64::MAX));
        Ok(())
    }

    fn note_reading(&mut self, reading: Reading<'_>, time: TimeEncoding) {
        self.readings += 1;
        count(&mut self.time_scales, time.scale.map_or("no time".to_owned(), |scale| name_of(&SCALES, scale)));
        count(&mut self.time_kinds, time.kind.map_or("not set".to_owned(), |kind| name_of(&KINDS, kind)));
        let mut digest = DefaultHasher::new();
        for sample in reading.values.filter_map(Result::ok) {
            (sample.obis, sample.value.to_bits()).hash(&mut digest);
            let name =
                registry::entry(sample.obis).map_or("not in the registry".into(), |entry| entry.name.to_string());
            count(&mut self.codes, format!("{} {name}", sample.obis));
        }
        let (Ok(meter), Ok(at)) = (reading.meter, reading.at) else { return };
        match self.observed.values.entry(meter).or_default().insert(at, digest.finish()) {
            Some(before) if before == digest.finish() => self.repeats_same_values += 1,
            Some(_) => self.repeats_other_values += 1,
            None => {}
        }
    }

    fn note_head(&mut self, head: &Head) {
        self.heads += 1;
        count(&mut self.head_lines, format!("{} {}", head.method, head.version));
        count(&mut self.head_lines, format!("answer {}", head.answer));
        for (name, value) in &head.headers {
            // Lengths and dates differ in each post, so only their names are counted.
            let differs = name == "content-length" || name == "date";
            count(&mut self.head_lines, if differs { name.clone() } else { format!("{name}: {value}") });
        }
    }

    fn finish(&mut self) {
        let observed = std::mem::take(&mut self.observed);
        let intervals = observed.values.values().flat_map(|times| {
            times.keys().zip(times.keys().skip(1)).map(|(before, after)| after.since(*before) / 1_000_000)
        });
        self.interval_ms = Spread::of(intervals.collect());
        self.devices_per_post = Spread::of(observed.devices);
    }
}

impl Spread {
    fn of(mut numbers: Vec<i64>) -> Option<Self> {
        numbers.sort_unstable();
        let middle = numbers.len().checked_sub(1)? / 2;
        Some(Self { least: *numbers.first()?, median: *numbers.get(middle)?, greatest: *numbers.last()? })
    }
}

fn count(counts: &mut BTreeMap<String, usize>, name: String) {
    *counts.entry(name).or_default() += 1;
}

/// Returns the name of a number; without a name, the number.
fn name_of(names: &[&str], number: u64) -> String {
    let name = usize::try_from(number).ok().and_then(|number| names.get(number));
    name.map_or_else(|| format!("number {number}"), |name| (*name).to_owned())
}

fn show(report: &Report, account: &str, from: Sequence) -> Result<(), Failure> {
    let received = report.first_received.as_deref().zip(report.last_received.as_deref());
    let received = received.map(|(first, last)| format!(", received from {first} to {last}")).unwrap_or_default();
    print(format!("{account}: {} posts in the records from number {from} on{received}\n", report.posts))?;
    if report.is_cut {
        print(format!(
            "The newest records are missing: a report has at most {READINGS_MAX} readings. Use a smaller --records.\n"
        ))?;
    }
    let spread = |spread: Option<Spread>| {
        spread.map_or(UNKNOWN.to_owned(), |it| format!("{} to {}, median {}", it.least, it.greatest, it.median))
    };
    let mut rows = table(&["property", "observed"]);
    rows.add_row(["readings", &report.readings.to_string()]);
    rows.add_row(["bodies that cannot be decoded", &report.undecodable.to_string()]);
    rows.add_row(["devices per post", &spread(report.devices_per_post)]);
    rows.add_row(["send interval of a meter in ms", &spread(report.interval_ms)]);
    rows.add_row(["repeats with the same values", &report.repeats_same_values.to_string()]);
    rows.add_row(["repeats with other values", &report.repeats_other_values.to_string()]);
    rows.add_row(["time scales", &listed(&report.time_scales)]);
    rows.add_row(["time kinds", &listed(&report.time_kinds)]);
    rows.add_row(["unknown fields", &listed(&report.unknown_fields)]);
    rows.add_row(["OBIS codes", &listed(&report.codes)]);
    rows.add_row(["requests in the header log", &report.heads.to_string()]);
    rows.add_row(["their headers", &listed(&report.head_lines)]);
    print(rows)
}

fn listed(counts: &BTreeMap<String, usize>) -> String {
    let lines: Vec<String> = counts.iter().map(|(name, count)| format!("{name} ({count})")).collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meterline_load::Body;

    const QUARTER_HOUR: i64 = 900_000_000_000;

    /// A body of these meters, times and values.
    fn body(readings: &[(u8, i64, f64)]) -> Vec<u8> {
        let reading = |&(meter, time_ns, value): &(u8, i64, f64)| {
            let values = vec![([1, 0, 1, 8, 0, 255], value), ([1, 0, 250, 99, 7, 255], 1.0)];
            meterline_load::Reading { meter: [meter; 16], time_ns, values }
        };
        Body::new(0, readings.iter().map(reading).collect()).bytes
    }

    #[test]
    fn a_report_counts_scales_devices_codes_intervals_and_repeats() {
        let midnight = 1_795_219_200_000_000_000;
        let mut report = Report::default();
        for readings in [
            vec![(1, midnight, 1.0), (2, midnight, 5.0)],
            vec![(1, midnight + QUARTER_HOUR, 2.0)],
            vec![(1, midnight + QUARTER_HOUR, 2.0)],
            vec![(1, midnight + QUARTER_HOUR, 2.0)],
            vec![(1, midnight + QUARTER_HOUR, 3.0)],
        ] {
            report.note_body(&body(&readings)).unwrap();
        }
        // A local time in hours, and an unknown field 5.
        report.note_body(&[0x0a, 8, 0x12, 6, 0x08, 2, 0x10, 1, 0x18, 2, 0x28, 1]).unwrap();
        assert!(report.note_body(b"\x0a\xff").is_err());
        report.finish();
        let counts = |counts: &BTreeMap<String, usize>| format!("{counts:?}");
        assert_eq!(counts(&report.time_scales), r#"{"DAYS": 2, "HOURS": 1, "MINUTES": 4}"#);
        assert_eq!(counts(&report.time_kinds), r#"{"LOCAL": 1, "not set": 6}"#);
        assert_eq!(counts(&report.unknown_fields), r#"{"DeviceDataArray field 5": 1}"#);
        assert_eq!(report.codes["1-0:1.8.0*255 active energy import"], 6);
        assert_eq!(report.codes["1-0:250.99.7*255 not in the registry"], 6);
        assert_eq!(report.devices_per_post, Some(Spread { least: 0, median: 1, greatest: 2 }));
        assert_eq!(report.interval_ms, Some(Spread { least: 900_000, median: 900_000, greatest: 900_000 }));
        assert_eq!((report.repeats_same_values, report.repeats_other_values), (2, 1));
    }

    #[test]
    fn without_readings_the_spreads_are_unknown() {
        let mut report = Report::default();
        report.finish();
        assert_eq!((report.interval_ms, report.devices_per_post), (None, None));
        assert_eq!(listed(&report.codes), "none");
    }
}
