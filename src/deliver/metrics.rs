//! A pump's metrics of its sink. Sinks count rows, requests and bytes themselves.

use super::status::{PumpStatus, SinkState};
use crate::reading::UnixNanos;
use ::metrics::{Counter, Gauge, Histogram};

pub(super) const NANOS_PER_SECOND: f64 = 1e9;

/// A gauge for each state of a sink.
pub(super) type StateGauges = [Gauge; SinkState::ALL.len()];

/// The gauges of a sink's states.
pub(super) fn state_gauges(sink: &str) -> StateGauges {
    SinkState::ALL.map(|state| {
        let labels = [("sink", sink.to_owned()), ("state", state.label().to_owned())];
        crate::metrics::gauge("meterline_sink_state", &labels)
    })
}

/// Sets the gauge of the current state to 1, the others to 0.
pub(super) fn show_state(gauges: &StateGauges, current: SinkState) {
    for (state, gauge) in SinkState::ALL.into_iter().zip(gauges) {
        gauge.set(if state == current { 1.0 } else { 0.0 });
    }
}

pub(super) struct Metrics {
    state: StateGauges,
    next_sequence: Gauge,
    lag_records: Gauge,
    lag_seconds: Gauge,
    lag_bytes: Gauge,
    warnings: Gauge,
    pub(super) readings: Counter,
    pub(super) errors: Counter,
    pub(super) retries: Counter,
    pub(super) restarts: Counter,
    pub(super) gap_records: Counter,
    gap_last: Gauge,
    pub(super) went_back: Counter,
    pub(super) delay_seconds: Histogram,
}

impl Metrics {
    pub(super) fn new(sink: &str) -> Self {
        let labels = [("sink", sink.to_owned())];
        let counter = |family| crate::metrics::counter(family, &labels);
        let gauge = |family| crate::metrics::gauge(family, &labels);
        Self {
            state: state_gauges(sink),
            next_sequence: gauge("meterline_sink_next_sequence"),
            lag_records: gauge("meterline_sink_lag_records"),
            lag_seconds: gauge("meterline_sink_lag_seconds"),
            lag_bytes: gauge("meterline_sink_lag_bytes"),
            warnings: gauge("meterline_sink_warnings"),
            readings: counter("meterline_sink_readings_total"),
            errors: counter("meterline_sink_errors_total"),
            retries: counter("meterline_sink_retries_total"),
            restarts: counter("meterline_sink_restarts_total"),
            gap_records: counter("meterline_sink_gap_records_total"),
            gap_last: gauge("meterline_sink_gap_last_timestamp_seconds"),
            went_back: counter("meterline_sink_resends_total"),
            delay_seconds: crate::metrics::histogram("meterline_sink_delay_seconds", &labels),
        }
    }

    /// Sets the time of the newest gap record.
    pub(super) fn show_gap(&self, at: UnixNanos) {
        self.gap_last.set(at.0 as f64 / NANOS_PER_SECOND);
    }

    /// Sets the gauges to zero, for a log that another process goes on with.
    pub(super) fn end(&self) {
        let others = [&self.next_sequence, &self.lag_records, &self.lag_bytes, &self.lag_seconds, &self.warnings];
        self.state.iter().chain(others).for_each(|gauge| gauge.set(0.0));
    }

    /// Sets the gauges from the pump's status.
    pub(super) fn show(&self, status: &PumpStatus) {
        show_state(&self.state, status.state);
        self.next_sequence.set(status.next.0 as f64);
        self.lag_records.set(status.lag_records as f64);
        self.lag_bytes.set(status.kept.bytes as f64);
        self.lag_seconds.set(status.lag_seconds);
        self.warnings.set(status.warnings.len() as f64);
    }
}
