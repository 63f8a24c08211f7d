//! The data of a meter in a span: curves, amounts, holes and marks. The page and its CSV are made of it.

use crate::admin::Views;
use crate::admin::chart::{Bar, Marked, Points, holes};
use crate::admin::fleet;
use crate::admin::history::{History, NO_STORE, PastError};
use crate::admin::meter_state::Meter;
use crate::admin::moment::zoned;
use crate::admin::parameters::Parameters;
use crate::admin::range::Range;
use crate::coverage::{Gap, GapState};
use crate::query::{BUCKETS_MAX, Bucket, Energy, Newest, Place, QueryError, Series, Span, Store, name_of};
use crate::reading::registry::{self, Kind, MainValue, Unit};
use crate::reading::{MeterId, Obis, UnixNanos};
use crate::wire::meters::Version;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Points of a main curve: more are not seen on a page, and a store answers faster.
const POINTS: usize = 500;
/// Points of each of the other curves.
const OTHER_POINTS: usize = 100;
/// Registers up to this rank, which phases have, are among the others.
const PHASES: u8 = 3;
/// Charts of other registers.
const OTHERS_MAX: usize = 8;

/// A meter in a span.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) meter: Meter,
    pub(super) versions: Vec<Version>,
    pub(super) range: Range,
    pub(super) zone: TimeZone,
    /// The newest value of each register.
    pub(super) registers: Vec<Newest>,
    pub(super) rates: Vec<Curve>,
    pub(super) bars: Vec<Bar>,
    pub(super) bars_unit: Unit,
    pub(super) others: Vec<Curve>,
    pub(super) gaps: Vec<Marked>,
    pub(super) marks: Vec<Marked>,
    /// Why there is nothing of the past.
    pub(super) notice: Option<String>,
}

/// A curve with its register.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    pub(super) obis: Obis,
    pub(super) unit: Unit,
    pub(super) points: Points,
}

impl Data {
    /// The data of a request; `None` if nothing is known about the meter. Other registers are read if `with_others`.
    /// A meter that is new gets its last hour, unless a span was chosen: in a day its curve would not be seen.
    pub(super) fn of(views: &Views, id: MeterId, parameters: &Parameters, with_others: bool) -> Option<Self> {
        let now = views.clock.now();
        let meter = fleet::meter(views, id, now)?;
        let versions = views.meters.versions(id);
        let zone = zone(views, id, &versions);
        let in_range = |range| Self::in_range(views, &meter, &versions, &zone, range, with_others);
        let data = in_range(Range::of(parameters, now, &zone));
        let hour = Range::last_hour(now);
        let is_new = !Range::is_chosen(parameters) && data.begins_in(hour.span);
        Some(if is_new { in_range(hour) } else { data })
    }

    fn in_range(
        views: &Views,
        meter: &Meter,
        versions: &[Version],
        zone: &TimeZone,
        range: Range,
        with_others: bool,
    ) -> Self {
        let mut meter = meter.clone();
        let mut data = Self {
            registers: meter.values.clone(),
            versions: versions.to_vec(),
            range,
            zone: zone.clone(),
            rates: Vec::new(),
            bars: Vec::new(),
            bars_unit: Unit::Unknown,
            others: Vec::new(),
            gaps: Vec::new(),
            marks: Vec::new(),
            notice: None,
            meter: meter.clone(),
        };
        data.notice = if views.history.has_store() {
            data.read(&views.history, &mut meter, with_others).err().map(|error| fleet::without_store(&error))
        } else {
            Some(NO_STORE.to_owned())
        };
        data.meter = meter;
        let missing: Vec<Gap> =
            views.coverage.gaps().into_iter().map(|(gap, _)| gap).filter(|gap| gap.meter == data.meter.id).collect();
        data.gaps = data.gaps(&missing);
        data
    }

    /// Whether its curves begin in this span.
    fn begins_in(&self, span: Span) -> bool {
        let mut first = self.rates.iter().filter_map(|curve| curve.points.buckets.first()).peekable();
        first.peek().is_some() && first.all(|bucket| bucket.start >= span.from)
    }

