//! The versions of each meter, and the changes that new descriptions make. Pure.
//!
//! Bounds: [`METERS_MAX`] meters, [`VERSIONS_MAX`] versions of each, [`TEXT_CHARS_MAX`]
//! characters of a text ([`TARIFF_CHARS_MAX`] of a tariff). When the table is full, meters that no list named for
//! [`FORGOTTEN_AFTER`] are dropped; if there are none, a new meter is not described.

use super::points::Points;
use crate::reading::{MeterId, UnixNanos};
use crate::wire::meters::{Description, Role, Version, encode};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// A meter that two sources list is described by one of them, until that one has not
/// listed it for this long, or the other one names its site and this one does not.
const OWNER_TIMEOUT: Duration = Duration::from_hours(24);
/// The maximum number of meters.
pub(super) const METERS_MAX: usize = if cfg!(test) { 4 } else { 100_000 };
/// The maximum number of versions of a meter; older ones stay in the stores.
pub(super) const VERSIONS_MAX: usize = if cfg!(test) { 3 } else { 32 };
/// Longer texts are cut.
pub const TEXT_CHARS_MAX: usize = 200;
/// A longer tariff is cut: it may be a contract with prices for every hour of the week.
pub const TARIFF_CHARS_MAX: usize = 4000;
/// A meter that no list named for this long may be dropped for a new one.
pub(super) const FORGOTTEN_AFTER: Duration = Duration::from_hours(30 * 24);

/// The versions of all meters.
#[derive(Debug)]
pub(super) struct VersionHistory {
    pub(super) meters: BTreeMap<MeterId, Meter>,
    /// The start of the first version of a new meter.
    pub(super) unknown_from: UnixNanos,
    /// Versions to be recorded, by meter and start.
    pending: BTreeSet<(MeterId, UnixNanos)>,
    /// When the table was last full.
    full_at: Option<UnixNanos>,
}

/// The versions of one meter.
#[derive(Debug)]
pub(super) struct Meter {
    /// When a list last named it; after a start, the time of that start.
    pub(super) named: UnixNanos,
    /// Oldest first; the last one is valid.
    pub(super) versions: Vec<Version>,
}

impl VersionHistory {
    /// An empty history. The first version of each meter will start at `unknown_from`:
    /// 1970, or later if earlier versions existed and were lost.
    pub(super) fn new(unknown_from: UnixNanos) -> Self {
        Self { meters: BTreeMap::new(), unknown_from, pending: BTreeSet::new(), full_at: None }
    }

    /// Sets the metering points, and makes every version pending: a store may have been
    /// added, and the last versions may not have been recorded.
    pub(super) fn begin(&mut self, points: &Points) {
        for (id, meter) in &mut self.meters {
            let point = points.of(*id);
            for version in &mut meter.versions {
                version.metering_point.clone_from(&point);
                self.pending.insert((*id, version.valid_from));
            }
        }
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// A part of the versions to be recorded, encoded; oldest first for each meter. `None`
    /// beyond the last. A configured role replaces the vendor's, which stays in the history.
    pub(super) fn pending_body(&self, part: Range<usize>, points: &Points) -> Option<Vec<u8>> {
        let version = |(meter, from): &(MeterId, UnixNanos)| {
            self.meters.get(meter)?.versions.iter().find(|version| version.valid_from == *from)
        };
        let part = self.pending.iter().filter_map(version).skip(part.start).take(part.len());
        let part: Vec<Version> = part.map(|version| points.with_role(version).into_owned()).collect();
        (!part.is_empty()).then(|| encode(&part))
    }

    /// Records that all pending versions were recorded.
    pub(super) fn clear_pending(&mut self) {
        self.pending.clear();
    }

    /// Adds new descriptions; the resulting versions are pending. A meter with a metering
    /// point but without a description gets a version with only the point.
    pub(super) fn compare(
        &mut self,
        source: &str,
        descriptions: impl IntoIterator<Item = (MeterId, Description)>,
        points: &Points,
        now: UnixNanos,
    ) {
        for (meter, description) in descriptions {
            self.note(source, meter, shortened(description), points, now);
        }
        let undescribed: Vec<MeterId> = points.meters().filter(|meter| !self.meters.contains_key(meter)).collect();
        for meter in undescribed {
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
            Some(meter) => meter.compare(new, now, &mut self.pending),
            None => self.add(new, now),
        }
    }

    fn add(&mut self, version: Version, now: UnixNanos) {
        if self.meters.len() >= METERS_MAX && !self.make_room(now) {
            return;
        }
        self.pending.insert((version.meter, version.valid_from));
        self.meters.insert(version.meter, Meter { named: now, versions: vec![version] });
    }

    /// Drops meters that may be dropped, at most once per list. Returns whether there is room.
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
            tracing::warn!(
                "descriptions of {METERS_MAX} meters are stored, the maximum; names and serial numbers of new meters are not stored"
            );
        }
        has_room
    }
}

