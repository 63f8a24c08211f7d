//! A journal for tests, and bounded waits.

use crate::clock::Clock;
use crate::dead_letters::DeadLetters;
use crate::journal::{Cursor, Journal, Options, RecordHeader, Sequence, SourceId, Verdict};
use crate::reading::Limits;
use crate::wire::PayloadFormat;
use meterline_load::{Body, Reading};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far above the time that any wait here needs.
const WAIT_MAX: Duration = Duration::from_secs(30);
const MIB: u64 = 1 << 20;
/// 2026-11-22T18:55:07Z.
pub(crate) const NOW_NS: i64 = 1_795_373_707_000_000_000;

/// A journal in a directory of its own.
pub(crate) struct Feed {
    pub(crate) directory: TempDir,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A journal that retains at most `bytes` for replays.
    pub(crate) fn retaining(bytes: u64) -> Self {
        Self::with(|options| options.retain.bytes = bytes)
    }

    /// A journal with changed options.
    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        clock.set_offset(NOW_NS - clock.now().0);
        let journal = open(&directory, &clock, change);
        Self { directory, journal, clock }
    }

    /// Closes the journal and opens it again.
    pub(crate) fn reopened(self) -> Self {
        let Self { directory, journal, clock } = self;
        journal.close();
        drop(journal);
        let journal = open(&directory, &clock, |_| {});
        Self { directory, journal, clock }
    }

    pub(crate) fn letters(&self) -> DeadLetters {
        DeadLetters::open(self.directory.path().join("dead-letters"), self.clock.clone()).unwrap()
    }

    pub(crate) fn source(&self, name: &str) -> SourceId {
        self.journal.source_id(name).unwrap()
    }

    /// A deliverable record of the source `acme`.
    pub(crate) fn append(&self, body: &Body) -> Sequence {
        self.append_as("acme", Verdict::Deliverable, PayloadFormat::SmartMe.number(), &body.bytes)
    }

    pub(crate) fn append_as(&self, source: &str, verdict: Verdict, format: u16, payload: &[u8]) -> Sequence {
        self.append_judged(source, verdict, &Limits::DEFAULT, format, payload)
    }

    pub(crate) fn append_judged(
        &self,
        source: &str,
        verdict: Verdict,
        limits: &Limits,
        format: u16,
        payload: &[u8],
    ) -> Sequence {
        let header = RecordHeader {
            source: self.source(source),
            format,
            verdict,
            rule: self.journal.rule_version(limits).unwrap(),
            received: self.clock.now(),
        };
        self.journal.append(header, payload).unwrap().wait().unwrap()
    }

    /// Appends `count` records with one reading each.
    pub(crate) fn append_readings(&self, source: &str, count: u8) {
        for second in 0..count {
            let body = body(1, i64::from(second), f64::from(second));
            self.append_as(source, Verdict::Deliverable, 1, &body.bytes);
        }
    }

    pub(crate) fn stored_cursor(&self, name: &str) -> Option<Sequence> {
        self.journal.cursors().load(name).unwrap().map(|cursor| cursor.position.next)
    }

    pub(crate) fn store_cursor(&self, name: &str, next: u64) {
        let cursor = Cursor::at(name, self.journal.position(Sequence(next)), self.clock.now());
        self.journal.cursors().store(&cursor).unwrap();
    }
}

fn open(directory: &TempDir, clock: &Clock, change: impl FnOnce(&mut Options)) -> Journal {
    let mut options = Options::new(directory.path().join("journal"));
    options.segment_bytes = 4 * MIB;
    options.record_bytes_max = 1 << 20;
    options.group_bytes_max = 1 << 20;
    options.cap_bytes = 64 * MIB;
    options.clock = clock.clone();
    change(&mut options);
    Journal::open(options).unwrap().0
}

/// One value of one meter, `second` seconds after [`NOW_NS`].
pub(crate) fn body(meter: u8, second: i64, value: f64) -> Body {
    Body::new(0, vec![reading(meter, second, value)])
}

pub(crate) fn reading(meter: u8, second: i64, value: f64) -> Reading {
    let time_ns = NOW_NS + second * 1_000_000_000;
    Reading { meter: [meter; 16], time_ns, values: vec![([1, 0, 1, 8, 0, 255], value)] }
}

/// Waits until the condition holds.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "a bound on a test's wait, not what is tested")]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < WAIT_MAX, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A length-delimited field that no message has.
const UNKNOWN_FIELD: u8 = 0x7a;

/// The same body with `bytes` more, which a decoder skips.
pub(crate) fn padded(body: &Body, bytes: usize) -> Body {
    let mut padded = body.clone();
    padded.bytes.push(UNKNOWN_FIELD);
    let mut left = bytes;
    while left > 0x7f {
        padded.bytes.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    padded.bytes.push(u8::try_from(left).unwrap());
    padded.bytes.resize(padded.bytes.len() + bytes, 0);
    padded
}
