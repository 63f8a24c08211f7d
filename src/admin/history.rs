//! The past in lists: sparklines and the energy of today, from the configured store.
//!
//! Bounds: answers are kept for [`FRESH_NS`], of at most [`METERS_MAX`] meters, so that many viewers ask the store once.
//! A page waits for the store no longer than [`LISTS_TIME`], and a span that a person chose no longer than [`SPANS_TIME`].
//! A store that did not answer is asked by one page after each [`PAUSE`]. A store that cannot be read leaves the past out
//! and is named; the present needs no store.

use super::meter_state::Meter;
use crate::base::Stop;
use crate::clock::Clock;
use crate::query::{Energy, Limit, MeterEntry, Newest, Place, QueryError, Series, Span, Step, Store};
use crate::reading::registry::{self, MainValue, Unit};
use crate::reading::{MeterId, Obis, UnixNanos};
use lru::LruCache;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time of a page for what every list and every head needs; pages have 20 s.
const LISTS_TIME: Duration = Duration::from_secs(if cfg!(test) { 3 } else { 5 });
/// The time of a page for all, with curves of a long span.
const SPANS_TIME: Duration = Duration::from_secs(15);
/// A failure after this time is one of a store that does not answer, and not a refusal.
const SLOW: Duration = Duration::from_secs(1);
/// The time until a store that did not answer is asked again.
const PAUSE: Duration = Duration::from_secs(30);
/// An answer is used for this long.
const FRESH_NS: i64 = 60 * SECOND_NS;
/// And one without a curve, so that the curve of a new meter appears soon.
const FRESH_WITHOUT_CURVE_NS: i64 = 5 * SECOND_NS;
/// Answers kept, one for each meter.
const METERS_MAX: usize = 2_000;
/// Meters of the store in a list: of more, those with a name come first, and the page says how many are left out.
const STORED_METERS_MAX: usize = if cfg!(test) { 3 } else { 20_000 };
/// The span of a sparkline.
const SPARK_NS: i64 = 6 * 3_600 * SECOND_NS;
/// Points of a sparkline.
const SPARK_POINTS: usize = 36;
const DAY_NS: i64 = 86_400 * SECOND_NS;
const SECOND_NS: i64 = 1_000_000_000;

/// The sentence of a view without a store.
pub(super) const NO_STORE: &str =
    "Curves and energy need a store that can be read: configure [sink.sqlite] or [sink.questdb].";

/// The past of a meter, as lists show it.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// Power or flow of the last hours, by time.
    pub(super) spark: Vec<(UnixNanos, f64)>,
    pub(super) today: Day,
    pub(super) yesterday: Day,
}

impl Past {
    /// Whether it need not be asked for again.
    fn is_fresh(&self, at: UnixNanos, now: UnixNanos) -> bool {
        is_fresh(at, now, if self.spark.len() < 2 { FRESH_WITHOUT_CURVE_NS } else { FRESH_NS })
    }
}

/// The amounts of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Day {
    /// Import, or the amount of another medium.
    pub(super) taken: Option<(f64, Unit)>,
    /// Export.
    pub(super) given: Option<(f64, Unit)>,
}

/// The meters of the store.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) meters: Vec<MeterEntry>,
    /// The number of further ones.
    pub(super) left_out: usize,
}

/// Why there is nothing of the past.
#[derive(Debug, thiserror::Error)]
pub(super) enum PastError {
    #[error("{0}")]
    Query(#[from] QueryError),
    /// It is not asked, because it did not answer a moment ago.
    #[error("the store did not answer in time, and is asked again in {0} s")]
    Paused(u64),
}

/// The history in the store, with the answers of the last minute. Clones share these, and have limits of their own.
#[derive(Debug, Clone)]
pub struct History {
    /// For what lists and heads need: little.
    lists: Option<Store>,
    /// For a span that a person chose.
    spans: Option<Store>,
    clock: Clock,
    known: Arc<Known>,
}

#[derive(Debug)]
struct Known {
    past: Mutex<LruCache<MeterId, (UnixNanos, Past)>>,
    meters: Mutex<Option<(UnixNanos, Arc<Stored>)>>,
    /// When the store did not answer, or was asked again after that: set until it answers.
    unanswered: Mutex<Option<Instant>>,
}

impl History {
    /// The history in this store; without one, views show the present only.
    pub fn new(store: Option<Store>, clock: Clock) -> Self {
        let meters_max = NonZeroUsize::new(METERS_MAX).unwrap_or(NonZeroUsize::MIN);
        let past = Mutex::new(LruCache::sparse(meters_max));
        let known = Known { past, meters: Mutex::default(), unanswered: Mutex::default() };
        Self { lists: store.clone(), spans: store, clock, known: Arc::new(known) }
    }

    /// The same for one page, which is given up when `left` is asked.
    pub(super) fn for_page(&self, left: &Stop) -> Self {
        let within =
            |store: &Option<Store>, time| store.as_ref().map(|store| store.within(&Limit::of(time, &self.clock, left)));
        Self { lists: within(&self.lists, LISTS_TIME), spans: within(&self.spans, SPANS_TIME), ..self.clone() }
    }

    pub(super) fn has_store(&self) -> bool {
        self.spans.is_some()
    }

    /// The store for a span, which may take longer than a list; `None` without a store.
    ///
    /// # Errors
    /// While the store is not asked.
    pub(super) fn store(&self) -> Result<Option<&Store>, PastError> {
        let unanswered = *self.known.unanswered.lock();
        unanswered.and_then(|since| self.paused(since)).map_or(Ok(self.spans.as_ref()), Err)
    }

