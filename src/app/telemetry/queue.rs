//! The queue of log lines in front of standard error.
//!
//! Invariant: adding a line never waits for the reader of standard error and never fails.
//! A line that does not fit or cannot be written is dropped and counted.

use crate::clock::Clock;
use parking_lot::{Condvar, Mutex};
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The size of the lines that wait while standard error takes none.
const WAITING_BYTES_MAX: usize = 256 << 10;
/// The maximum wait for the last lines at the end of the process.
const FLUSH_MAX: Duration = Duration::from_secs(1);
/// The pause while a standard error that does not block takes no bytes.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// The minimum time between two log lines about dropped lines.
const REPORT_EVERY: Duration = Duration::from_mins(1);

/// The numbers of lines that were dropped since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DroppedLines {
    /// The reader of standard error was too slow.
    pub full: u64,
    /// Standard error could not be written.
    pub unwritable: u64,
    /// The same event of a library came too often.
    pub repeated: u64,
}

pub(super) static FULL: AtomicU64 = AtomicU64::new(0);
pub(super) static UNWRITABLE: AtomicU64 = AtomicU64::new(0);
pub(super) static REPEATED: AtomicU64 = AtomicU64::new(0);

/// Returns the numbers of dropped lines.
pub fn dropped() -> DroppedLines {
    let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    DroppedLines { full: number(&FULL), unwritable: number(&UNWRITABLE), repeated: number(&REPEATED) }
}

/// The queue. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct LogQueue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<u8>,
    /// The thread has taken lines and not written them all.
    is_writing: bool,
}

impl LogQueue {
    /// Starts the thread that writes the lines. It ends with the process.
    pub(super) fn start() -> io::Result<Self> {
        let queue = Self(Arc::new(Shared { lines: Mutex::default(), changed: Condvar::new(), clock: Clock::system() }));
        let written = queue.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || written.write_lines())?;
        Ok(queue)
    }

    /// Adds a line, or drops it if too many wait.
    pub(super) fn add(&self, line: &[u8]) {
        let mut lines = self.0.lines.lock();
        if lines.waiting.len() + line.len() > WAITING_BYTES_MAX {
            FULL.fetch_add(1, Ordering::Relaxed);
            return;
        }
        lines.waiting.extend_from_slice(line);
        self.0.changed.notify_all();
    }

    /// Waits until all lines are written.
    pub(super) fn flush(&self) {
        let until = self.0.clock.monotonic() + FLUSH_MAX;
        let mut lines = self.0.lines.lock();
        while lines.is_writing || !lines.waiting.is_empty() {
            if self.0.changed.wait_until(&mut lines, until).timed_out() {
                return;
            }
        }
    }

    fn write_lines(&self) {
        let mut batch = Vec::new();
        let mut reports = Reports::default();
        loop {
            self.take(&mut batch);
            // Now, because no line waits, so that this one fits.
            reports.report(self.0.clock.monotonic());
            self.write(&batch);
            batch.clear();
        }
    }

    /// Waits for lines and takes them all.
    fn take(&self, batch: &mut Vec<u8>) {
        let mut lines = self.0.lines.lock();
        lines.is_writing = false;
        self.0.changed.notify_all();
        while lines.waiting.is_empty() {
            self.0.changed.wait(&mut lines);
        }
        std::mem::swap(batch, &mut lines.waiting);
        lines.is_writing = true;
    }

    fn write(&self, mut batch: &[u8]) {
        while !batch.is_empty() {
            match io::stderr().write(batch) {
                Ok(count) if count > 0 => batch = batch.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.pause(),
                _ => {
                    let lines = batch.split_inclusive(|byte| *byte == b'\n').count();
                    UNWRITABLE.fetch_add(lines as u64, Ordering::Relaxed);
                    return;
                }
            }
        }
    }

    fn pause(&self) {
        let until = self.0.clock.monotonic() + BUSY_PAUSE;
        let mut lines = self.0.lines.lock();
        while !self.0.changed.wait_until(&mut lines, until).timed_out() {}
    }
}

impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs now and then how many lines were dropped.
#[derive(Debug, Default)]
struct Reports {
    reported: DroppedLines,
    not_before: Option<Instant>,
}

impl Reports {
    fn report(&mut self, now: Instant) {
        let dropped = dropped();
        if dropped == self.reported || self.not_before.is_some_and(|not_before| now < not_before) {
            return;
        }
        tracing::warn!(
            full = dropped.full,
            unwritable = dropped.unwritable,
            repeated = dropped.repeated,
            "log lines were dropped (numbers since the start): the reader of the log was too slow, the log could not be written, or a library repeated itself"
        );
        *self = Self { reported: dropped, not_before: Some(now + REPORT_EVERY) };
    }
}
