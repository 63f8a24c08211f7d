//! Rows of the simulated location.

use serde_json::{Value, json};
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The rows that the cloud has.
#[derive(Debug)]
pub(super) struct Held {
    /// Ranges of five-minute rows that are missing.
    pub(super) lost: Vec<(i64, i64)>,
    pub(super) fine_days: i64,
    pub(super) hour_days: i64,
    /// Five-minute rows with another consumption, and another number of pulses.
    pub(super) corrected: BTreeMap<i64, f64>,
    /// Members of rows with another name.
    pub(super) renamed: Vec<(String, String)>,
}

impl Default for Held {
    fn default() -> Self {
        Self { lost: Vec::new(), fine_days: 14, hour_days: 10_000, corrected: BTreeMap::new(), renamed: Vec::new() }
    }
}

/// The aggregations that the simulated cloud has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// Number 1.
    FiveMinutes,
    /// Number 2.
    Hour,
    /// Number 3.
    Day,
}

impl Aggregation {
    pub(super) fn of(number: &str) -> Option<Self> {
        match number {
            "1" => Some(Self::FiveMinutes),
            "2" => Some(Self::Hour),
            "3" => Some(Self::Day),
            _ => None,
        }
    }

    fn length(self) -> i64 {
        match self {
            Self::FiveMinutes => 5 * MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }
}

/// The consumption in watt-hours of the row that starts at this time in milliseconds.
#[must_use]
pub fn consumption(start: i64, aggregation: Aggregation) -> f64 {
    let length = aggregation.length();
    let number = i32::try_from(length / MINUTE_MS + (start / length).rem_euclid(7));
    number.map_or(f64::NAN, f64::from)
}

/// The starts of the rows in `[from, to)` that the cloud has.
fn starts(held: &Held, aggregation: Aggregation, (from, to): (i64, i64), now: i64) -> Vec<i64> {
    let length = aggregation.length();
    let days = match aggregation {
        Aggregation::FiveMinutes => held.fine_days,
        Aggregation::Hour => held.hour_days,
        Aggregation::Day => 10_000,
    };
    let first = from.max(now - days * DAY_MS);
    let first = first + (-first).rem_euclid(length);
    let is_lost = |start: i64| {
        aggregation == Aggregation::FiveMinutes && held.lost.iter().any(|(from, to)| (*from..*to).contains(&start))
    };
    let step = usize::try_from(length).unwrap_or(1);
    (first..to).step_by(step).filter(|start| start + length <= now && !is_lost(*start)).collect()
}

impl Held {
    /// The corrected number of a row.
    fn number(&self, aggregation: Aggregation, start: i64) -> Option<f64> {
        self.corrected.get(&start).copied().filter(|_| aggregation == Aggregation::FiveMinutes)
    }

    /// The rows with the names that their members have now.
    pub(super) fn named(&self, mut rows: Vec<Value>) -> Vec<Value> {
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            for (before, after) in &self.renamed {
                if let Some(value) = row.remove(before) {
                    row.insert(after.clone(), value);
                }
            }
        }
        rows
    }
}

/// The rows of the location.
pub(super) fn of_location(held: &Held, aggregation: Aggregation, range: (i64, i64), now: i64) -> Vec<Value> {
    let row = |start: i64| {
        let energy = held.number(aggregation, start).unwrap_or_else(|| consumption(start, aggregation));
        json!({
            "timestamp": start, "consumption": energy, "solar": 0.0, "alwaysOn": 24.0, "gridImport": energy,
            "gridExport": 0.0, "active": [energy, 1.0, 2.0, null, 5.0], "reactive": [0.5], "voltages": [2310, 2320, 2330]
        })
    };
    starts(held, aggregation, range, now).into_iter().map(row).collect()
}

/// The rows of the sensor.
pub(super) fn of_sensor(held: &Held, aggregation: Aggregation, range: (i64, i64), now: i64) -> Vec<Value> {
    let row = |start: i64| {
        let pulses = held.number(aggregation, start).unwrap_or(3.0);
        json!({"timestamp": start, "value1": pulses, "value2": null, "temperature": 215, "humidity": 40, "battery": 90})
    };
    starts(held, aggregation, range, now).into_iter().map(row).collect()
}

/// The rows of the plug.
pub(super) fn of_plug(held: &Held, aggregation: Aggregation, range: (i64, i64), now: i64) -> Vec<Value> {
    let row = |start: i64| json!({"timestamp": start, "active": 4.0, "reactive": 0.0});
    starts(held, aggregation, range, now).into_iter().map(row).collect()
}
