//! Counters of one source: its metric handles, and its totals for the built-in page.

use super::newest::Newest;
use super::rate::Rate;
use super::undecodable::Undecodable;
use crate::journal::Verdict;
use crate::metrics;
use crate::reading::{Flags, MeterId, SetAside, UnixNanos};
use crate::wire::{Judged, Tally};
use ::metrics::{Counter, Gauge};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The totals of a source.
#[derive(Debug, Clone)]
pub struct SourceActivity {
    /// Its name.
    pub name: Arc<str>,
    /// Bodies accepted since the start.
    pub bodies: u64,
    /// Readings accepted since the start.
    pub readings: u64,
    /// Deliverable samples accepted since the start.
    pub samples: u64,
    /// Samples set aside since the start.
    pub set_aside: u64,
    /// Undecodable bodies, kept or refused, since the start.
    pub undecodable: u64,
    /// Readings a second over about the last minute.
    pub readings_per_second: f64,
    /// When it last delivered a body.
    pub last_received: Option<UnixNanos>,
    /// The newest time of measurement, at most its receive time.
    pub last_reading: Option<UnixNanos>,
    /// The longest time between two readings, once it is known.
    pub reading_interval_max: Option<Duration>,
    /// The last meter that another source had sent before.
    pub shared: Option<SharedMeter>,
}

/// A meter that two sources send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedMeter {
    /// The meter.
    pub meter: MeterId,
    /// When this source last sent it.
    pub at: UnixNanos,
    /// The other source.
    pub other: Arc<str>,
}

/// The value of `last_received` before the first body.
const NEVER: i64 = i64::MIN;

#[derive(Debug)]
pub(super) struct SourceCounters {
    pub(super) name: Arc<str>,
    /// Not before they are needed: a source has dozens of series.
    series: OnceLock<SourceSeries>,
    totals: SourceTotals,
}

/// The metrics of a source.
#[derive(Debug)]
struct SourceSeries {
    bodies: [Counter; 3],
    bytes: Counter,
    empty: Counter,
    readings: Counter,
    samples: Counter,
    set_aside: [Counter; SetAside::ALL.len()],
    flagged: [Counter; Flags::NAMED.len()],
    described: Counter,
    shared: Counter,
    last_reading: Gauge,
    reading_interval_max: Gauge,
}

/// The counters of every source.
#[derive(Debug, Default)]
pub(super) struct KnownSources {
    /// In order of registration.
    all: Vec<Arc<SourceCounters>>,
    by_name: HashMap<Arc<str>, usize>,
}

impl KnownSources {
    /// The counters of the source `name`, which exists from now on.
    pub(super) fn named(&mut self, name: &str) -> Arc<SourceCounters> {
        if let Some(known) = self.by_name.get(name).and_then(|place| self.all.get(*place)) {
            return Arc::clone(known);
        }
        let counters = Arc::new(SourceCounters::new(name));
        self.by_name.insert(Arc::clone(&counters.name), self.all.len());
        self.all.push(Arc::clone(&counters));
        counters
    }

    pub(super) fn all(&self) -> &[Arc<SourceCounters>] {
        &self.all
    }

    /// Forgets the sources that are gone from the configuration. Their gauges have no value from now on.
    pub(super) fn end(&mut self, is_gone: impl Fn(&str) -> bool) {
        let (gone, kept) = std::mem::take(&mut self.all).into_iter().partition(|source| is_gone(&source.name));
        self.all = kept;
        self.by_name = self.all.iter().enumerate().map(|(place, it)| (Arc::clone(&it.name), place)).collect();
        let gone: Vec<_> = gone;
        gone.iter().for_each(|source| source.end());
    }
}

/// Totals since the start, for the built-in page.
#[derive(Debug)]
struct SourceTotals {
    bodies: AtomicU64,
    readings: AtomicU64,
    samples: AtomicU64,
    set_aside: AtomicU64,
    undecodable: AtomicU64,
    last_received: AtomicI64,
    readings_rate: Rate,
    shared: AtomicU64,
    last_shared: Mutex<Option<SharedMeter>>,
    /// `None` after the end of the source.
    newest: Mutex<Option<Newest>>,
}

impl SourceSeries {
    fn new(name: &str) -> Self {
        let source = || ("source", name.to_owned());
        let of = |family| metrics::counter(family, &[source()]);
        let verdicts = [Verdict::Deliverable, Verdict::PartlySetAside, Verdict::Undecodable];
        Self {
            bodies: verdicts.map(|verdict| {
                metrics::counter("meterline_bodies_total", &[source(), ("verdict", verdict.label().to_owned())])
            }),
            bytes: of("meterline_body_bytes_total"),
            empty: of("meterline_bodies_empty_total"),
            readings: of("meterline_readings_total"),
            samples: of("meterline_samples_total"),
            set_aside: SetAside::ALL.map(|reason| {
                metrics::counter(
                    "meterline_samples_set_aside_total",
                    &[source(), ("reason", reason.label().to_owned())],
                )
            }),
            flagged: Flags::NAMED.map(|(_, name)| {
                metrics::counter("meterline_readings_flagged_total", &[source(), ("flag", name.to_owned())])
            }),
            described: of("meterline_meter_versions_total"),
            shared: of("meterline_readings_of_shared_meters_total"),
            last_reading: metrics::gauge("meterline_last_reading_timestamp_seconds", &[source()]),
            reading_interval_max: metrics::gauge("meterline_reading_interval_max_seconds", &[source()]),
        }
    }
}

impl SourceCounters {
    fn new(name: &str) -> Self {
        Self { name: Arc::from(name), series: OnceLock::new(), totals: SourceTotals::new() }
    }

