//! The metrics of the service: names, meanings and labels.
//!
//! Parts take typed handles at their start and count batches, not samples. A test checks
//! `docs/metrics.md` against [`FAMILIES`]. Histograms have fixed buckets, so their memory
//! does not depend on the scrape interval.

use crate::base::build;
use metrics::{Counter, Gauge, Histogram, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

mod families;
pub use families::{FAMILIES, Family, Kind};

/// From 10 µs to 10 s: for work of this process and its disk.
const SHORT_SECONDS: [f64; 13] = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0];
/// From 0.1 µs to 10 ms: for the decoding of one body.
const DECODE_SECONDS: [f64; 11] = [1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2];
/// From 10 ms to a day: for the delay from receipt to store, including outages.
const DELAY_SECONDS: [f64; 13] =
    [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 120.0, 600.0, 3_600.0, 21_600.0, 86_400.0];
/// For the number of records in one group commit.
const GROUP_RECORDS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// Installs the metrics recorder of the process and describes every family.
///
/// The caller renders the returned handle for a scrape and calls its
/// `run_upkeep` every few seconds, so that unscraped samples do not pile up.
///
/// # Errors
/// When a recorder is already installed.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = recorder_builder()?.install_recorder()?;
    for family in FAMILIES {
        family.describe();
    }
    build_info().set(1.0);
    Ok(handle)
}

fn recorder_builder() -> Result<PrometheusBuilder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for (name, buckets) in [
        ("meterline_decode_duration_seconds", DECODE_SECONDS.as_slice()),
        ("meterline_journal_commit_duration_seconds", SHORT_SECONDS.as_slice()),
        ("meterline_journal_group_records", GROUP_RECORDS.as_slice()),
        ("meterline_sink_delay_seconds", DELAY_SECONDS.as_slice()),
    ] {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)?;
    }
    Ok(builder)
}

/// Returns a counter of a family in [`FAMILIES`].
pub fn counter(name: &'static str, labels: &[(&'static str, String)]) -> Counter {
    debug_assert!(families::is_listed(name, Kind::Counter, labels), "{name} {labels:?} is not in FAMILIES");
    metrics::counter!(name, labels)
}

/// Returns a gauge of a family in [`FAMILIES`].
pub fn gauge(name: &'static str, labels: &[(&'static str, String)]) -> Gauge {
    debug_assert!(families::is_listed(name, Kind::Gauge, labels), "{name} {labels:?} is not in FAMILIES");
    metrics::gauge!(name, labels)
}

/// Returns a histogram of a family in [`FAMILIES`].
pub fn histogram(name: &'static str, labels: &[(&'static str, String)]) -> Histogram {
    debug_assert!(families::is_listed(name, Kind::Histogram, labels), "{name} {labels:?} is not in FAMILIES");
    metrics::histogram!(name, labels)
}

fn build_info() -> Gauge {
    let labels = [("version", build::VERSION), ("revision", build::COMMIT)];
    gauge("meterline_build_info", &labels.map(|(name, value)| (name, value.to_owned())))
}

impl Family {
    fn describe(&self) {
        match self.kind {
            Kind::Counter => metrics::describe_counter!(self.name, self.unit(), self.help),
            Kind::Gauge => metrics::describe_gauge!(self.name, self.unit(), self.help),
            Kind::Histogram => metrics::describe_histogram!(self.name, self.unit(), self.help),
        }
    }

    fn unit(&self) -> Unit {
        if self.name.contains("_seconds") {
            Unit::Seconds
        } else if self.name.contains("_bytes") {
            Unit::Bytes
        } else {
            Unit::Count
        }
    }
}
