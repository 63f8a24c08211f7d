//! The Kafka sink's metrics.

use super::context::Reports;
use metrics::{Counter, Gauge};

/// The sink's metrics.
#[derive(Debug)]
pub(super) struct Counts {
    rows: Counter,
    pub(super) bytes: Counter,
    pub(super) in_flight: Gauge,
}

impl Counts {
    pub(super) fn new(sink: &str) -> Self {
        let labels = [("sink", sink.to_owned())];
        Self {
            rows: crate::metrics::counter("meterline_sink_rows_total", &labels),
            bytes: crate::metrics::counter("meterline_sink_bytes_total", &labels),
            in_flight: crate::metrics::gauge("meterline_sink_in_flight_rows", &labels),
        }
    }

    pub(super) fn count(&self, reports: &mut Reports) {
        self.rows.increment(std::mem::take(&mut reports.acknowledged));
        self.in_flight.set(f64::from(reports.in_flight.messages()));
    }
}
