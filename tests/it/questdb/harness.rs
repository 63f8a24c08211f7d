//! A sink that a test drives like the pump, with the test's own records.

use crate::support::questdb::Client;
use crate::support::wait;
use meterline::clock::Clock;
use meterline::deliver::{Delivery, Progress, Sink, SinkError, SinkErrorKind};
use meterline::journal::{
    Journal, JournalId, Options, Position, Record, RecordHeader, RuleVersion, Sequence, SourceId, Verdict,
};
use meterline::reading::{Limits, UnixNanos};
use meterline::sink::questdb::{Config, QuestDb, RefusedRow};
use meterline::wire::PayloadFormat;
use meterline_load::proto::bcl::date_time::TimeSpanScale;
use meterline_load::proto::bcl::{DateTime, Guid};
use meterline_load::proto::smart_me::{DeviceData, DeviceDataArray, DeviceValue};
use prost::Message;
use std::ops::Range;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

pub(super) const JOURNAL: JournalId = JournalId(Uuid::from_u128(7));
pub(super) const RECEIVED_S: i64 = 1_764_000_000;
pub(super) const SECOND: i64 = 1_000_000_000;
const LIMIT: Duration = Duration::from_secs(60);
/// The rule, wide enough for times that no store accepts.
const ANY_TIME: Limits = Limits { ahead_ns_max: i64::MAX, age_ns_max: i64::MAX, ..Limits::DEFAULT };

/// A journal's worth of records, and the sink that takes them.
pub(super) struct Harness {
    pub(super) client: Client,
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) sink: QuestDb,
    pub(super) refused: Receiver<RefusedRow>,
    /// Each with its receive time.
    pub(super) bodies: Vec<(UnixNanos, Vec<u8>)>,
    /// The lowest record that is not safe.
    pub(super) next: Sequence,
    /// The directory of the checkpoints.
    journal: Journal,
    /// Kept for as long as the journal is open.
    _directory: TempDir,
}