    fn read(&mut self, history: &History, meter: &mut Meter, with_others: bool) -> Result<(), PastError> {
        let newest = history.registers(meter.id)?;
        if meter.values.is_empty() {
            meter.set_stored_values(newest.clone());
        }
        self.registers = merged(newest, &meter.values);
        let Some(store) = history.store()? else { return Ok(()) };
        let span = self.range.span;
        for (obis, sign) in rates(&self.registers) {
            let points = store.curve(Series { meter: meter.id, obis }, span, POINTS)?;
            self.rates.push(curve(meter, obis, points.into_iter().map(|bucket| signed(bucket, sign)).collect()));
        }
        self.read_energy(store, meter)?;
        let described = self.versions.windows(2).filter_map(|pair| change(&pair[0], &pair[1]));
        self.marks.extend(described);
        if with_others {
            self.others = others(store, meter, &self.registers, span)?;
        }
        Ok(())
    }

    fn read_energy(&mut self, store: &Store, meter: &Meter) -> Result<(), QueryError> {
        let counters = meter.counters();
        let Some(first) = counters.first() else { return Ok(()) };
        self.bars_unit = first.unit;
        let same = counters.iter().filter(|counter| counter.unit == first.unit).map(|counter| counter.obis);
        let counters: Vec<Obis> = same.collect();
        let energies = store.energy(&Place::Meter(meter.id), &counters, self.range.span, self.range.step())?;
        self.bars = bars(&energies);
        for counter in &counters {
            let curve = store.curve(Series { meter: meter.id, obis: *counter }, self.range.span, BUCKETS_MAX)?;
            self.marks.extend(resets(&curve, *counter));
            if self.gaps.is_empty() {
                self.gaps = holes(&curve, self.range.span);
            }
        }
        Ok(())
    }

    /// The holes of the curves, with what gap detection knows about each.
    fn gaps(&self, missing: &[Gap]) -> Vec<Marked> {
        let found = match self.rates.first() {
            Some(curve) if self.gaps.is_empty() => holes(&curve.points.buckets, self.range.span),
            _ => self.gaps.clone(),
        };
        let time = |at: UnixNanos| zoned(at, &self.zone).strftime("%H:%M").to_string();
        let label = |hole: Marked| {
            let known = missing.iter().find(|gap| gap.extent.from() < hole.until && gap.extent.until() >= hole.from);
            let known = known.map(|gap| fate(gap, &time(gap.changed))).unwrap_or_default();
            let until = if hole.until >= self.range.span.until { "now".to_owned() } else { time(hole.until) };
            Marked { label: format!("missing {}–{until}{known}", time(hole.from)), ..hole }
        };
        found.into_iter().map(label).collect()
    }
}

fn fate(gap: &Gap, changed: &str) -> String {
    match gap.state {
        GapState::Open if gap.asked == 0 => format!(", found at {changed}"),
        GapState::Open => format!(", found at {changed}, asked for {} times", gap.asked),
        GapState::Late | GapState::Repaired => String::new(),
        GapState::NotAtSource => ", and the source has not got it".to_owned(),
        GapState::Gone => ", and no longer followed".to_owned(),
    }
}

/// The zone of a meter's days: of the store, or else of its description.
fn zone(views: &Views, id: MeterId, versions: &[Version]) -> TimeZone {
    let stored = views.history.time_zone(id).ok().flatten();
    let described = || versions.last().map(|version| version.description.time_zone.clone());
    let name = stored.or_else(described).unwrap_or_default();
    TimeZone::get(&name).unwrap_or(TimeZone::UTC)
}

/// The newest value of each register, of the store or since.
fn merged(stored: Vec<Newest>, heard: &[Newest]) -> Vec<Newest> {
    let mut newest: BTreeMap<Obis, Newest> = stored.into_iter().map(|newest| (newest.obis, newest)).collect();
    for value in heard {
        newest
            .entry(value.obis)
            .and_modify(|known| {
                if value.at >= known.at {
                    *known = *value
                }
            })
            .or_insert(*value);
    }
    newest.into_values().collect()
}

/// The registers of the main chart, and the sign with which they are drawn.
fn rates(registers: &[Newest]) -> Vec<(Obis, f64)> {
    let role = |newest: &Newest| Some((newest.obis, registry::main_value(newest.obis)?));
    let of = |wanted| registers.iter().filter_map(role).filter(move |(_, role)| *role == wanted).map(|(obis, _)| obis);
    // Signed power says more than the register of one direction.
    let signed = of(MainValue::Rate).find(|obis| obis.0[2] == 16);
    if let Some(obis) = signed {
        return vec![(obis, 1.0)];
    }
    let taken = of(MainValue::Rate).max_by_key(|obis| obis.0[0]).map(|obis| (obis, 1.0));
    let given = of(MainValue::RateOut).next().map(|obis| (obis, -1.0));
    let found: Vec<_> = taken.into_iter().chain(given).collect();
    if !found.is_empty() {
        return found;
    }
    let phases: Vec<Obis> = of(MainValue::RateOfPhase).collect();
    let is_signed = phases.iter().any(|obis| is_signed_phase(*obis));
    let taken = phases.iter().filter(|obis| !is_signed || is_signed_phase(**obis)).map(|obis| (*obis, 1.0));
    let given = of(MainValue::RateOutOfPhase).filter(|_| !is_signed).map(|obis| (obis, -1.0));
    let found: Vec<_> = taken.chain(given).collect();
    if found.is_empty() { of(MainValue::Climate).take(1).map(|obis| (obis, 1.0)).collect() } else { found }
}

