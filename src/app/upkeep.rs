//! What has to happen every few seconds though nobody asks: metric upkeep, the
//! journal's gauges, the watch on the clock.

use super::error::StartError;
use super::sinks::COVERAGE;
use crate::clock::Clock;
use crate::config::Config;
use crate::ingest::Door;
use crate::journal::{CommitOutcome, Journal, Optional, Options, Retention};
use crate::metrics;
use ::metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::PrometheusHandle;
use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

const PACE: Duration = Duration::from_secs(1);

/// The process's metrics recorder.
pub(super) type Recorder = PrometheusHandle;

/// The recorder; the first service of the process installs it.
pub(super) fn recorder() -> Result<Recorder, StartError> {
    static RECORDER: OnceLock<Result<Recorder, String>> = OnceLock::new();
    let recorder = RECORDER.get_or_init(|| metrics::install().map_err(|error| error.to_string()));
    recorder.clone().map_err(StartError::because)
}

/// The journal as configured, its commits counted.
pub(super) fn journal_options(config: &Config, clock: &Clock) -> Options {
    let mut options = Options::new(config.journal_directory());
    options.segment_bytes = config.journal.segment_bytes;
    options.cap_bytes = config.journal.cap_bytes;
    options.retain = Retention {
        bytes: config.journal.retain_bytes,
        age_ns: i64::try_from(config.journal.retain_age.as_nanos()).unwrap_or(i64::MAX),
    };
    options.optional.clone_from(&config.sinks.optional);
    // To know what is missing is no reason to refuse what comes.
    options.optional.push(Optional { cursor: COVERAGE.to_owned(), lag_bytes_max: u64::MAX });
    options.is_shared = config.webhook.accounts.len() > 1;
    options.clock = clock.clone();
    let counts = CommitCounts::new();
    options.observe = Arc::new(move |outcome| counts.count(outcome));
    options
}

struct CommitCounts {
    seconds: Histogram,
    records: Histogram,
    failed: Counter,
}

impl CommitCounts {
    fn new() -> Self {
        Self {
            seconds: metrics::histogram("meterline_journal_commit_duration_seconds", &[]),
            records: metrics::histogram("meterline_journal_group_records", &[]),
            failed: metrics::counter("meterline_journal_commits_failed_total", &[]),
        }
    }

    fn count(&self, outcome: &CommitOutcome) {
        if !outcome.ok || outcome.failed_writes > 0 {
            self.failed.increment(1);
        }
        if outcome.ok {
            self.seconds.record(outcome.duration);
            self.records.record(f64::from(outcome.records));
        }
    }
}

/// The running upkeep.
#[derive(Debug)]
pub(super) struct Upkeep {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Upkeep {
    /// Starts the thread.
    pub(super) fn start(recorder: Recorder, door: Door, journal: Journal) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new().name("upkeep".to_owned()).spawn(move || {
            let mut gauges = JournalGauges::new();
            while stopped.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
                recorder.run_upkeep();
                door.look();
                gauges.set(&journal);
            }
        })?;
        Ok(Self { stop, thread })
    }

    /// Ends the thread.
    pub(super) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the upkeep thread had panicked");
        }
    }
}

struct JournalGauges {
    bytes: Gauge,
    capacity_bytes: Gauge,
    segments: Gauge,
    next: Gauge,
    oldest: Gauge,
    /// By source; who holds nothing any more is set to nothing.
    held: HashMap<Arc<str>, Gauge>,
}

impl JournalGauges {
    fn new() -> Self {
        Self {
            bytes: metrics::gauge("meterline_journal_bytes", &[]),
            capacity_bytes: metrics::gauge("meterline_journal_capacity_bytes", &[]),
            segments: metrics::gauge("meterline_journal_segments", &[]),
            next: metrics::gauge("meterline_journal_next_sequence", &[]),
            oldest: metrics::gauge("meterline_journal_oldest_sequence", &[]),
            held: HashMap::new(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts stay far below 2^53")]
    fn set(&mut self, journal: &Journal) {
        let usage = journal.usage();
        self.bytes.set(usage.bytes as f64);
        self.capacity_bytes.set(usage.cap_bytes as f64);
        self.segments.set(usage.segments as f64);
        self.next.set(usage.next.0 as f64);
        self.oldest.set(usage.oldest.0 as f64);
        self.held.values().for_each(|gauge| gauge.set(0.0));
        for share in journal.shares() {
            let gauge = self.held.entry(share.source).or_insert_with_key(|source| {
                metrics::gauge("meterline_journal_held_bytes", &[("source", source.to_string())])
            });
            gauge.set(share.held_bytes as f64);
        }
    }
}
