//! A minimal pump and records for it: it hands over records in order while there is room,
//! settles, and after an error goes back to the lowest unsafe record.

use crate::support::wait;
use meterline::clock::Clock;
use meterline::deliver::{Delivery, Sink, SinkError, SinkErrorKind};
use meterline::journal::{
    Journal, JournalId, Options, Position, Record, RecordHeader, RuleVersion, Sequence, SourceId, Verdict,
};
use meterline::proto::v1;
use meterline::reading::{Limits, UnixNanos};
use meterline::sink::kafka::{Config, Kafka};
use meterline::wire::PayloadFormat;
use meterline_load::{Body, Reading};
use prost::Message as _;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const JOURNAL: JournalId = JournalId(Uuid::from_u128(0x1111_2222_3333_4444_5555_6666_7777_8888));
pub(crate) const SOURCE: &str = "building-a";
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

const ID_FILE: &str = "id-kafka";
/// Records that are journaled with one wait.
const GROUP_RECORDS: usize = 100;
const AFTER_AN_ERROR: Duration = Duration::from_millis(200);
const WHILE_IDLE: Duration = Duration::from_millis(2);

/// Records as a journal would hold them: the first has sequence 1.
#[derive(Debug, Default)]
pub(crate) struct Records(Vec<(UnixNanos, Vec<u8>)>);

impl Records {
    /// `count` records of one reading each, of the meters in turn; the reading of
    /// record N is measured N seconds after `start` and has the value N.
    pub(crate) fn in_turn(count: u64, meters: u64) -> Self {
        let mut records = Self::default();
        for number in 1..=count {
            records.push(now(), vec![small(number % meters, number)]);
        }
        records
    }

    pub(crate) fn push(&mut self, received: UnixNanos, readings: Vec<Reading>) {
        self.0.push((received, Body::new(0, readings).bytes));
    }

    pub(crate) fn last(&self) -> Sequence {
        Sequence(self.0.len() as u64)
    }

    fn get(&self, sequence: Sequence) -> Option<Record<'_>> {
        let index = usize::try_from(sequence.0 - 1).unwrap();
        let (received, payload) = self.0.get(index)?;
        let header = RecordHeader {
            source: SourceId(1),
            format: PayloadFormat::SmartMe.number(),
            verdict: Verdict::Deliverable,
            rule: RuleVersion(1),
            received: *received,
        };
        Some(Record { journal: JOURNAL, sequence, header, payload })
    }
}

pub(crate) fn now() -> UnixNanos {
    Clock::system().now()
}

pub(crate) fn meter(number: u64) -> Uuid {
    Uuid::from_u128(0x0c56_1a7e_98ab_4cde_8f01_0000_0000_0000 + u128::from(number))
}

/// A reading with one value, measured at about now.
pub(crate) fn small(meter_number: u64, number: u64) -> Reading {
    reading(meter_number, vec![number as f64])
}

pub(crate) fn reading(meter_number: u64, values: Vec<f64>) -> Reading {
    let time_ns = now().0 / 100 * 100;
    let values = values.into_iter().enumerate().map(|(code, value)| (obis(code), value)).collect();
    Reading { meter: *meter(meter_number).as_bytes(), time_ns, values }
}

fn obis(code: usize) -> [u8; 6] {
    let [.., c, d, e] = u32::try_from(code).unwrap().to_be_bytes();
    [1, 0, c, d, e, 255]
}

/// Incompressible values.
pub(crate) fn incompressible(count: usize) -> Vec<f64> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..count).map(|_| random.f64()).collect()
}

/// The state that the pump would show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Waiting(String),
    Blocked(String),
}

/// The pump.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) sink: Kafka,
    pub(crate) state: State,
    /// The lowest unsafe record.
    pub(crate) safe: Sequence,
    /// The next record to be taken.
    at: Sequence,
    is_ready: bool,
    /// Number of losses found in the topic.
    pub(crate) losses: Vec<Sequence>,
    /// Number of failed attempts.
    pub(crate) errors: u32,
    /// Every reason for not running, once in a row.
    pub(crate) troubles: Vec<String>,
    /// The clock of its sinks.
    pub(crate) clock: Clock,
    journal: Journal,
    directory: Arc<TempDir>,
}

