//! The newest counters from the webhook, to check its unit against smart-me's API: the same
//! meter at the same time.
//!
//! Ingest fills it as it accepts bodies, only for the accounts that are compared. Bound: the first [`METERS_MAX`] meters. Nothing is stored:
//! it fills again within minutes of a start.

use crate::ingest::ReadingObserver;
use crate::reading::{MeterId, Obis, UnixNanos};
use crate::wire::{Judged, PayloadFormat};
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;

/// Meters remembered.
const METERS_MAX: usize = 20_000;
/// Import and export.
const CODES: [Obis; 2] = [Obis([1, 0, 1, 8, 0, 255]), Obis([1, 0, 2, 8, 0, 255])];
/// Values this close in time count as simultaneous.
const SAME_NS: i64 = 5_000_000_000;
/// Values further apart are not interpolated.
const APART_NS_MAX: i64 = 30 * 60 * 1_000_000_000;

/// The newest counters. Clones share them.
#[derive(Debug, Clone)]
pub struct WebhookCounters(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    accounts: Mutex<Vec<String>>,
    meters: Mutex<HashMap<MeterId, Points>>,
}

/// The two newest points, older first.
#[derive(Debug, Clone, Copy)]
struct Points([Point; 2]);

#[derive(Debug, Clone, Copy)]
struct Point {
    at: UnixNanos,
    values: [Option<f64>; 2],
}

impl WebhookCounters {
    /// Creates the counters of these accounts.
    pub fn of(accounts: impl IntoIterator<Item = String>) -> Self {
        Self(Arc::new(Inner { accounts: Mutex::new(accounts.into_iter().collect()), meters: Mutex::default() }))
    }

    /// Replaces the accounts. It holds for entrances that are made afterwards.
    pub fn replace(&self, accounts: impl IntoIterator<Item = String>) {
        *self.0.accounts.lock() = accounts.into_iter().collect();
    }

    /// Whether this register is remembered.
    pub fn has(obis: Obis) -> bool {
        CODES.contains(&obis)
    }

    /// Records readings from the webhook.
    pub fn note<'a>(&self, readings: impl Iterator<Item = Judged<'a>>) {
        let mut meters = self.meters();
        readings.filter_map(|reading| Some((reading.meter, Point::of(&reading)?))).for_each(|(meter, point)| {
            Self::insert(&mut meters, meter, point);
        });
    }

    fn meters(&self) -> MutexGuard<'_, HashMap<MeterId, Points>> {
        self.0.meters.lock()
    }

    fn insert(meters: &mut HashMap<MeterId, Points>, meter: MeterId, point: Point) {
        let is_full = meters.len() >= METERS_MAX;
        match meters.get_mut(&meter) {
            Some(Points([older, newer])) if point.at > newer.at => (*older, *newer) = (*newer, point),
            None if !is_full => drop(meters.insert(meter, Points([point, point]))),
            Some(_) | None => {}
        }
    }

    /// The webhook's value of a register at a time: a simultaneous value, or linear
    /// interpolation between its neighbours.
    pub fn value(&self, meter: MeterId, obis: Obis, at: UnixNanos) -> Option<f64> {
        let place = CODES.iter().position(|code| *code == obis)?;
        let Points([older, newer]) = *self.meters().get(&meter)?;
        for point in [newer, older] {
            if point.at.since(at).saturating_abs() <= SAME_NS {
                return point.values[place];
            }
        }
        let apart = newer.at.since(older.at);
        let is_between = older.at < at && at < newer.at && apart <= APART_NS_MAX;
        let (from, to) = (older.values[place]?, newer.values[place]?);
        is_between.then(|| from + (to - from) * seconds(at.since(older.at)) / seconds(apart))
    }
}

impl ReadingObserver for WebhookCounters {
    fn observes(&self, source: &str) -> bool {
        self.0.accounts.lock().iter().any(|compared| compared == source)
    }

    fn observe<'a>(&self, format: PayloadFormat, readings: &mut dyn Iterator<Item = Judged<'a>>) {
        if format == PayloadFormat::SmartMe {
            self.note(readings);
        }
    }
}

impl Point {
    /// `None` if the reading has none of the registers.
    fn of(reading: &Judged<'_>) -> Option<Self> {
        let mut values = [None; 2];
        for sample in reading.samples() {
            if let Some(place) = CODES.iter().position(|code| *code == sample.obis) {
                values[place] = Some(sample.value);
            }
        }
        (values != [None; 2]).then_some(Self { at: reading.at, values })
    }
}

#[expect(clippy::cast_precision_loss, reason = "half an hour in nanoseconds is far below 2^53")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const METER: Uuid = Uuid::from_u128(7 << 64);
    const SECOND: i64 = 1_000_000_000;

    fn at(second: i64) -> UnixNanos {
        UnixNanos(second * SECOND)
    }

    fn noted(points: &[(i64, f64)]) -> WebhookCounters {
        let counters = WebhookCounters::of([]);
        for (second, value) in points {
            WebhookCounters::insert(
                &mut counters.meters(),
                METER.into(),
                Point { at: at(*second), values: [Some(*value), None] },
            );
        }
        counters
    }

    #[test]
    fn a_value_of_the_same_time_or_between_two_is_found() {
        let counters = noted(&[(0, 1.0), (100, 10.0), (200, 30.0), (150, 99.0)]);
        let value = |second| counters.value(METER.into(), CODES[0], at(second));
        assert_eq!([value(203), value(97), value(150)], [Some(30.0), Some(10.0), Some(20.0)]);
        assert_eq!([value(206), value(94), value(0)], [None; 3]);
        assert_eq!(counters.value(METER.into(), CODES[1], at(200)), None);
        assert_eq!(noted(&[(0, 1.0), (2000, 2.0)]).value(METER.into(), CODES[0], at(1000)), None);
    }

    #[test]
    fn the_number_of_remembered_meters_is_bounded() {
        let counters = noted(&[(0, 1.0)]);
        for number in 0..METERS_MAX as u128 + 10 {
            let point = Point { at: at(1), values: [Some(1.0), None] };
            WebhookCounters::insert(&mut counters.meters(), MeterId::from(Uuid::from_u128(number + 1)), point);
        }
        assert_eq!(counters.meters().len(), METERS_MAX);
        assert!(counters.value(METER.into(), CODES[0], at(0)).is_some());
    }
}
