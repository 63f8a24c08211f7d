//! From the keys of a device to registers and channels.
//!
//! Keys with a number are of a line, those without of the whole device. A device with one line has no
//! numbered keys.

use crate::reading::Obis;
use crate::reading::registry::Unit;
use crate::vendor::json::factor;

/// The user's knowledge of a device.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// The meaning of the three lines of a D103.
    pub wiring: Wiring,
    /// Whether totals are made of the three lines where the device sends none.
    pub sum: bool,
    /// The quantities that the two pulse inputs count; `None` gives pulses.
    pub inputs: [Option<Input>; 2],
    /// The quantity at the analog input; `None` gives the number as sent.
    pub analog: Option<Analog>,
}

/// The meaning of the three lines of a D103.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wiring {
    /// The three phases of one supply.
    #[default]
    Phases,
    /// Three lines of one phase: each is a meter of its own, `line1` to `line3`.
    Lines,
}

/// The quantity that a pulse input counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Input {
    /// The medium.
    pub medium: Medium,
    /// Pulses for one m3, or for one kWh of electricity and heat.
    pub pulses_per_unit: f64,
}

/// The quantity at the analog input of a D105.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Analog {
    obis: Obis,
    unit: Unit,
    /// From the device's number to the base unit.
    factor: f64,
}

/// Quantities of the analog input, by their base unit.
const ANALOG: [(u8, Unit); 7] = [
    (1, Unit::Pascal),
    (2, Unit::Metre),
    (3, Unit::Volt),
    (4, Unit::Ampere),
    (5, Unit::DegreeCelsius),
    (6, Unit::CubicMetrePerHour),
    (7, Unit::One),
];

impl Analog {
    /// The input's number × `own_factor` is in this unit, which names the quantity: `bar`, `cm`, `V`, `mA`, `degC`,
    /// `l/h`, `%`. `None` for another unit, or for a factor that is 0 or no number.
    pub fn new(unit: &str, own_factor: f64) -> Option<Self> {
        let of_unit = |(e, base): &(u8, Unit)| Some((*e, *base, factor(unit, *base)?));
        let (e, base, to_base) = ANALOG.iter().filter(|_| !unit.is_empty()).find_map(of_unit)?;
        let factor = own_factor * to_base;
        let is_factor = factor.is_finite() && factor != 0.0;
        is_factor.then_some(Self { obis: Obis([0, 0, 128, 11, e, 255]), unit: base, factor })
    }
}

/// The medium of a pulse counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// Gas, in m3.
    Gas,
    /// Cold water, in m3.
    ColdWater,
    /// Hot water, in m3.
    HotWater,
    /// Heat, in kWh.
    Heat,
    /// Electricity, in kWh.
    Electricity,
}

impl Options {
    /// The medium of a channel; `None` if it is not electricity and the user named none.
    pub fn medium(&self, channel: &str) -> Option<Medium> {
        match INPUTS.iter().position(|input| *input == channel) {
            Some(number) => self.inputs[number].map(|input| input.medium),
            None if channel.is_empty() => None,
            None => Some(Medium::Electricity),
        }
    }
}

impl Medium {
    /// Its name in descriptions.
    pub fn label(self) -> &'static str {
        match self {
            Self::Gas => "gas",
            Self::ColdWater => "cold water",
            Self::HotWater => "hot water",
            Self::Heat => "heat",
            Self::Electricity => "electricity",
        }
    }
}

/// Where a value belongs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) channel: &'static str,
    pub(super) obis: Obis,
    pub(super) unit: Unit,
    /// The factor and the divisor from the number to the base unit.
    pub(super) factor: f64,
    pub(super) divisor: f64,
}

/// The keys of a device, as far as they decide each other's meaning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Layout {
    /// Whether it has numbered lines.
    pub(super) has_lines: bool,
    /// Whether it sends a total beside them.
    pub(super) has_total: bool,
}

impl Layout {
    /// The layout of a device with these keys.
    pub fn of<'k>(keys: impl Iterator<Item = &'k str> + Clone) -> Self {
        let is_numbered = |key: &str| {
            let line = key.strip_suffix(['1', '2', '3']);
            line.is_some_and(|line| LINE_KEYS.iter().any(|(name, ..)| *name == line))
        };
        Self { has_lines: keys.clone().any(is_numbered), has_total: keys.clone().any(|key| key == TOTAL) }
    }
}

/// A device, as its keys and the user describe it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Device<'a> {
    options: &'a Options,
    layout: Layout,
}

/// The key of the total of a device with three lines.
pub(super) const TOTAL: &str = "TWh";

/// Keys of a line: C of the sum's or first phase's register, D, unit.
pub(super) const LINE_KEYS: [(&str, u8, u8, Unit); 8] = [
    ("V", 12, 7, Unit::Volt),
    ("A", 11, 7, Unit::Ampere),
    ("W", 1, 7, Unit::Watt),
    ("rW", 2, 7, Unit::Watt),
    ("Wh", 1, 8, Unit::WattHour),
    ("rWh", 2, 8, Unit::WattHour),
    ("PF", 13, 7, Unit::One),
    ("Fr", 14, 7, Unit::Hertz),
];

/// The model of a device with these keys: each model has a set of its own.
pub(super) fn model<'k>(keys: impl Iterator<Item = &'k str> + Clone) -> Option<&'static str> {
    const MODELS: [(&[&str], &str); 3] =
        [(&["Ch1", "Ch2", "TCh1", "TCh2"], "D105"), (&["V1", "V2", "V3"], "D103"), (&["V"], "D101")];
    MODELS.iter().find(|(of_model, _)| keys.clone().any(|key| of_model.contains(&key))).map(|(_, model)| *model)
}

