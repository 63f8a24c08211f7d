//! The counters of a broker's messages.

use crate::metrics;
use ::metrics::Counter;

/// Why a message had no readings to store.
const REASONS: [&str; 11] = [
    "unknown",
    "unreadable",
    "ignored",
    "texts",
    "retained",
    "collected",
    "incomplete",
    "other_monitor",
    "dropped",
    "refused",
    "resent",
];

/// The counters of a source.
#[derive(Debug)]
pub(super) struct Counters {
    /// By QoS.
    received: [Counter; 2],
    left_out: Vec<(&'static str, Counter)>,
}

impl Counters {
    pub(super) fn new(source: &str) -> Self {
        let counter = |family, label: &'static str, value: &str| {
            metrics::counter(family, &[("source", source.to_owned()), (label, value.to_owned())])
        };
        let received = ["0", "1"].map(|qos| counter("meterline_mqtt_messages_total", "qos", qos));
        let left_out =
            REASONS.map(|reason| (reason, counter("meterline_mqtt_messages_left_out_total", "reason", reason)));
        Self { received, left_out: left_out.into() }
    }

    /// Counts a message.
    pub(super) fn received(&self, is_qos_1: bool) {
        self.received[usize::from(is_qos_1)].increment(1);
    }

    /// Counts a message without readings to store.
    pub(super) fn left_out(&self, reason: &'static str) {
        if let Some((_, counter)) = self.left_out.iter().find(|(known, _)| *known == reason) {
            counter.increment(1);
        }
    }
}
