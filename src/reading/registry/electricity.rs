//! The grid of electricity codes `1-B:C.D.E*255` (IEC 62056-6-1): C is a quantity
//! and a phase (L1, L2, L3 are 20, 40, 60 above the sum), D the kind of measurement,
//! E the tariff of an energy, or the interval of a sum or mean.

use super::interval::Interval;
use super::quantity::{Kind, Unit};
use crate::reading::Obis;
use std::fmt;

/// The highest channel of a code.
const CHANNEL_MAX: u8 = 64;
/// The highest tariff of an energy.
const TARIFF_MAX: u8 = 63;
/// Groups D of means and sums whose group E may name an interval.
const LAST_AVERAGE: u8 = 5;
const OF_THE_INTERVAL: u8 = 29;

/// The parts of an electricity register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register {
    channel: u8,
    quantity: Quantity,
    phase: &'static str,
    measure: Measure,
    tariff: u8,
    interval: Interval,
}

/// A measured quantity: its name, and its units at an instant and summed over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quantity {
    name: &'static str,
    unit: Unit,
    /// `None` for a quantity without a meaningful sum, such as voltage.
    integral: Option<(&'static str, Unit)>,
}

/// The kind of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    At(&'static str, Kind),
    Integral(&'static str, Kind),
}

/// The register of an electricity code, its unit and kind.
pub(super) fn register(code: Obis) -> Option<(Register, Unit, Kind)> {
    let [1, channel @ 0..=CHANNEL_MAX, c, d, e, 255] = code.0 else {
        return None;
    };
    let (tariff, interval) = match e {
        0..=TARIFF_MAX => (e, Interval::Recording),
        _ if matches!(d, LAST_AVERAGE | OF_THE_INTERVAL) => (0, Interval::of_group(e)?),
        _ => return None,
    };
    if (c, d) == (31, 4) {
        // P1 has the limit of the supply's current here; it is listed.
        return None;
    }
    let (quantity, phase) = quantity(c)?;
    let measure = measure(d)?;
    let (unit, kind) = match measure {
        Measure::At(_, kind) if tariff == 0 => (quantity.unit, kind),
        Measure::At(..) => return None,
        // Import minus export can also fall.
        Measure::Integral(_, Kind::Counter) if matches!(c, 16 | 36 | 56 | 76) => (quantity.integral?.1, Kind::Gauge),
        Measure::Integral(_, kind) => (quantity.integral?.1, kind),
    };
    let kind = if interval == Interval::Recording { kind } else { interval.kind() };
    Some((Register { channel, quantity, phase, measure, tariff, interval }, unit, kind))
}

fn quantity(c: u8) -> Option<(Quantity, &'static str)> {
    let (c, phase) = match c {
        1..=16 => (c, ""),
        21..=36 => (c - 20, " L1"),
        41..=56 => (c - 40, " L2"),
        61..=76 => (c - 60, " L3"),
        84 => return Some((power_factor_export(), "")),
        85 => return Some((power_factor_export(), " L1")),
        86 => return Some((power_factor_export(), " L2")),
        87 => return Some((power_factor_export(), " L3")),
        _ => return None,
    };
    let quantity = match c {
        1 => active("active power import", "active energy import"),
        2 => active("active power export", "active energy export"),
        3 => reactive("reactive power import", "reactive energy import"),
        4 => reactive("reactive power export", "reactive energy export"),
        5 => reactive("reactive power Q1", "reactive energy Q1"),
        6 => reactive("reactive power Q2", "reactive energy Q2"),
        7 => reactive("reactive power Q3", "reactive energy Q3"),
        8 => reactive("reactive power Q4", "reactive energy Q4"),
        9 => apparent("apparent power import", "apparent energy import"),
        10 => apparent("apparent power export", "apparent energy export"),
        11 => plain("current", Unit::Ampere),
        12 => plain("voltage", Unit::Volt),
        13 => plain("power factor", Unit::One),
        14 => plain("frequency", Unit::Hertz),
        15 => active("active power import plus export", "active energy import plus export"),
        _ => active("active power import minus export", "active energy import minus export"),
    };
    Some((quantity, phase))
}

const fn active(name: &'static str, energy: &'static str) -> Quantity {
    Quantity { name, unit: Unit::Watt, integral: Some((energy, Unit::WattHour)) }
}

const fn reactive(name: &'static str, energy: &'static str) -> Quantity {
    Quantity { name, unit: Unit::Var, integral: Some((energy, Unit::VarHour)) }
}

const fn apparent(name: &'static str, energy: &'static str) -> Quantity {
    Quantity { name, unit: Unit::VoltAmpere, integral: Some((energy, Unit::VoltAmpereHour)) }
}

const fn plain(name: &'static str, unit: Unit) -> Quantity {
    Quantity { name, unit, integral: None }
}

const fn power_factor_export() -> Quantity {
    plain("power factor of export", Unit::One)
}

/// The measurement of a D group. Averages of a closed interval carry its end as their time.
fn measure(d: u8) -> Option<Measure> {
    Some(match d {
        3 => Measure::At(", minimum", Kind::Gauge),
        4 | 24 | 27 | 28 => Measure::At(", running average", Kind::Gauge),
        LAST_AVERAGE | 25 => Measure::At(", last average", Kind::IntervalEndingAt),
        6 => Measure::At(", maximum", Kind::Gauge),
        7 => Measure::At("", Kind::Gauge),
        8 => Measure::Integral("", Kind::Counter),
        OF_THE_INTERVAL => Measure::Integral(" of the interval", Kind::IntervalEndingAt),
        49 | 50 => Measure::At(", average of the interval", Kind::IntervalEndingAt),
        _ => return None,
    })
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, measure) = match (self.measure, self.quantity.integral) {
            (Measure::Integral(measure, _), Some((energy, _))) => (energy, measure),
            (Measure::At(measure, _) | Measure::Integral(measure, _), _) => (self.quantity.name, measure),
        };
        write!(f, "{name}{}{measure}{}", self.phase, self.interval.suffix())?;
        if self.tariff > 0 {
            write!(f, ", tariff {}", self.tariff)?;
        }
        if self.channel > 0 {
            write!(f, ", channel {}", self.channel)?;
        }
        Ok(())
    }
}