impl Driver {
    pub(crate) fn new(config: &Config) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(Options::new(directory.path())).unwrap();
        Self::on(config, journal, Arc::new(directory), Clock::system(), Sequence::FIRST)
    }

    /// A sink whose data directory has the id of another one's.
    pub(crate) fn with_the_id_of(other: &Self, config: &Config) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(Options::new(directory.path())).unwrap();
        std::fs::copy(other.directory.path().join(ID_FILE), directory.path().join(ID_FILE)).unwrap();
        Self::on(config, journal, Arc::new(directory), Clock::system(), Sequence::FIRST)
    }

    /// The content of the data directory.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let files = files(self.directory.path()).map(|file| (file.clone(), std::fs::read(&file).unwrap()));
        Snapshot(files.collect())
    }

    /// Kills the sink, puts the data directory back in place, and starts a sink on it.
    pub(crate) fn put_back(self, snapshot: &Snapshot, config: &Config) -> Self {
        let Self { sink, clock, journal, directory, .. } = self;
        drop(sink);
        journal.close();
        drop(journal);
        for file in files(directory.path()).filter(|file| !snapshot.0.contains_key(file)) {
            std::fs::remove_file(file).unwrap();
        }
        for (file, bytes) in &snapshot.0 {
            std::fs::write(file, bytes).unwrap();
        }
        let (journal, _) = Journal::open(Options::new(directory.path())).unwrap();
        Self::on(config, journal, directory, clock, Sequence::FIRST)
    }

    /// The sink's id in its data directory.
    pub(crate) fn sink_id(&self) -> Uuid {
        self.journal.sink_id("kafka").unwrap()
    }

    /// Kills and restarts the sink: a new one, at the lower of the cursor and the store's
    /// position, or at the store's where that is exact.
    pub(crate) fn restart(self, config: &Config) -> Self {
        let Self { sink, losses, errors, troubles, clock, safe, journal, directory, .. } = self;
        drop(sink);
        Self { losses, errors, troubles, ..Self::on(config, journal, directory, clock, safe) }
    }

    /// A second sink on the same journal, while this one continues.
    pub(crate) fn twin(&self, config: &Config) -> Self {
        let directory = Arc::clone(&self.directory);
        Self::on(config, self.journal.clone(), directory, self.clock.clone(), self.safe)
    }

    fn on(config: &Config, journal: Journal, directory: Arc<TempDir>, clock: Clock, cursor: Sequence) -> Self {
        let sink = Kafka::new("kafka", config, clock.clone(), &journal).unwrap();
        let mut driver = Self {
            sink,
            state: State::Running,
            safe: cursor,
            at: cursor,
            is_ready: false,
            losses: Vec::new(),
            errors: 0,
            troubles: Vec::new(),
            clock,
            journal,
            directory,
        };
        driver.find_start().ok();
        driver
    }

    fn find_start(&mut self) -> Result<(), SinkError> {
        if let Some(Position { next, .. }) = self.sink.stored_position()? {
            self.safe = if self.sink.is_exact() { next } else { self.safe.min(next) };
        }
        self.at = self.safe;
        Ok(())
    }

    /// Continues until `is_enough`; panics if that takes longer than [`LIMIT`].
    pub(crate) fn run(&mut self, records: &Records, what: &str, mut is_enough: impl FnMut(&Self) -> bool) {
        self.fill_journal(records);
        wait::until(what, LIMIT, || {
            for _ in 0..20 {
                self.step(records);
                if is_enough(self) {
                    return true;
                }
            }
            false
        });
    }

    pub(crate) fn run_to_end(&mut self, records: &Records) {
        self.run(records, "every record is safe", |driver| driver.safe == records.last().next());
    }

    /// The same, and with a checkpoint there.
    pub(crate) fn run_to_a_checkpoint(&mut self, records: &Records) {
        self.run_to_end(records);
        self.sink.settle(true).unwrap();
    }

    /// The record after the last one taken.
    pub(crate) fn taken(&self) -> Sequence {
        self.at
    }

    /// Journals the records, as ingest would have.
    fn fill_journal(&self, records: &Records) {
        self.journal.source_id(SOURCE).unwrap();
        while self.journal.next() <= records.last() {
            let sequences = (self.journal.next().0..=records.last().0).take(GROUP_RECORDS).map(Sequence);
            let group = sequences.map(|sequence| records.get(sequence).unwrap());
            let appends: Vec<_> =
                group.map(|record| self.journal.append(record.header, record.payload).unwrap()).collect();
            for append in appends {
                append.wait().unwrap();
            }
        }
    }

    fn step(&mut self, records: &Records) {
        match self.try_step(records) {
            Ok(()) => self.state = State::Running,
            Err(error) => {
                self.is_ready = false;
                self.errors += 1;
                if self.troubles.last() != Some(&error.message) {
                    self.troubles.push(error.message.clone());
                }
                if let SinkErrorKind::Lost { back_to } = error.kind {
                    assert!(back_to < self.safe, "{back_to} is no way back from {}", self.safe);
                    self.safe = back_to;
                    self.losses.push(back_to);
                }
                if error.kind == SinkErrorKind::Replaced {
                    self.find_start().ok();
                }
                self.state = match error.kind {
                    SinkErrorKind::Waiting | SinkErrorKind::Lost { .. } | SinkErrorKind::Replaced => {
                        State::Waiting(error.message)
                    }
                    SinkErrorKind::Blocked => State::Blocked(error.message),
                };
                std::thread::sleep(AFTER_AN_ERROR);
            }
        }
    }

    fn try_step(&mut self, records: &Records) -> Result<(), SinkError> {
        if !self.is_ready {
            self.sink.rewind(self.journal.position(self.safe))?;
            self.at = self.safe;
            self.is_ready = true;
        }
        while let Some(record) = records.get(self.at).filter(|_| !self.sink.is_full()) {
            let format = PayloadFormat::SmartMe;
            self.sink.take(&Delivery {
                record,
                source: SOURCE,
                limits: &Limits::DEFAULT,
                judged_at: record.header.received,
                format,
            })?;
            self.at = self.at.next();
        }
        let progress = self.sink.settle(false)?;
        assert!(self.safe <= progress.next_unsafe && progress.next_unsafe <= self.at, "{progress:?}");
        self.safe = progress.next_unsafe;
        std::thread::sleep(WHILE_IDLE);
        Ok(())
    }
}

