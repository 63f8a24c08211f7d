//! What was described of each meter, and what follows from what is told now. Pure.
//!
//! Bounded: at most [`METERS_MAX`] meters, [`VERSIONS_MAX`] versions of each and
//! [`TEXT_CHARS_MAX`] of a text. At the bound those give way that no list named for
//! [`FORGOTTEN_AFTER`]; where there is none, a new meter is not described.

use super::points::Points;
use crate::reading::{MeterId, UnixNanos};
use crate::wire::meters::{Description, Version};
use std::collections::BTreeMap;
use std::time::Duration;

/// `last_seen` alone is recorded at most so often, a meter.
pub const LAST_SEEN_EVERY: Duration = Duration::from_hours(1);
/// A meter that two accounts see is described by one of them, until that one has not
/// named it for so long.
pub const HELD_FOR: Duration = Duration::from_hours(24);
/// Meters remembered.
pub const METERS_MAX: usize = if cfg!(test) { 4 } else { 100_000 };
/// Versions remembered of a meter; older ones stay in the stores as they are.
pub const VERSIONS_MAX: usize = if cfg!(test) { 3 } else { 32 };
/// A longer text is cut.
pub const TEXT_CHARS_MAX: usize = 200;
/// A meter that no list named for so long may be forgotten for a new one.
pub(super) const FORGOTTEN_AFTER: Duration = Duration::from_hours(30 * 24);

/// A meter as somebody tells of it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which.
    pub meter: MeterId,
    /// What is said of it.
    pub description: Description,
    /// When its vendor heard of it last.
    pub last_seen: UnixNanos,
}

/// What was described.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) meters: BTreeMap<MeterId, Meter>,
    /// What is to be recorded, by what names a version.
    pub(super) waiting: BTreeMap<(MeterId, i64), Version>,
    /// From when on a meter that is not known holds, in nanoseconds since 1970.
    pub(super) unknown_from: i64,
    /// When there was no room last.
    pub(super) full_at: Option<UnixNanos>,
}

/// One meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meter {
    /// When a list named it last.
    pub(super) named: UnixNanos,
    /// Oldest first; the last one holds.
    pub(super) versions: Vec<Version>,
}

impl Known {
    /// Where nothing is known any more of what may have been described until now.
    pub(super) fn lost(now: UnixNanos) -> Self {
        Self { unknown_from: now.0, ..Self::default() }
    }

    /// Puts all meters at their points.
    pub(super) fn place(&mut self, points: &Points) {
        for (id, meter) in &mut self.meters {
            let point = points.of(*id);
            if meter.versions.iter().all(|version| version.metering_point == point) {
                continue;
            }
            for version in &mut meter.versions {
                version.metering_point.clone_from(&point);
                self.waiting.insert((*id, version.valid_from.0), version.clone());
            }
        }
    }

    /// Takes note of what is told; what is new waits to be recorded. Meters that are
    /// put at a point and that nobody ever told of are described by their point alone.
    pub(super) fn compare(
        &mut self,
        source: &str,
        told: impl IntoIterator<Item = Told>,
        points: &Points,
        now: UnixNanos,
    ) {
        for told in told {
            self.note(source, Told { description: shortened(told.description), ..told }, points, now);
        }
        let silent: Vec<MeterId> = points.meters().filter(|meter| !self.meters.contains_key(meter)).collect();
        for meter in silent {
            let told = Told { meter, description: Description::default(), last_seen: UnixNanos(0) };
            self.note(source, told, points, now);
        }
    }

    fn note(&mut self, source: &str, told: Told, points: &Points, now: UnixNanos) {
        let last_seen = told.last_seen.clamp(UnixNanos(0), now.max(UnixNanos(0)));
        let new = Version {
            meter: told.meter,
            metering_point: points.of(told.meter),
            description: told.description,
            source: source.to_owned(),
            valid_from: UnixNanos(self.unknown_from),
            valid_to: None,
            last_seen,
        };
        match self.meters.get_mut(&told.meter) {
            Some(meter) => meter.compare(new, now, &mut self.waiting),
            None => self.add(new, now),
        }
    }

    fn add(&mut self, version: Version, now: UnixNanos) {
        if self.meters.len() >= METERS_MAX && !self.makes_room(now) {
            return;
        }
        self.waiting.insert((version.meter, version.valid_from.0), version.clone());
        self.meters.insert(version.meter, Meter { named: now, versions: vec![version] });
    }

    /// Forgets who may be forgotten, looked for once a list. Whether there is room now.
    fn makes_room(&mut self, now: UnixNanos) -> bool {
        if self.full_at == Some(now) {
            return false;
        }
        let before = self.meters.len();
        self.meters.retain(|_, meter| !is_past(meter.named, FORGOTTEN_AFTER, now));
        let has_room = self.meters.len() < before;
        if has_room {
            self.unknown_from = self.unknown_from.max(now.0);
        } else if self.full_at.replace(now).is_none() {
            tracing::warn!("there are more than {METERS_MAX} meters: new ones are not described");
        }
        has_room
    }
}

impl Meter {
    fn compare(&mut self, mut new: Version, now: UnixNanos, waiting: &mut BTreeMap<(MeterId, i64), Version>) {
        let Some(open) = self.versions.last_mut() else { return };
        let is_silent = open.description == Description::default();
        let is_others = open.source != new.source && !is_silent;
        if is_others && !is_past(self.named, HELD_FOR, now) {
            return;
        }
        self.named = now;
        if new.description.gateway.is_empty() {
            // Told by other means than the rest, which fail at times.
            new.description.gateway.clone_from(&open.description.gateway);
        }
        if open.description == new.description || is_silent {
            let is_news = open.description != new.description || open.source != new.source;
            if !is_news && !is_past(open.last_seen, LAST_SEEN_EVERY, new.last_seen) {
                return;
            }
            *open = Version { valid_from: open.valid_from, ..new };
            waiting.insert((open.meter, open.valid_from.0), open.clone());
            return;
        }
        // A clock that went back makes no version that ends before it begins.
        let at = UnixNanos(now.0.max(open.valid_from.0.saturating_add(1)));
        open.valid_to = Some(at);
        waiting.insert((open.meter, open.valid_from.0), open.clone());
        let opened = Version { valid_from: at, ..new };
        waiting.insert((opened.meter, at.0), opened.clone());
        self.versions.push(opened);
        if self.versions.len() > VERSIONS_MAX {
            self.versions.remove(0);
        }
    }
}

fn is_past(since: UnixNanos, span: Duration, now: UnixNanos) -> bool {
    i128::from(now.since(since)) >= i128::try_from(span.as_nanos()).unwrap_or(i128::MAX)
}

fn shortened(mut description: Description) -> Description {
    let Description { name, serial, meter_serial, vendor, family, energy_type, sub_type, gateway, unit } =
        &mut description;
    let words = [&mut family.name, &mut energy_type.name, &mut sub_type.name];
    for text in [name, serial, meter_serial, vendor, gateway, unit].into_iter().chain(words) {
        if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
            text.truncate(end);
        }
    }
    description
}
