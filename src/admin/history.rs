//! The past in lists: sparklines and the energy of today, from the configured store.
//!
//! Bounds: answers are kept for [`FRESH_NS`], of at most [`METERS_MAX`] meters, so that many viewers ask the store once.
//! A store that cannot be read leaves the past out and is named.

use super::meter_state::Meter;
use crate::query::{Energy, MeterEntry, Place, QueryError, Series, Span, Step, Store};
use crate::reading::registry::{self, MainValue, Unit};
use crate::reading::{MeterId, Obis, UnixNanos};
use lru::LruCache;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// An answer is used for this long.
const FRESH_NS: i64 = 60 * SECOND_NS;
/// Answers kept, one for each meter.
const METERS_MAX: usize = 2_000;
/// Meters of the store in a list: of more, those with a name come first.
const STORED_METERS_MAX: usize = 20_000;
/// The span of a sparkline.
const SPARK_NS: i64 = 6 * 3_600 * SECOND_NS;
/// Points of a sparkline.
const SPARK_POINTS: usize = 36;
const DAY_NS: i64 = 86_400 * SECOND_NS;
const SECOND_NS: i64 = 1_000_000_000;

/// The past of a meter, as lists show it.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// Power or flow of the last hours, by time.
    pub(super) spark: Vec<(UnixNanos, f64)>,
    pub(super) today: Day,
    pub(super) yesterday: Day,
}

/// The amounts of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Day {
    /// Import, or the amount of another medium.
    pub(super) taken: Option<(f64, Unit)>,
    /// Export.
    pub(super) given: Option<(f64, Unit)>,
}

/// The history in the store, with the answers of the last minute.
#[derive(Debug)]
pub struct History {
    store: Option<Store>,
    past: Mutex<LruCache<MeterId, (UnixNanos, Past)>>,
    meters: Mutex<Option<(UnixNanos, Arc<Vec<MeterEntry>>)>>,
}

impl History {
    /// The history in this store; without one, views show the present only.
    pub fn new(store: Option<Store>) -> Self {
        let meters_max = NonZeroUsize::new(METERS_MAX).unwrap_or(NonZeroUsize::MIN);
        Self { store, past: Mutex::new(LruCache::sparse(meters_max)), meters: Mutex::default() }
    }

    pub(super) fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// The meters of the store; none while it cannot be read.
    pub(super) fn meters(&self, now: UnixNanos) -> Arc<Vec<MeterEntry>> {
        if let Some((at, known)) = &*self.meters.lock()
            && is_fresh(*at, now)
        {
            return Arc::clone(known);
        }
        let mut found = self.store.as_ref().and_then(|store| store.meters().ok()).unwrap_or_default();
        found.truncate(STORED_METERS_MAX);
        let found = Arc::new(found);
        *self.meters.lock() = Some((now, Arc::clone(&found)));
        found
    }

    /// Gives the newest values of the store to meters that were not heard since the start.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) fn fill(&self, meters: &mut [Meter]) -> Result<(), QueryError> {
        let Some(store) = &self.store else { return Ok(()) };
        let unheard: Vec<MeterId> =
            meters.iter().filter(|meter| meter.values.is_empty()).map(|meter| meter.id).collect();
        if unheard.is_empty() {
            return Ok(());
        }
        let mut newest = store.newest(&unheard)?;
        for meter in meters.iter_mut() {
            if let Some(values) = newest.remove(&meter.id) {
                meter.set_stored_values(values);
            }
        }
        Ok(())
    }

    /// The past of these meters.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) fn past(&self, meters: &[Meter], now: UnixNanos) -> Result<HashMap<MeterId, Past>, QueryError> {
        let Some(store) = &self.store else { return Ok(HashMap::new()) };
        let mut found = HashMap::new();
        let mut unknown = Vec::new();
        {
            let past = self.past.lock();
            for meter in meters {
                match past.peek(&meter.id).filter(|(at, _)| is_fresh(*at, now)) {
                    Some((_, past)) => drop(found.insert(meter.id, past.clone())),
                    None => unknown.push(meter),
                }
            }
        }
        let asked = ask(store, &unknown, now)?;
        let mut past = self.past.lock();
        for (meter, of_meter) in asked {
            past.put(meter, (now, of_meter.clone()));
            found.insert(meter, of_meter);
        }
        Ok(found)
    }
}

/// A clock that was set back makes answers of the future, which are not fresh.
fn is_fresh(at: UnixNanos, now: UnixNanos) -> bool {
    (0..FRESH_NS).contains(&now.since(at))
}

fn ask(store: &Store, meters: &[&Meter], now: UnixNanos) -> Result<HashMap<MeterId, Past>, QueryError> {
    let mut found: HashMap<MeterId, Past> = meters.iter().map(|meter| (meter.id, Past::default())).collect();
    let series = meters.iter().filter_map(|meter| Some((Series { meter: meter.id, obis: meter.rate()?.obis }, *meter)));
    let (series, of): (Vec<Series>, Vec<&Meter>) = series.unzip();
    let span = Span { from: now.saturating_add(-SPARK_NS), until: now };
    for (curve, meter) in store.curves(&series, span, SPARK_POINTS)?.into_iter().zip(of) {
        // A register of export alone is drawn below zero, as its value is shown.
        let sign = meter.rate().map_or(1.0, |rate| if rate.role == MainValue::RateOut { -1.0 } else { 1.0 });
        let points = curve.iter().map(|bucket| (bucket.start, sign * bucket.mean)).collect();
        found.entry(meter.id).or_default().spark = points;
    }
    // Meters with the same counters are asked for together.
    let mut by_counters: BTreeMap<Vec<Obis>, Vec<MeterId>> = BTreeMap::new();
    for meter in meters {
        let counters: Vec<Obis> = meter.counters().iter().map(|counter| counter.obis).collect();
        if !counters.is_empty() {
            by_counters.entry(counters).or_default().push(meter.id);
        }
    }
    let days = Span { from: now.saturating_add(-DAY_NS), until: now };
    for (counters, meters) in by_counters {
        let places: Vec<Place> = meters.iter().map(|meter| Place::Meter(*meter)).collect();
        for (energies, meter) in store.energies(&places, &counters, days, Step::Day)?.iter().zip(meters) {
            let past = found.entry(meter).or_default();
            let is_today = |energy: &&Energy| energy.start <= now && now < energy.until;
            past.today = day(energies.iter().filter(is_today));
            past.yesterday = day(energies.iter().filter(|energy| energy.until <= now));
        }
    }
    Ok(found)
}

/// The amounts of one day, of all counters of a meter.
fn day<'a>(energies: impl Iterator<Item = &'a Energy>) -> Day {
    let mut day = Day::default();
    for energy in energies {
        let unit = registry::entry(energy.obis).map_or(Unit::Unknown, |entry| entry.unit);
        let place = match registry::main_value(energy.obis) {
            Some(MainValue::CounterOut | MainValue::CounterOutOfTariff) => &mut day.given,
            _ => &mut day.taken,
        };
        *place = Some((place.map_or(0.0, |(amount, _)| amount) + energy.amount, unit));
    }
    day
}

impl Day {
    /// Adds the amounts of another meter.
    pub(super) fn add(&mut self, other: Self) {
        let sum = |one: Option<(f64, Unit)>, other: Option<(f64, Unit)>| match (one, other) {
            (Some((one, unit)), Some((other, _))) => Some((one + other, unit)),
            (one, other) => one.or(other),
        };
        *self = Self { taken: sum(self.taken, other.taken), given: sum(self.given, other.given) };
    }
}
