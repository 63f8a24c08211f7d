//! What was described of each meter, and what follows from what is told now. Pure.
//!
//! Bounded: at most [`METERS_MAX`] meters, [`VERSIONS_MAX`] versions of each and
//! [`TEXT_CHARS_MAX`] of a text. At the bound, meters are forgotten that no list named
//! for [`FORGOTTEN_AFTER`]; where there is none, a new meter is not described.

use super::points::Points;
use crate::reading::{MeterId, UnixNanos};
use crate::wire::meters::{Description, Version};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A meter that two accounts see is described by one of them, until that one has not
/// named it for so long.
const OWNER_TIMEOUT: Duration = Duration::from_hours(24);
/// Meters remembered.
pub(super) const METERS_MAX: usize = if cfg!(test) { 4 } else { 100_000 };
/// Versions remembered of a meter; older ones stay in the stores as they are.
pub(super) const VERSIONS_MAX: usize = if cfg!(test) { 3 } else { 32 };
/// A longer text is cut.
pub const TEXT_CHARS_MAX: usize = 200;
/// A meter that no list named for so long may be forgotten for a new one.
pub(super) const FORGOTTEN_AFTER: Duration = Duration::from_hours(30 * 24);

/// What was described.
#[derive(Debug)]
pub(super) struct VersionHistory {
    pub(super) meters: BTreeMap<MeterId, Meter>,
    /// From when on the first version of a meter holds that is not known.
    pub(super) unknown_from: UnixNanos,
    /// The versions that are to be recorded, by meter and beginning.
    waiting: BTreeSet<(MeterId, UnixNanos)>,
    /// When there was no room last.
    full_at: Option<UnixNanos>,
}

/// One meter.
#[derive(Debug)]
pub(super) struct Meter {
    /// When a list named it last; at a start, that start.
    pub(super) named: UnixNanos,
    /// Oldest first; the last one holds.
    pub(super) versions: Vec<Version>,
}

impl VersionHistory {
    /// No meter yet. The first version of each will hold from `unknown_from`: 1970, or
    /// later where descriptions of before that were made and are lost.
    pub(super) fn new(unknown_from: UnixNanos) -> Self {
        Self { meters: BTreeMap::new(), unknown_from, waiting: BTreeSet::new(), full_at: None }
    }

    /// Puts all meters at their points, and has every version recorded again: a store
    /// may have been added since, and the last versions may not have been recorded.
    pub(super) fn begin(&mut self, points: &Points) {
        for (id, meter) in &mut self.meters {
            let point = points.of(*id);
            for version in &mut meter.versions {
                version.metering_point.clone_from(&point);
                self.waiting.insert((*id, version.valid_from));
            }
        }
    }

    /// The versions that are to be recorded, those of a meter oldest first.
    pub(super) fn waiting(&self) -> Vec<&Version> {
        let version = |(meter, from): &(MeterId, UnixNanos)| {
            self.meters.get(meter)?.versions.iter().find(|version| version.valid_from == *from)
        };
        self.waiting.iter().filter_map(version).collect()
    }

    /// All versions are recorded.
    pub(super) fn recorded(&mut self) {
        self.waiting.clear();
    }

    /// Takes note of what is told; what is new waits to be recorded. Meters that are
    /// put at a point and that nobody ever told of are described by their point alone.
    pub(super) fn compare(
        &mut self,
        source: &str,
        told: impl IntoIterator<Item = (MeterId, Description)>,
        points: &Points,
        now: UnixNanos,
    ) {
        for (meter, description) in told {
            self.note(source, meter, shortened(description), points, now);
        }
        let silent: Vec<MeterId> = points.meters().filter(|meter| !self.meters.contains_key(meter)).collect();
        for meter in silent {
            self.note(source, meter, Description::default(), points, now);
        }
    }

    fn note(&mut self, source: &str, meter: MeterId, description: Description, points: &Points, now: UnixNanos) {
        let new = Version {
            meter,
            metering_point: points.of(meter),
            description,
            source: source.to_owned(),
            valid_from: self.unknown_from,
            valid_to: None,
        };
        match self.meters.get_mut(&meter) {
            Some(meter) => meter.compare(new, now, &mut self.waiting),
            None => self.add(new, now),
        }
    }

    fn add(&mut self, version: Version, now: UnixNanos) {
        if self.meters.len() >= METERS_MAX && !self.make_room(now) {
            return;
        }
        self.waiting.insert((version.meter, version.valid_from));
        self.meters.insert(version.meter, Meter { named: now, versions: vec![version] });
    }

    /// Forgets who may be forgotten, looked for once a list. Whether there is room now.
    fn make_room(&mut self, now: UnixNanos) -> bool {
        if self.full_at == Some(now) {
            return false;
        }
        let before = self.meters.len();
        self.meters.retain(|_, meter| !is_past(meter.named, FORGOTTEN_AFTER, now));
        let has_room = self.meters.len() < before;
        if has_room {
            self.unknown_from = self.unknown_from.max(now);
        } else if self.full_at.replace(now).is_none() {
            tracing::warn!("there are more than {METERS_MAX} meters: new ones are not described");
        }
        has_room
    }
}

impl Meter {
    fn compare(&mut self, mut new: Version, now: UnixNanos, waiting: &mut BTreeSet<(MeterId, UnixNanos)>) {
        let Some(open) = self.versions.last_mut() else { return };
        let is_silent = open.description == Description::default();
        let is_others = open.source != new.source;
        if is_others && !is_silent && !is_past(self.named, OWNER_TIMEOUT, now) {
            return;
        }
        self.named = now;
        if new.description.gateway.is_empty() {
            // Told by other means than the rest, which fail at times.
            new.description.gateway.clone_from(&open.description.gateway);
        }
        let is_same = open.description == new.description;
        if is_same && !is_others {
            return;
        }
        waiting.insert((open.meter, open.valid_from));
        if is_same || is_silent {
            *open = Version { valid_from: open.valid_from, ..new };
            return;
        }
        // A clock that went back makes no version that ends before it begins.
        let at = UnixNanos(now.0.max(open.valid_from.0.saturating_add(1)));
        open.valid_to = Some(at);
        waiting.insert((open.meter, at));
        self.versions.push(Version { valid_from: at, ..new });
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