    /// The meters of the store. If it cannot be read, those that were read last, and why.
    pub(super) fn meters(&self, now: UnixNanos) -> (Arc<Stored>, Option<PastError>) {
        let known = self.known.meters.lock().clone();
        if let Some((at, known)) = &known
            && is_fresh(*at, now, FRESH_NS)
        {
            return (Arc::clone(known), None);
        }
        match self.ask(Store::meters) {
            Ok(None) => Default::default(),
            Ok(Some(mut meters)) => {
                let left_out = meters.len().saturating_sub(STORED_METERS_MAX);
                meters.truncate(STORED_METERS_MAX);
                let found = Arc::new(Stored { meters, left_out });
                *self.known.meters.lock() = Some((now, Arc::clone(&found)));
                (found, None)
            }
            Err(error) => (known.map(|(_, known)| known).unwrap_or_default(), Some(error)),
        }
    }

    /// The time zone of a meter's days in the store.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) fn time_zone(&self, meter: MeterId) -> Result<Option<String>, PastError> {
        self.ask(|store| store.time_zone(&Place::Meter(meter)))
    }

    /// The newest value of each register of a meter in the store.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) fn registers(&self, meter: MeterId) -> Result<Vec<Newest>, PastError> {
        let registers = self.ask(|store| store.registers(meter))?.unwrap_or_default();
        Ok(registers.into_iter().map(|register| register.newest).collect())
    }

    /// Gives the newest values of the store to meters that were not heard since the start.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) fn fill(&self, meters: &mut [Meter]) -> Result<(), PastError> {
        let unheard: Vec<MeterId> =
            meters.iter().filter(|meter| meter.values.is_empty()).map(|meter| meter.id).collect();
        if unheard.is_empty() {
            return Ok(());
        }
        let mut newest = self.ask(|store| store.newest(&unheard))?.unwrap_or_default();
        for meter in meters.iter_mut() {
            if let Some(values) = newest.remove(&meter.id) {
                meter.set_stored_values(values);
            }
        }
        Ok(())
    }

    /// The past of these meters. If the store cannot be read, of those that were asked for a moment ago, and why.
    pub(super) fn past(&self, meters: &[Meter], now: UnixNanos) -> (HashMap<MeterId, Past>, Option<PastError>) {
        let mut found = HashMap::new();
        let mut unknown = Vec::new();
        {
            let past = self.known.past.lock();
            for meter in meters {
                match past.peek(&meter.id).filter(|(at, past)| past.is_fresh(*at, now)) {
                    Some((_, past)) => drop(found.insert(meter.id, past.clone())),
                    None => unknown.push(meter),
                }
            }
        }
        if unknown.is_empty() {
            return (found, None);
        }
        let asked = match self.ask(|store| ask(store, &unknown, now)) {
            Ok(asked) => asked.unwrap_or_default(),
            Err(error) => return (found, Some(error)),
        };
        let mut past = self.known.past.lock();
        for (meter, of_meter) in asked {
            past.put(meter, (now, of_meter.clone()));
            found.insert(meter, of_meter);
        }
        (found, None)
    }

    /// Asks the store, unless it did not answer a moment ago: then one page asks after each pause, and the others go on
    /// without an answer. `None` without a store.
    fn ask<T>(&self, question: impl FnOnce(&Store) -> Result<T, QueryError>) -> Result<Option<T>, PastError> {
        let Some(store) = &self.lists else { return Ok(None) };
        let began = self.clock.monotonic();
        if let Some(since) = &mut *self.known.unanswered.lock() {
            self.paused(*since).map_or(Ok(()), Err)?;
            *since = began;
        }
        let answer = question(store);
        match &answer {
            // The client did not wait long enough to know.
            Err(QueryError::Left) => {}
            Err(_) if self.clock.elapsed(began) >= SLOW => {
                *self.known.unanswered.lock() = Some(self.clock.monotonic());
            }
            _ => *self.known.unanswered.lock() = None,
        }
        Ok(answer.map(Some)?)
    }

    /// Why the store is not asked, if it did not answer at this time.
    fn paused(&self, since: Instant) -> Option<PastError> {
        let rest = PAUSE.checked_sub(self.clock.elapsed(since)).filter(|rest| !rest.is_zero())?;
        Some(PastError::Paused(rest.as_secs() + 1))
    }
}

/// A clock that was set back makes answers of the future, which are not fresh.
fn is_fresh(at: UnixNanos, now: UnixNanos, fresh_ns: i64) -> bool {
    (0..fresh_ns).contains(&now.since(at))
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
    let mut by_counters: BTreeMap<Vec<Obis>, Vec<&Meter>> = BTreeMap::new();
    for meter in meters {
        let counters: Vec<Obis> = meter.counters().iter().map(|counter| counter.obis).collect();
        if !counters.is_empty() {
            by_counters.entry(counters).or_default().push(*meter);
        }
    }
    let days = Span { from: now.saturating_add(-DAY_NS), until: now };
    for (counters, meters) in by_counters {
        let places: Vec<Place> = meters.iter().map(|meter| Place::Meter(meter.id)).collect();
        for (energies, meter) in store.energies(&places, &counters, days, Step::Day)?.iter().zip(meters) {
            let past = found.entry(meter.id).or_default();
            let is_today = |energy: &&Energy| energy.start <= now && now < energy.until;
            past.today = day(meter, energies.iter().filter(is_today));
            past.yesterday = day(meter, energies.iter().filter(|energy| energy.until <= now));
        }
    }
    Ok(found)
}

/// The amounts of one day, of all counters of a meter.
fn day<'a>(meter: &Meter, energies: impl Iterator<Item = &'a Energy>) -> Day {
    let mut day = Day::default();
    for energy in energies {
        let unit = meter.unit(energy.obis);
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
