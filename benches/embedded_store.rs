//! The embedded store under a sustained load: rate, CPU, bytes and latency of readers while it grows.
//!
//! Not a criterion benchmark, because the state matters and not one call. Prints a table of
//! the sink alone, without the making of the records.
//!
//!     cargo bench --bench embedded_store -- [METERS [SAMPLES [EVERY_SECONDS [KEEP_MIB]]]]

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::disallowed_methods, reason = "a measurement takes real time")]
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a measurement may stop, and is rounded")]

use meterline::clock::Clock;
use meterline::deliver::{Delivery, Sink};
use meterline::journal::{JournalId, Position, Record, RecordHeader, Sequence, SourceId, Verdict};
use meterline::reading::{Flags, Limits, MeterId, Obis, Sample, UnixNanos};
use meterline::sink::sqlite::{Retention, Sqlite};
use meterline::wire::PayloadFormat;
use meterline::wire::batch::{Original, encode};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// 2026-11-22T19:00:00Z.
const BEGIN_NS: i64 = 1_795_374_000_000_000_000;
/// Time between two readings of a meter, if none is given.
const EVERY_SECONDS: i64 = 10;
const WEEK_NS: i64 = 7 * 24 * 3600 * 1_000_000_000;
/// Readings of a record.
const READINGS: i64 = 50;
/// Values of a reading.
const VALUES: u8 = 8;
/// Orders in which the meters follow each other.
const ORDERS: i64 = 8;
/// A place times this prime number, modulo the number of meters, is the place in the next order.
const STRIDE: i64 = 7919;
/// The journal of the records.
const JOURNAL: JournalId = JournalId(Uuid::from_u128(7));
/// Lines of the table.
const LINES: i64 = 10;

fn meter(number: i64) -> MeterId {
    MeterId::from(Uuid::from_u128(u128::from(number.unsigned_abs() + 1) << 64 | 7))
}

/// The records, one after the other: all meters in turn, in another order each time.
struct Records {
    meters: i64,
    /// Time between two readings of a meter.
    every_ns: i64,
    readings: i64,
}

impl Records {
    fn next(&mut self) -> Vec<u8> {
        let readings: Vec<_> = (self.readings..self.readings + READINGS)
            .map(|number| {
                let (round, place) = (number / self.meters, number % self.meters);
                let at = BEGIN_NS + round * self.every_ns + place * self.every_ns / self.meters;
                let value = |register| Sample {
                    obis: Obis([1, 0, register, 8, 0, 255]),
                    value: number as f64 + f64::from(register),
                };
                let number = (0..round % ORDERS).fold(place, |place, _| place * STRIDE % self.meters);
                (meter(number), UnixNanos(at), (1..=VALUES).map(value).collect::<Vec<_>>())
            })
            .collect();
        self.readings += READINGS;
        let readings = readings.iter().map(|(meter, at, samples)| (*meter, *at, Flags::NONE, samples));
        encode(readings, &Original::default())
    }

    fn time(&self) -> i64 {
        BEGIN_NS + self.readings / self.meters * self.every_ns
    }
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

/// Bytes that this process gave to block devices.
fn written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    text.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
}

/// The time of two queries of one meter: its newest values, and a week of one register.
fn query(file: &Path, number: i64, until: i64) -> (Duration, Duration) {
    let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let meter = meter(number);
    let newest = time_of(&store, &format!("SELECT * FROM newest WHERE meter = '{meter}'"));
    let series = format!("meter = '{meter}' AND obis = '1-0:1.8.0*255'");
    let week = format!("SELECT * FROM samples WHERE {series} AND ts >= {} AND ts < {until}", until - WEEK_NS);
    (newest, time_of(&store, &week))
}

/// The time until all rows are read.
fn time_of(store: &Connection, sql: &str) -> Duration {
    let begun = Instant::now();
    let mut statement = store.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    while rows.next().unwrap().is_some() {}
    begun.elapsed()
}

/// The time that the sink took.
#[derive(Default)]
struct Taken {
    busy: Duration,
    cpu: Duration,
    /// The longest commit with a step on the tables.
    longest: Duration,
    /// The most CPU time of one. On a machine that does other work, this is the time without that.
    longest_cpu: Duration,
}

