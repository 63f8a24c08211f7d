//! Rows of a gas and water sensor or of a switch: `records`.

use super::row::{Place, Row, unreadable};
use super::site::{SensorChannel, Site};
use crate::reading::registry::Interval;
use crate::vendor::Part;
use crate::vendor::document::Scalar;
use crate::vendor::smappee::codes::{self, Code, Quantity};
use crate::vendor::smappee::emit::text;

/// Litres in a cubic metre.
const LITRES: f64 = 1000.0;

/// Gives the parts of a sensor's row.
pub(super) fn visit(row: &Row<'_>, interval: Interval, sensor: &str, site: &Site, each: &mut impl FnMut(Part<'_>)) {
    let Some(at) = row.at(interval, each) else { return };
    let channel = format!("sensor:{sensor}");
    let place = Place { channel: &channel, at };
    // The mean of a longer interval must not replace the value of five minutes with the same end.
    let measured = |published: Code, mean: Quantity| match interval {
        Interval::Recording => published,
        longer => mean.of(None, longer),
    };
    for (name, scalar) in &row.members.0 {
        match name.as_ref() {
            "timestamp" => {}
            "value1" => pulses(place, name, scalar, (1, site.sensor_channel(sensor, 1), interval), each),
            "value2" => pulses(place, name, scalar, (2, site.sensor_channel(sensor, 2), interval), each),
            "temperature" => {
                place.number(name, scalar, -1, measured(codes::TEMPERATURE, codes::MEAN_TEMPERATURE), each)
            }
            "humidity" => place.number(name, scalar, -2, measured(codes::HUMIDITY, codes::MEAN_HUMIDITY), each),
            "battery" | "battLevel" => {
                place.number(name, scalar, -2, measured(codes::BATTERY, codes::MEAN_BATTERY), each)
            }
            _ => text(name, scalar, each),
        }
    }
}

/// The pulses of an input as a volume, if the site's configuration says how many are a unit.
fn pulses(
    place: Place<'_>,
    name: &str,
    scalar: &Scalar<'_>,
    (input, channel, interval): (u8, Option<&SensorChannel>, Interval),
    each: &mut impl FnMut(Part<'_>),
) {
    let Some(count) = scalar.number(0) else {
        if *scalar != Scalar::Absent {
            unreadable(name, scalar, each);
        }
        return;
    };
    let volume = channel.and_then(|channel| {
        let units = count / channel.pulses_per_unit?;
        let volume = match channel.unit.to_ascii_lowercase().as_str() {
            "m3" => units,
            "l" => units / LITRES,
            _ => return None,
        };
        match channel.medium.to_ascii_lowercase().as_str() {
            "gas" => Some((volume, codes::volume(true, input, interval))),
            "water" => Some((volume, codes::volume(false, input, interval))),
            _ => None,
        }
    });
    let (value, code) = volume.unwrap_or((count, codes::pulses(input, interval)));
    place.value(name, value, code, each);
}

/// Gives the parts of a switch's row.
pub(super) fn visit_switch(row: &Row<'_>, interval: Interval, plug: &str, each: &mut impl FnMut(Part<'_>)) {
    let Some(at) = row.at(interval, each) else { return };
    let channel = format!("plug:{plug}");
    let place = Place { channel: &channel, at };
    for (name, scalar) in &row.members.0 {
        match name.as_ref() {
            "timestamp" => {}
            "active" => place.number(name, scalar, 0, codes::INTERVAL_IMPORT.of(None, interval), each),
            "reactive" => place.number(name, scalar, 0, codes::INTERVAL_REACTIVE_ENERGY.of(None, interval), each),
            _ => text(name, scalar, each),
        }
    }
}
