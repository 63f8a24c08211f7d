//! The meters of a believable site: a house with solar, a heat pump and a charger, an office, and as many flats as
//! are wanted.
//!
//! The power of a grid meter is the sum of what is behind it. Invariants: a meter's id, serial number and values
//! depend on its number and the time alone; serial numbers are unique.

mod daytime;
mod loads;
#[cfg(test)]
mod tests;

use crate::cloud::{CloudDevice, DeviceKind, Load};
use crate::curve::Curve;
use uuid::Uuid;

/// The meters of the house and the office.
pub const METERS: u32 = 10;
/// The flats differ in size; each shape is computed once.
const FLAT_SHAPES: u64 = 4;
const FIRST_SERIAL: i64 = 30_418_000;
/// Of water, the curves count in millionths of a cubic metre, as the simulated cloud does.
const PER_CUBIC_METRE: f64 = 1e6;

/// A meter of the site.
#[derive(Debug, Clone)]
pub struct SiteMeter {
    /// The device of the cloud.
    pub device: CloudDevice,
    /// The name of the place that it measures.
    pub point: String,
    /// Its role there: `grid`, `production` or `submeter`.
    pub role: &'static str,
}

/// How a meter of the site measures.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sends {
    /// Now and at the quarter-hours.
    Live,
    /// At the quarter-hours only.
    QuarterHours,
}

/// The first `count` meters: the house, the office, flats.
#[must_use]
pub fn meters(count: u32) -> Vec<SiteMeter> {
    let flats: Vec<_> =
        (0..FLAT_SHAPES).map(|shape| Curve::new(move |at| loads::household(0x100 + 9 * shape, at))).collect();
    let named = named().into_iter();
    let flats = (1_u32..).zip(flats.iter().cycle()).map(|(number, shape)| {
        let curve = shape.times(0.6 + f64::from(number * 37 % 100) / 100.0);
        (format!("Flat {number}"), format!("flat-{number}"), "grid", DeviceKind::Kamstrup, Sends::Live, curve)
    });
    (1..=count).zip(named.chain(flats)).map(|(number, meter)| site_meter(number, meter)).collect()
}

type Meter = (String, String, &'static str, DeviceKind, Sends, Curve);

fn named() -> Vec<Meter> {
    use DeviceKind::{ColdWater, Heat, Kamstrup, Telstar};
    use Sends::{Live, QuarterHours};
    let water = |flow: fn(i64) -> f64| Curve::new(flow).times(PER_CUBIC_METRE);
    let power = |power: fn(i64) -> f64| Curve::new(power);
    let meters = [
        ("House, grid", "house-grid", "grid", Telstar, Live, power(loads::house_grid)),
        ("House, solar roof", "house-solar", "production", Kamstrup, Live, power(loads::solar)),
        ("House, heat pump", "house-heat-pump", "submeter", Kamstrup, Live, power(loads::heat_pump)),
        ("House, charger", "house-charger", "submeter", Kamstrup, Live, power(loads::charger)),
        ("House, water", "house-water", "submeter", ColdWater, QuarterHours, water(loads::house_water)),
        ("Office, grid", "office-grid", "grid", Telstar, QuarterHours, power(loads::office_grid)),
        ("Office, heat", "office-heat", "submeter", Heat, QuarterHours, power(loads::heat)),
        ("Office, server room", "office-servers", "submeter", Kamstrup, QuarterHours, power(loads::server_room)),
        ("Office, ventilation", "office-ventilation", "submeter", Kamstrup, QuarterHours, power(loads::ventilation)),
        ("Office, water", "office-water", "submeter", ColdWater, QuarterHours, water(loads::office_water)),
    ];
    meters
        .into_iter()
        .map(|(name, point, role, kind, sends, curve)| (name.into(), point.into(), role, kind, sends, curve))
        .collect()
}

fn site_meter(number: u32, (name, point, role, kind, sends, curve): Meter) -> SiteMeter {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("demo meter {number}").as_bytes());
    let device = CloudDevice {
        name,
        serial: FIRST_SERIAL + i64::from(number),
        load: Load::Curve(curve),
        is_live: sends == Sends::Live,
        ..CloudDevice::of(kind, id, 0.0)
    };
    SiteMeter { device, point, role }
}