/// Gives the sink records until it has this number of readings.
fn fill(sink: &mut Sqlite, records: &mut Records, until: i64) -> Taken {
    let mut taken = Taken::default();
    while records.readings < until {
        let first = records.readings / READINGS;
        let bodies: Vec<_> = (0..20_000 / READINGS / i64::from(VALUES)).map(|_| records.next()).collect();
        let (begun, cpu_before) = (Instant::now(), cpu());
        for (payload, number) in bodies.iter().zip(first..) {
            let received = UnixNanos(records.time() + 1_234_567_891);
            let format = PayloadFormat::ReadingBatch;
            let header = RecordHeader {
                source: SourceId(1),
                format: format.number(),
                verdict: Verdict::Deliverable,
                rule: meterline::journal::RuleVersion(1),
                received,
            };
            let record = Record { journal: JOURNAL, sequence: Sequence(number.unsigned_abs() + 1), header, payload };
            let limits = &Limits::DEFAULT;
            sink.take(&Delivery { record, source: "bench", limits, judged_at: received, format }).unwrap();
        }
        // A commit and a step on the tables.
        let (settled, cpu_settled) = (Instant::now(), cpu());
        sink.settle(true).unwrap();
        taken.longest = taken.longest.max(settled.elapsed());
        taken.longest_cpu = taken.longest_cpu.max(cpu() - cpu_settled);
        taken.busy += begun.elapsed();
        taken.cpu += cpu() - cpu_before;
    }
    taken
}

/// Fills the sink beside a reader. Returns also the times of the slowest queries.
fn fill_beside_reader(
    sink: &mut Sqlite,
    records: &mut Records,
    until: i64,
    file: &Path,
) -> (Taken, (Duration, Duration)) {
    let (meters, time, is_done) = (records.meters, records.time(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut slowest = (Duration::ZERO, Duration::ZERO);
            for number in 0.. {
                let (newest, week) = query(file, number * 997 % meters, time);
                slowest = (slowest.0.max(newest), slowest.1.max(week));
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            slowest
        });
        let taken = fill(sink, records, until);
        is_done.store(true, Ordering::Relaxed);
        (taken, reader.join().unwrap())
    })
}

fn measure(meters: i64, samples: i64, every_ns: i64, keep_mib: Option<i64>) {
    let directory = tempfile::tempdir_in(".").unwrap();
    let file = directory.path().join("store.sqlite");
    let mut sink = Sqlite::new("sqlite", &file, Clock::system()).keeping(Retention {
        size: keep_mib.map(|mib| mib.unsigned_abs() << 20),
        rollups: keep_mib.map(|_| Duration::from_hours(24 * 3650)),
        ..Retention::default()
    });
    sink.rewind(Position { journal: JOURNAL, next: Sequence(1) }).unwrap();
    let mut records = Records { meters, every_ns, readings: 0 };
    println!(
        "{meters} meters\n  samples/million  per second  CPU us  written B  stored B  longest ms  of CPU  newest ms  week ms"
    );
    for line in 1..=LINES {
        let (begun, before) = (records.readings, written());
        let end = samples / LINES * line / i64::from(VALUES);
        let (taken, (newest, week)) = fill_beside_reader(&mut sink, &mut records, end, &file);
        let rows = ((records.readings - begun) * i64::from(VALUES)) as f64;
        let all = (records.readings * i64::from(VALUES)) as f64;
        println!(
            "  {:15.1} {:11.0} {:7.2} {:10.0} {:9.1} {:11.0} {:7.0} {:10.1} {:8.1}",
            all / 1e6,
            rows / taken.busy.as_secs_f64(),
            taken.cpu.as_secs_f64() * 1e6 / rows,
            (written() - before) as f64 / rows,
            std::fs::metadata(&file).unwrap().len() as f64 / all,
            taken.longest.as_secs_f64() * 1e3,
            taken.longest_cpu.as_secs_f64() * 1e3,
            newest.as_secs_f64() * 1e3,
            week.as_secs_f64() * 1e3,
        );
    }
    let store = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    println!("  newest values of all meters: {:.0} ms", time_of(&store, "SELECT * FROM newest").as_secs_f64() * 1e3);
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<i64>().ok());
    let meters = numbers.next();
    let samples = numbers.next().unwrap_or(5_000_000);
    let every_ns = numbers.next().unwrap_or(EVERY_SECONDS) * 1_000_000_000;
    let keep_mib = numbers.next();
    for meters in meters.map_or_else(|| vec![100, 10_000, 100_000], |meters| vec![meters]) {
        measure(meters, samples, every_ns, keep_mib);
    }
}