impl Meter {
    fn compare(&mut self, mut new: Version, now: UnixNanos, pending: &mut BTreeSet<(MeterId, UnixNanos)>) {
        let Some(open) = self.versions.last_mut() else { return };
        let is_empty = open.description == Description::default();
        let is_other_source = open.source != new.source;
        // A monitor's messages do not name its site, which its account at the vendor knows.
        let knows_more = open.description.site.is_empty() && !new.description.site.is_empty();
        if is_other_source && !knows_more && !is_empty && !is_past(self.named, OWNER_TIMEOUT, now) {
            return;
        }
        self.named = now;
        // Some come from other requests, which may fail.
        new.description = filled(new.description, &open.description);
        let is_same = open.description == new.description;
        if is_same && !is_other_source {
            return;
        }
        pending.insert((open.meter, open.valid_from));
        // A text that only becomes known later was always true.
        let is_completed = filled(open.description.clone(), &new.description) == new.description;
        if is_same || is_empty || is_completed {
            *open = Version { valid_from: open.valid_from, ..new };
            return;
        }
        // A clock that went back must not make a version that ends before it begins.
        let at = UnixNanos(now.0.max(open.valid_from.0.saturating_add(1)));
        open.valid_to = Some(at);
        pending.insert((open.meter, at));
        self.versions.push(Version { valid_from: at, ..new });
        if self.versions.len() > VERSIONS_MAX {
            self.versions.remove(0);
        }
    }
}

/// The description, with what it lacks from another. Name and numbers come with every list, so
/// an empty one is a change.
fn filled(mut description: Description, from: &Description) -> Description {
    let it = &mut description;
    for (text, known) in [
        (&mut it.model, &from.model),
        (&mut it.firmware, &from.firmware),
        (&mut it.gateway, &from.gateway),
        (&mut it.customer, &from.customer),
        (&mut it.site, &from.site),
        (&mut it.phase, &from.phase),
        (&mut it.time_zone, &from.time_zone),
        (&mut it.tariff, &from.tariff),
        (&mut it.currency, &from.currency),
    ] {
        if text.is_empty() {
            text.clone_from(known);
        }
    }
    if it.role == Role::Unknown {
        it.role = from.role;
    }
    description
}

fn is_past(since: UnixNanos, span: Duration, now: UnixNanos) -> bool {
    i128::from(now.since(since)) >= i128::try_from(span.as_nanos()).unwrap_or(i128::MAX)
}

fn shortened(mut description: Description) -> Description {
    let Description {
        name,
        serial,
        meter_serial,
        vendor,
        model,
        firmware,
        family,
        energy_type,
        sub_type,
        gateway,
        customer,
        site,
        role: _,
        phase,
        time_zone,
        tariff,
        currency,
        unit,
    } = &mut description;
    cut(tariff, TARIFF_CHARS_MAX);
    let words = [&mut family.name, &mut energy_type.name, &mut sub_type.name];
    let texts = [name, serial, meter_serial, vendor, model, firmware, gateway, customer, site, phase, time_zone];
    for text in texts.into_iter().chain([currency, unit]).chain(words) {
        cut(text, TEXT_CHARS_MAX);
    }
    description
}

fn cut(text: &mut String, chars_max: usize) {
    if let Some((end, _)) = text.char_indices().nth(chars_max) {
        text.truncate(end);
    }
}
