//! Rows of a service location: `consumptions`.
//!
//! The names of the arrays of single transformers, `active` and `reactive`, are assumed because a switch's rows have them,
//! and `voltages` and `lineVoltages` by their meaning: no document at hand has them. Any other member is a text.

use super::row::{Place, Row, unreadable};
use super::site::Site;
use crate::reading::Flags;
use crate::reading::registry::Interval;
use crate::vendor::Part;
use crate::vendor::document::{Scalar, elements};
use crate::vendor::smappee::channel_map::{Index, SitePhases};
use crate::vendor::smappee::codes::{self, Code, Phase, Quantity};
use crate::vendor::smappee::emit::text;

/// Five-minute means in an hour: `alwaysOn` is their sum.
const MEANS_PER_HOUR: f64 = 12.0;
/// A voltage from here on is in tenths of a volt: no network in buildings has 600 V, and none has 60 V.
const TENTHS_FROM: f64 = 600.0;

/// Gives the parts of a row.
pub(super) fn visit(row: &Row<'_>, interval: Interval, site: &Site, each: &mut impl FnMut(Part<'_>)) {
    let Some(at) = row.at(interval, each) else { return };
    let place = Place { channel: "", at };
    for (name, scalar) in &row.members.0 {
        match name.as_ref() {
            "timestamp" => {}
            "consumption" => signed(place, name, scalar, codes::HOUSE_ENERGY.of(None, interval), site, each),
            "solar" => place.number(name, scalar, 0, codes::SOLAR_ENERGY.of(None, interval), each),
            "alwaysOn" => always_on(place, name, scalar, interval, each),
            "gridImport" => place.number(name, scalar, 0, codes::INTERVAL_IMPORT.of(None, interval), each),
            "gridExport" => place.number(name, scalar, 0, codes::INTERVAL_EXPORT.of(None, interval), each),
            "active" => transformers(place, name, scalar, (site, interval), codes::INTERVAL_ENERGY, each),
            "reactive" => transformers(place, name, scalar, (site, interval), codes::INTERVAL_REACTIVE_ENERGY, each),
            "voltages" if !site.is_delta() => {
                voltages(place, name, scalar, |phase| codes::MEAN_VOLTAGE.of(Some(phase), interval), each)
            }
            "voltages" | "lineVoltages" => {
                voltages(place, name, scalar, |line| codes::MEAN_LINE_VOLTAGE.of(Some(line), interval), each)
            }
            _ => text(name, scalar, each),
        }
    }
}

/// A value with its sign as sent; flagged if it is negative where nothing produces.
fn signed(place: Place<'_>, name: &str, scalar: &Scalar<'_>, code: Code, site: &Site, each: &mut impl FnMut(Part<'_>)) {
    match scalar.number(0) {
        Some(value) => {
            let is_odd = value < 0.0 && site.transformers().has_no_production();
            let flags = if is_odd { Flags::SIGN_UNEXPECTED } else { Flags::NONE };
            place.flagged(name, value, code, flags, each);
        }
        None if *scalar == Scalar::Absent => {}
        None => unreadable(name, scalar, each),
    }
}

fn always_on(place: Place<'_>, name: &str, scalar: &Scalar<'_>, interval: Interval, each: &mut impl FnMut(Part<'_>)) {
    match scalar.number(0) {
        Some(sum) => place.value(name, sum / MEANS_PER_HOUR, codes::ALWAYS_ON_ENERGY.of(None, interval), each),
        None if *scalar == Scalar::Absent => {}
        None => unreadable(name, scalar, each),
    }
}

/// The elements of an array by their index; `None` and reported if it is none.
fn array<'a>(name: &str, scalar: &Scalar<'a>, each: &mut impl FnMut(Part<'_>)) -> Option<Vec<(String, Scalar<'a>)>> {
    let Scalar::Nested(raw) = scalar else {
        if *scalar != Scalar::Absent {
            unreadable(name, scalar, each);
        }
        return None;
    };
    match elements(raw) {
        Ok(array) => {
            let named = array.into_iter().enumerate();
            Some(named.map(|(index, value)| (format!("{name}[{index}]"), Scalar::of(value))).collect())
        }
        Err(_) => {
            unreadable(name, scalar, each);
            None
        }
    }
}

/// The values of single transformers: the index is the `consumptionIndex` of the metering configuration.
fn transformers(
    place: Place<'_>,
    name: &str,
    scalar: &Scalar<'_>,
    (site, interval): (&Site, Interval),
    quantity: Quantity,
    each: &mut impl FnMut(Part<'_>),
) {
    let mut phases = SitePhases::default();
    for (index, (name, scalar)) in (0..).zip(array(name, scalar, each).into_iter().flatten()) {
        match phases.place(site.transformers(), Index::Consumption(index), None) {
            Some(own) => {
                let place = Place { channel: &own.channel, ..place };
                signed(place, &name, &scalar, quantity.of(own.phase, interval), site, each);
            }
            // Nothing is connected: noise.
            None => text(&name, &scalar, each),
        }
    }
}

fn voltages(
    place: Place<'_>,
    name: &str,
    scalar: &Scalar<'_>,
    register: impl Fn(Phase) -> Code,
    each: &mut impl FnMut(Part<'_>),
) {
    for (number, (name, scalar)) in (0..).zip(array(name, scalar, each).into_iter().flatten()) {
        let Some(phase) = Phase::of_number(number) else {
            text(&name, &scalar, each);
            continue;
        };
        match scalar.number(0) {
            Some(value) if value >= TENTHS_FROM => place.number(&name, &scalar, -1, register(phase), each),
            // Phases that do not exist are sent as 0.
            Some(0.0) => text(&name, &scalar, each),
            _ => place.number(&name, &scalar, 0, register(phase), each),
        }
    }
}