impl Harness {
    pub(super) fn new(client: &Client, mut config: Config) -> Self {
        config.request_timeout = Duration::from_secs(10);
        let directory = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes: 1 << 20,
            record_bytes_max: 1 << 16,
            group_bytes_max: 1 << 16,
            ..Options::new(directory.path())
        };
        let (journal, _) = Journal::open(options).unwrap();
        let clock = Clock::system();
        let (sink, refused) = sink(&config, &clock, &journal);
        let client = client.clone();
        let (bodies, next) = (Vec::new(), Sequence::FIRST);
        Self { client, config, clock, sink, refused, bodies, next, journal, _directory: directory }
    }

    /// Restarts the sink over the same checkpoints, as the program does.
    pub(super) fn restart(&mut self) {
        (self.sink, self.refused) = sink(&self.config, &self.clock, &self.journal);
    }

    pub(super) fn add(&mut self, devices: Vec<DeviceData>) {
        self.add_received(0, devices);
    }

    /// Adds a record that was received `seconds` after the usual time.
    pub(super) fn add_received(&mut self, seconds: i64, devices: Vec<DeviceData>) {
        self.bodies.push((UnixNanos((RECEIVED_S + seconds) * SECOND), body(devices)));
    }

    /// Adds records of one device with one value, each of the next second.
    pub(super) fn add_seconds(&mut self, seconds: Range<i64>) {
        for second in seconds {
            self.add(vec![device(1, RECEIVED_S + second, &[f64::from(i32::try_from(second).unwrap())])]);
        }
    }

    pub(super) fn end(&self) -> Sequence {
        Sequence(u64::try_from(self.bodies.len()).unwrap() + 1)
    }

    pub(super) fn rewind(&mut self) -> Result<(), SinkError> {
        self.sink.rewind(Position { journal: JOURNAL, next: self.next })
    }

    pub(super) fn take_from(&mut self, first: Sequence) -> Result<(), SinkError> {
        for ((received, body), number) in self.bodies.iter().zip(1..).skip_while(|(_, number)| *number < first.0) {
            let header = RecordHeader {
                source: SourceId(1),
                format: PayloadFormat::SmartMe.number(),
                verdict: Verdict::Deliverable,
                rule: RuleVersion(1),
                received: *received,
            };
            let record = Record { journal: JOURNAL, sequence: Sequence(number), header, payload: body };
            let delivery = Delivery {
                record,
                source: "home",
                limits: &ANY_TIME,
                judged_at: record.header.received,
                format: PayloadFormat::SmartMe,
            };
            self.sink.take(&delivery)?;
        }
        Ok(())
    }

    pub(super) fn settle(&mut self) -> Result<Sequence, SinkError> {
        self.next = self.sink.settle(true)?.next_unsafe;
        Ok(self.next)
    }

    /// Settles without a flush of held rows, until only those are not safe; returns the
    /// sink's position.
    pub(super) fn settle_live(&mut self) -> Progress {
        let end = self.end();
        let progress = wait::until_some("all but held rows is safe", LIMIT, || {
            let progress = self.sink.settle(false).unwrap();
            (progress.next_waiting == end).then_some(progress)
        });
        self.next = progress.next_unsafe;
        progress
    }

    pub(super) fn settle_until_safe(&mut self) -> Result<(), SinkError> {
        let end = self.end();
        let mut found = Ok(());
        wait::until("everything is safe", LIMIT, || match self.settle() {
            Ok(next) => next == end,
            Err(error) => {
                found = Err(error);
                true
            }
        });
        found
    }

    /// One attempt, from the lowest unsafe record to the end.
    pub(super) fn attempt(&mut self) -> Result<(), SinkError> {
        self.rewind()?;
        self.take_from(self.next)?;
        self.settle_until_safe()
    }

    /// Attempts until everything is safe, as the pump does; returns the errors.
    pub(super) fn deliver(&mut self) -> Vec<SinkError> {
        let mut troubles = Vec::new();
        wait::until("an attempt without trouble", LIMIT, || match self.attempt() {
            Ok(()) => true,
            Err(error) => {
                if let SinkErrorKind::Lost { back_to } = error.kind {
                    self.next = self.next.min(back_to);
                }
                troubles.push(error);
                false
            }
        });
        troubles
    }

    /// The values in the table, in the order of their times.
    pub(super) fn values(&self) -> Vec<f64> {
        let sql = format!("SELECT value FROM {} ORDER BY ts, meter, obis", self.config.table);
        self.client.query(&sql).into_iter().map(|row| row[0].as_f64().unwrap()).collect()
    }
}

fn sink(config: &Config, clock: &Clock, journal: &Journal) -> (QuestDb, Receiver<RefusedRow>) {
    let (keep, refused) = channel();
    let keep = Box::new(move |row| keep.send(row).map_err(|_| SinkError::blocked("the test is over")));
    (QuestDb::new("questdb", config, clock.clone(), journal, keep).unwrap(), refused)
}

pub(super) fn received() -> UnixNanos {
    UnixNanos(RECEIVED_S * SECOND)
}

/// A smart-me body.
pub(super) fn body(devices: Vec<DeviceData>) -> Vec<u8> {
    DeviceDataArray { device_data_items: devices }.encode_to_vec()
}

/// A device with values of the registers 1-0:1.8.0*255, 1-0:2.8.0*255 ...
pub(super) fn device(number: u64, at_s: i64, values: &[f64]) -> DeviceData {
    DeviceData {
        device_id: Some(Guid { lo: number, hi: 2 }),
        date_time: Some(DateTime { value: at_s, scale: TimeSpanScale::Seconds.into(), kind: 1 }),
        device_values: (1..)
            .zip(values)
            .map(|(c, &value)| DeviceValue { obis: vec![1, 0, c, 8, 0, 255].into(), value })
            .collect(),
    }
}

pub(super) fn numbers(range: Range<i32>) -> Vec<f64> {
    range.map(f64::from).collect()
}

pub(super) fn blocked(result: Result<(), SinkError>, words: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Blocked, "{error}");
    assert!(error.message.contains(words), "{words}: {error}");
}