fn is_signed_phase(obis: Obis) -> bool {
    matches!(obis.0[2], 36 | 56 | 76)
}

fn signed(bucket: Bucket, sign: f64) -> Bucket {
    if sign > 0.0 {
        return bucket;
    }
    Bucket { min: -bucket.max, max: -bucket.min, mean: -bucket.mean, last: -bucket.last, ..bucket }
}

fn curve(meter: &Meter, obis: Obis, buckets: Vec<Bucket>) -> Curve {
    Curve { obis, unit: meter.unit(obis), points: Points { label: name_of(obis), buckets } }
}

/// The curves of the other registers, by unit.
fn others(store: &Store, meter: &Meter, registers: &[Newest], span: Span) -> Result<Vec<Curve>, QueryError> {
    let mut by_unit: Vec<(Unit, Vec<Obis>)> = Vec::new();
    for newest in registers {
        let is_gauge = registry::entry(newest.obis).is_some_and(|entry| entry.kind == Kind::Gauge);
        if !is_gauge || registry::prominence(newest.obis) > PHASES {
            continue;
        }
        let unit = meter.unit(newest.obis);
        match by_unit.iter_mut().find(|(known, _)| *known == unit) {
            Some((_, of_unit)) => of_unit.push(newest.obis),
            None => by_unit.push((unit, vec![newest.obis])),
        }
    }
    let mut found = Vec::new();
    for (_, registers) in by_unit.into_iter().take(OTHERS_MAX) {
        let series: Vec<Series> = registers
            .iter()
            .take(crate::admin::chart::LINES_MAX)
            .map(|obis| Series { meter: meter.id, obis: *obis })
            .collect();
        let curves = store.curves(&series, span, OTHER_POINTS)?;
        found.extend(series.iter().zip(curves).map(|(series, points)| curve(meter, series.obis, points)));
    }
    Ok(found)
}

/// One bar for each interval, of all counters.
fn bars(energies: &[Energy]) -> Vec<Bar> {
    let mut bars: BTreeMap<UnixNanos, Bar> = BTreeMap::new();
    for energy in energies {
        let empty = Bar {
            from: energy.start,
            until: energy.until,
            taken: None,
            given: None,
            is_estimated: false,
            is_complete: true,
        };
        let bar = bars.entry(energy.start).or_insert(empty);
        let place = match registry::main_value(energy.obis) {
            Some(MainValue::CounterOut | MainValue::CounterOutOfTariff) => &mut bar.given,
            _ => &mut bar.taken,
        };
        *place = Some(place.unwrap_or(0.0) + energy.amount);
        bar.is_estimated |= energy.is_estimated;
        bar.is_complete &= energy.is_complete;
    }
    bars.into_values().collect()
}

/// The times at which a counter fell by more than a tenth.
fn resets(curve: &[Bucket], counter: Obis) -> Vec<Marked> {
    let name = name_of(counter);
    let falls = curve.windows(2).filter(|pair| pair[1].min < 0.9 * pair[0].last);
    falls.map(|pair| Marked { from: pair[1].start, until: pair[1].start, label: format!("{name} was reset") }).collect()
}

/// The change from one version of a description to the next, if the meter was exchanged or renamed.
fn change(before: &Version, after: &Version) -> Option<Marked> {
    let (old, new) = (&before.description, &after.description);
    let label = if old.serial != new.serial || old.meter_serial != new.meter_serial {
        format!("meter exchanged: serial number {} after {}", serial(after), serial(before))
    } else if old.name != new.name {
        format!("renamed from {}", old.name)
    } else {
        return None;
    };
    Some(Marked { from: after.valid_from, until: after.valid_from, label })
}

fn serial(version: &Version) -> &str {
    let description = &version.description;
    if description.meter_serial.is_empty() { &description.serial } else { &description.meter_serial }
}
