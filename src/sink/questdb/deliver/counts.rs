//! What the sink counts and shows. Knows only numbers.

use metrics::{Counter, Gauge};
use std::time::Duration;

/// What the sink counts.
pub(super) struct Counts {
    pub(super) rows: Counter,
    pub(super) requests: Counter,
    pub(super) bytes: Counter,
    pub(super) refused: Counter,
    pub(super) late_rows: Counter,
    in_flight: Gauge,
    held_rows: Gauge,
    held_seconds: Gauge,
}

impl Counts {
    pub(super) fn new(name: &str) -> Self {
        let labels = [("sink", name.to_owned())];
        let counter = |family| crate::metrics::counter(family, &labels);
        let gauge = |family| crate::metrics::gauge(family, &labels);
        Self {
            rows: counter("meterline_sink_rows_total"),
            requests: counter("meterline_sink_requests_total"),
            bytes: counter("meterline_sink_bytes_total"),
            refused: counter("meterline_sink_rows_refused_total"),
            late_rows: counter("meterline_sink_late_rows_total"),
            in_flight: gauge("meterline_sink_in_flight_rows"),
            held_rows: gauge("meterline_sink_held_rows"),
            held_seconds: gauge("meterline_sink_held_seconds"),
        }
    }

    pub(super) fn show(&self, in_flight_rows: usize, held_rows: usize, held_for: Duration) {
        let number = |rows| f64::from(u32::try_from(rows).unwrap_or(u32::MAX));
        self.in_flight.set(number(in_flight_rows));
        self.held_rows.set(number(held_rows));
        self.held_seconds.set(held_for.as_secs_f64());
    }
}