const LINES: [&str; 3] = ["line1", "line2", "line3"];
const INPUTS: [&str; 2] = ["input1", "input2"];

impl<'a> Device<'a> {
    pub(super) fn new(layout: Layout, options: &'a Options) -> Self {
        Self { options, layout }
    }

    /// The place of a key; `None` if its value is kept as a text.
    pub(super) fn place(&self, key: &str) -> Option<Place> {
        if let Some(place) = self.whole(key) {
            return Some(place);
        }
        let number = usize::from(key.bytes().last()?.checked_sub(b'1')?);
        let name = key.get(..key.len() - 1)?;
        match name {
            "TCh" => self.input(number),
            "T" if number < 5 => {
                let sensor = u8::try_from(number).ok()? + 1;
                Some(plain("", Obis([0, sensor, 96, 9, 0, 255]), Unit::DegreeCelsius))
            }
            _ => self.line(name, number),
        }
    }

    /// A value of the device as a whole.
    fn whole(&self, key: &str) -> Option<Place> {
        match key {
            "T" | "Temp" => return Some(plain("", Obis([0, 0, 96, 9, 0, 255]), Unit::DegreeCelsius)),
            "pout" | "OUT" => return Some(plain("", Obis([0, 0, 96, 3, 10, 255]), Unit::One)),
            // Its meaning is the user's: pressure, level, voltage.
            "ADC" => {
                let Some(Analog { obis, unit, factor }) = self.options.analog else {
                    return Some(plain("", Obis([0, 0, 128, 11, 0, 255]), Unit::Unknown));
                };
                return Some(Place { factor, ..plain("", obis, unit) });
            }
            _ if self.layout.has_lines && self.options.wiring == Wiring::Lines => return None,
            "TWh" => return Some(plain("", Obis([1, 0, 1, 8, 0, 255]), Unit::WattHour)),
            "A" if self.layout.has_lines => return Some(plain("", Obis([1, 0, 90, 7, 0, 255]), Unit::Ampere)),
            // Beside the lines and TWh it would be a second total.
            "Wh" if self.layout.has_lines && self.layout.has_total => return None,
            "V" if self.layout.has_lines => return None,
            _ => {}
        }
        one_phase("", key)
    }

    fn line(&self, name: &str, number: usize) -> Option<Place> {
        let line = LINES.get(number)?;
        match self.options.wiring {
            Wiring::Lines => one_phase(line, name),
            Wiring::Phases => {
                let (_, c, d, unit) = LINE_KEYS.iter().find(|(known, ..)| *known == name)?;
                let phase = 20 * (u8::try_from(number).ok()? + 1);
                Some(plain("", Obis([1, 0, c + phase, *d, 0, 255]), *unit))
            }
        }
    }

    /// The counter of a pulse input.
    fn input(&self, number: usize) -> Option<Place> {
        let channel = INPUTS.get(number)?;
        let Some(Input { medium, pulses_per_unit }) = self.options.inputs.get(number).copied().flatten() else {
            let input = u8::try_from(number).ok()? + 1;
            return Some(plain("", Obis([1, input, 82, 8, 0, 255]), Unit::One));
        };
        let (obis, unit, factor) = match medium {
            Medium::Gas => (Obis([7, 0, 3, 0, 0, 255]), Unit::CubicMetre, 1.0),
            Medium::ColdWater => (Obis([8, 0, 1, 0, 0, 255]), Unit::CubicMetre, 1.0),
            Medium::HotWater => (Obis([9, 0, 1, 0, 0, 255]), Unit::CubicMetre, 1.0),
            Medium::Heat => (Obis([6, 0, 1, 0, 0, 255]), Unit::WattHour, 1e3),
            Medium::Electricity => (Obis([1, 0, 1, 8, 0, 255]), Unit::WattHour, 1e3),
        };
        // Without a valid factor it stays a number of pulses.
        let is_valid = pulses_per_unit.is_finite() && pulses_per_unit > 0.0;
        is_valid.then_some(Place { channel, obis, unit, factor, divisor: pulses_per_unit })
    }
}

/// A total that can be made of the three lines, the keys of a total that the device sends itself, and the
/// keys of the lines.
pub(super) const SUMS: [(Place, [&str; 2], [&str; 3]); 4] = [
    (plain("", Obis([1, 0, 1, 7, 0, 255]), Unit::Watt), ["W", "W"], ["W1", "W2", "W3"]),
    (plain("", Obis([1, 0, 2, 7, 0, 255]), Unit::Watt), ["rW", "rW"], ["rW1", "rW2", "rW3"]),
    (plain("", Obis([1, 0, 1, 8, 0, 255]), Unit::WattHour), ["Wh", "TWh"], ["Wh1", "Wh2", "Wh3"]),
    (plain("", Obis([1, 0, 2, 8, 0, 255]), Unit::WattHour), ["rWh", "rTWh"], ["rWh1", "rWh2", "rWh3"]),
];

/// A key of a meter with one phase: voltage and current have the codes of L1, so that phases line up.
fn one_phase(channel: &'static str, key: &str) -> Option<Place> {
    let (_, c, d, unit) = LINE_KEYS.iter().find(|(known, ..)| *known == key)?;
    let c = if matches!(c, 11 | 12) { c + 20 } else { *c };
    Some(plain(channel, Obis([1, 0, c, *d, 0, 255]), *unit))
}

const fn plain(channel: &'static str, obis: Obis, unit: Unit) -> Place {
    Place { channel, obis, unit, factor: 1.0, divisor: 1.0 }
}