    /// The metrics, which exist from now on.
    pub(super) fn exist(&self) {
        self.series();
    }

    fn series(&self) -> &SourceSeries {
        self.series.get_or_init(|| SourceSeries::new(&self.name))
    }

    /// Counts versions of meter descriptions, after their sync.
    pub(super) fn count_described(&self, versions: u64) {
        self.series().described.increment(versions);
    }

    pub(super) fn count_empty(&self) {
        self.series().empty.increment(1);
    }

    /// Counts a body that is on disk.
    pub(super) fn count_taken(
        &self,
        verdict: Verdict,
        tally: &Tally,
        bytes: u64,
        received: UnixNanos,
        elapsed: Duration,
    ) {
        let series = self.series();
        series.bodies[usize::from(verdict as u8)].increment(1);
        series.bytes.increment(bytes);
        series.readings.increment(tally.readings);
        series.samples.increment(tally.samples);
        let mut set_aside = 0;
        if verdict == Verdict::PartlySetAside {
            for (counter, &count) in series.set_aside.iter().zip(&tally.set_aside) {
                counter.increment(count);
                set_aside += count;
            }
        }
        self.totals.add(tally, set_aside, received, elapsed);
    }

    /// Notes the newest time of measurement of a body. Readings of the past, which fill a gap, move it never back.
    pub(super) fn note_newest(&self, at: UnixNanos) {
        let mut newest = self.totals.newest.lock();
        // The last body of a source that is gone sets no gauge: no later one would correct it.
        let Some(newest) = newest.as_mut() else { return };
        if newest.note(at) {
            let since_1970 = Duration::from_nanos(at.0.max(0).unsigned_abs());
            self.series().last_reading.set(since_1970.as_secs_f64());
            self.series().reading_interval_max.set(newest.longest_interval().unwrap_or_default().as_secs_f64());
        }
    }

    /// The source is gone. A gauge that kept its value would raise an alert until the next start.
    fn end(&self) {
        let mut newest = self.totals.newest.lock();
        *newest = None;
        if let Some(series) = self.series.get() {
            series.last_reading.set(f64::NAN);
            series.reading_interval_max.set(f64::NAN);
        }
    }

    /// Counts the flags of a body's readings; called only if the tally has flagged readings.
    #[cold]
    pub(super) fn count_flags<'a>(&self, readings: impl Iterator<Item = Judged<'a>>) {
        for reading in readings {
            for ((flag, _), counter) in Flags::NAMED.iter().zip(&self.series().flagged) {
                counter.increment(u64::from(reading.flags.contains(*flag)));
            }
        }
    }

    /// Logs the first, second, fourth, eighth ... undecodable body: a sender that
    /// changed its format may send thousands a second.
    #[cold]
    pub(super) fn report_undecodable(&self, error: &Undecodable) {
        let so_far = self.totals.undecodable.fetch_add(1, Ordering::Relaxed) + 1;
        if so_far.is_power_of_two() {
            tracing::warn!(source = &*self.name, so_far, %error, "a body is undecodable");
        }
    }

    /// Counts readings of meters that another source sent before, and logs the first,
    /// second, fourth ... time.
    #[cold]
    pub(super) fn count_shared(&self, readings: u64, last: SharedMeter) {
        self.series().shared.increment(readings);
        let so_far = self.totals.shared.fetch_add(1, Ordering::Relaxed) + 1;
        if so_far.is_power_of_two() {
            tracing::warn!(source = &*self.name, other = &*last.other, meter = %last.meter, so_far,
                "two sources send the same meter: the value that comes last stands in every store");
        }
        *self.totals.last_shared.lock() = Some(last);
    }

    pub(super) fn activity(&self, elapsed: Duration) -> SourceActivity {
        let totals = &self.totals;
        let (last_reading, reading_interval_max) = {
            let newest = totals.newest.lock();
            (newest.as_ref().and_then(Newest::at), newest.as_ref().and_then(Newest::longest_interval))
        };
        let last_received = totals.last_received.load(Ordering::Relaxed);
        SourceActivity {
            name: Arc::clone(&self.name),
            bodies: totals.bodies.load(Ordering::Relaxed),
            readings: totals.readings.load(Ordering::Relaxed),
            samples: totals.samples.load(Ordering::Relaxed),
            set_aside: totals.set_aside.load(Ordering::Relaxed),
            undecodable: totals.undecodable.load(Ordering::Relaxed),
            readings_per_second: totals.readings_rate.per_second(elapsed),
            shared: totals.last_shared.lock().clone(),
            last_received: (last_received != NEVER).then_some(UnixNanos(last_received)),
            last_reading,
            reading_interval_max,
        }
    }
}

impl SourceTotals {
    fn new() -> Self {
        Self {
            bodies: AtomicU64::new(0),
            readings: AtomicU64::new(0),
            samples: AtomicU64::new(0),
            set_aside: AtomicU64::new(0),
            undecodable: AtomicU64::new(0),
            last_received: AtomicI64::new(NEVER),
            readings_rate: Rate::default(),
            shared: AtomicU64::new(0),
            last_shared: Mutex::default(),
            newest: Mutex::new(Some(Newest::default())),
        }
    }

    fn add(&self, tally: &Tally, set_aside: u64, received: UnixNanos, elapsed: Duration) {
        self.bodies.fetch_add(1, Ordering::Relaxed);
        self.readings.fetch_add(tally.readings, Ordering::Relaxed);
        self.samples.fetch_add(tally.samples, Ordering::Relaxed);
        if set_aside > 0 {
            self.set_aside.fetch_add(set_aside, Ordering::Relaxed);
        }
        self.last_received.store(received.0, Ordering::Relaxed);
        self.readings_rate.add(tally.readings, elapsed);
    }
}