/// The files of a data directory at one time.
#[derive(Debug)]
pub(crate) struct Snapshot(HashMap<PathBuf, Vec<u8>>);

fn files(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file())
}

/// The value of a record of another node.
pub(crate) fn foreign() -> Vec<u8> {
    v1::Reading { journal: vec![9; 16], sequence: 1, ..v1::Reading::default() }.encode_to_vec()
}

/// Our readings of a topic, partition by partition in the order of their offsets.
pub(crate) fn consumed(brokers: &str, topic: &str) -> Vec<v1::Reading> {
    let messages = crate::support::kafka::consume(brokers, topic);
    let readings = messages.iter().map(|message| v1::Reading::decode(message.value.as_slice()).unwrap());
    readings.filter(|reading| reading.journal == JOURNAL.0.as_bytes()).collect()
}

/// Panics unless every record of `1..=last` is there and each meter's first
/// occurrences are in journal order.
pub(crate) fn assert_complete_and_in_order(readings: &[v1::Reading], last: Sequence) {
    assert_occurrences(readings.iter(), last, <[u64]>::is_sorted);
}

/// The same for the last occurrences, for a topic that lost messages while a producer
/// went on, so that some later readings were there first.
pub(crate) fn assert_complete_and_in_order_again(readings: &[v1::Reading], last: Sequence) {
    assert_occurrences(readings.iter().rev(), last, |sequences| sequences.is_sorted_by_key(|&it| Reverse(it)));
}

fn assert_occurrences<'a>(
    readings: impl Iterator<Item = &'a v1::Reading>,
    last: Sequence,
    is_in_order: impl Fn(&[u64]) -> bool,
) {
    let mut firsts: HashMap<&[u8], Vec<u64>> = HashMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for reading in readings {
        if seen.insert(reading.sequence) {
            firsts.entry(&reading.meter).or_default().push(reading.sequence);
        }
    }
    assert!(seen.iter().copied().eq(1..=last.0), "not every record is there");
    for sequences in firsts.values() {
        assert!(is_in_order(sequences), "a reading passed another of its meter: {sequences:?}");
    }
}
