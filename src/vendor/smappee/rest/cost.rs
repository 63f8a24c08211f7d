//! The cost analysis: energy and cost of each appliance in a month or a year.
//!
//! An answer has no time: it is about the range that was asked for. Its aggregations are 3 for months and 4
//! for years, unlike other calls.

use super::row::{Place, unreadable};
use crate::reading::registry::Interval;
use crate::vendor::document::{Members, MessageError, Scalar, elements};
use crate::vendor::smappee::codes;
use crate::vendor::smappee::emit::text;
use crate::vendor::{At, Part};

/// The intervals of a cost analysis, with the numbers of their aggregations.
pub const COSTS: [(u8, Interval); 2] = [(3, Interval::Month), (4, Interval::Year)];
/// Kilowatt-hours to watt-hours, as a power of ten.
const KILO: i8 = 3;

/// The interval of this aggregation.
pub(super) fn interval(number: i64) -> Option<Interval> {
    COSTS.into_iter().find(|(known, _)| i64::from(*known) == number).map(|(_, interval)| interval)
}

/// The appliance of an item; `None` if it has none.
pub(super) fn appliance(item: &str) -> Option<String> {
    nested(&Members::read(item).ok()?, "appliance")?.string("id")
}

/// Gives the parts of an answer about the interval that starts at `at`.
///
/// # Errors
/// When it is no array.
pub(super) fn visit(
    array: &str,
    at: At,
    interval: Interval,
    each: &mut impl FnMut(Part<'_>),
) -> Result<(), MessageError> {
    for item in elements(array)? {
        let (Ok(members), Some(id)) = (Members::read(item.get()), appliance(item.get())) else {
            each(Part::Unreadable { part: item.get().to_owned().into(), why: "the item has no appliance".into() });
            continue;
        };
        let channel = format!("appliance:{id}");
        let place = Place { channel: &channel, at };
        for (name, scalar) in &members.0 {
            match name.as_ref() {
                "appliance" => {}
                "usage" => usage(place, name, scalar, interval, each),
                "cost" => cost(place, name, scalar, interval, each),
                _ => text(name, scalar, each),
            }
        }
    }
    Ok(())
}

fn usage(place: Place<'_>, name: &str, scalar: &Scalar<'_>, interval: Interval, each: &mut impl FnMut(Part<'_>)) {
    let Some((value, unit)) = quantity(scalar, "unit") else { return unreadable(name, scalar, each) };
    let power = match unit.as_str() {
        "KILO_WATT_HOUR" => KILO,
        "WATT_HOUR" => 0,
        _ => return text(name, scalar, each),
    };
    place.number(name, &value, power, codes::INTERVAL_IMPORT.of(None, interval), each);
}

fn cost(place: Place<'_>, name: &str, scalar: &Scalar<'_>, interval: Interval, each: &mut impl FnMut(Part<'_>)) {
    let Some((value, currency)) = quantity(scalar, "currency") else { return unreadable(name, scalar, each) };
    place.number(&format!("{name} {currency}"), &value, 0, codes::COST.of(None, interval), each);
}

/// The value and the unit of an object such as `{"value":1.5,"unit":"KILO_WATT_HOUR"}`.
fn quantity<'a>(scalar: &Scalar<'a>, unit: &str) -> Option<(Scalar<'a>, String)> {
    let Scalar::Nested(object) = scalar else { return None };
    let members = Members::read(object).ok()?;
    Some((members.get("value")?.clone(), members.string(unit).unwrap_or_default()))
}

/// The member that is an object.
fn nested<'a>(members: &Members<'a>, name: &str) -> Option<Members<'a>> {
    match members.get(name) {
        Some(Scalar::Nested(object)) => Members::read(object).ok(),
        _ => None,
    }
}
