//! Periodic work: metric upkeep, gauges of the journal, its volume and the process, clock check.

use super::error::StartError;
use super::fill::Fill;
use super::parts::Parts;
use super::status::waiting_bytes;
use super::telemetry;
use crate::base::Stop;
use crate::journal::Journal;
use crate::metrics;
use ::metrics::{Counter, Gauge};
use metrics_exporter_prometheus::PrometheusHandle;
use metrics_process::Collector;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(1);

/// The metrics recorder of the process.
pub(super) type Recorder = PrometheusHandle;

/// Returns the recorder; the first call installs it.
pub(super) fn recorder() -> Result<Recorder, StartError> {
    static RECORDER: OnceLock<Result<Recorder, String>> = OnceLock::new();
    let recorder = RECORDER.get_or_init(|| metrics::install().map_err(|error| error.to_string()));
    recorder.clone().map_err(StartError::because)
}

/// Does the work every second until the stop.
pub(super) async fn run(recorder: Recorder, parts: Parts, fill: Fill, data: PathBuf, stop: Stop) {
    let mut gauges = JournalGauges::new();
    let volume = VolumeGauges { directory: data };
    let log_counters = LogCounters::new();
    let process = Collector::default();
    process.describe();
    while stop.sleep(INTERVAL).await.is_ok() {
        recorder.run_upkeep();
        parts.ingest.check();
        gauges.set(&parts.journal);
        volume.set();
        fill.note(parts.clock.monotonic(), || waiting_bytes(&parts, &parts.journal.usage()));
        log_counters.set();
        process.collect();
    }
}

/// The log's counters. The log begins before the recorder exists, so it counts itself.
struct LogCounters {
    full: Counter,
    unwritable: Counter,
    repeated: Counter,
}

impl LogCounters {
    fn new() -> Self {
        let counter =
            |reason: &str| metrics::counter("meterline_log_lines_dropped_total", &[("reason", reason.to_owned())]);
        Self { full: counter("full"), unwritable: counter("unwritable"), repeated: counter("repeated") }
    }

    fn set(&self) {
        let dropped = telemetry::dropped();
        self.full.absolute(dropped.full);
        self.unwritable.absolute(dropped.unwritable);
        self.repeated.absolute(dropped.repeated);
    }
}

/// The gauges of the data directory's volume. They do not exist before their first values,
/// because a volume of 0 bytes would look full.
struct VolumeGauges {
    directory: PathBuf,
}

impl VolumeGauges {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; volumes are measured in larger units")]
    fn set(&self) {
        let Ok(volume) = rustix::fs::statvfs(&self.directory) else { return };
        let bytes = |blocks: u64| blocks.saturating_mul(volume.f_frsize) as f64;
        metrics::gauge("meterline_data_volume_bytes", &[]).set(bytes(volume.f_blocks));
        metrics::gauge("meterline_data_volume_free_bytes", &[]).set(bytes(volume.f_bavail));
    }
}

struct JournalGauges {
    bytes: Gauge,
    capacity_bytes: Gauge,
    segments: Gauge,
    next: Gauge,
    oldest: Gauge,
    /// By source; a source without held records is set to 0.
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
