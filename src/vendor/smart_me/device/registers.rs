//! Maps the fields of a device to registers.
//!
//! Registers have the webhook's OBIS codes where those are known, otherwise the registry's
//! codes from the manufacturers' range. Invariants: net is never stored as import; a value
//! with an unknown unit gives no sample; each register occurs at most once.

use super::kinds::{EnergyType, SubType};
use super::units::{Quantity, unit};
use crate::reading::{Obis, Sample};
use crate::vendor::smart_me::Fields;

/// Characters kept of an unknown unit.
const UNIT_CHARS_MAX: usize = 20;
/// Largest difference in kWh between the total and the sum of the tariffs, which are rounded one by one.
const SUM_TOLERANCE: f64 = 0.01;

const TEMPERATURE: Obis = own(1, 0);
const FLOW: Obis = own(2, 0);
const OTHER_ENERGY: Obis = own(8, 0);
const OTHER_VOLUME: Obis = own(9, 0);
const OTHER_POWER: Obis = own(10, 0);

/// Fields without a unit field: in base units, or states.
const PLAIN: [(&str, Obis); 24] = [
    ("voltagel1", electricity(32, 7, 0)),
    ("voltagel2", electricity(52, 7, 0)),
    ("voltagel3", electricity(72, 7, 0)),
    ("currentl1", electricity(31, 7, 0)),
    ("currentl2", electricity(51, 7, 0)),
    ("currentl3", electricity(71, 7, 0)),
    ("powerfactor", electricity(13, 7, 0)),
    ("powerfactorl1", electricity(33, 7, 0)),
    ("powerfactorl2", electricity(53, 7, 0)),
    ("powerfactorl3", electricity(73, 7, 0)),
    ("temperature", TEMPERATURE),
    ("flowrate", FLOW),
    ("activetariff", own(3, 0)),
    ("chargingstationstate", own(4, 0)),
    ("analogoutput1", own(5, 1)),
    ("analogoutput2", own(5, 2)),
    ("digitalinput1", own(6, 1)),
    ("digitalinput2", own(6, 2)),
    ("switchon", own(7, 0)),
    ("switchphasel1on", Obis([99, 0, 12, 0, 1, 255])),
    ("switchphasel2on", Obis([99, 0, 12, 0, 2, 255])),
    ("switchphasel3on", Obis([99, 0, 12, 0, 3, 255])),
    ("digitaloutput1", Obis([99, 0, 12, 1, 1, 255])),
    ("digitaloutput2", Obis([99, 0, 12, 1, 2, 255])),
];
/// Fields of a device without phases; on a device with phases they repeat L1.
const WITHOUT_PHASES: [(&str, &str, Obis); 2] =
    [("voltage", "voltagel1", electricity(12, 7, 0)), ("current", "currentl1", electricity(11, 7, 0))];
/// Power: export is negative.
const POWERS: [(&str, Obis); 4] = [
    ("activepower", electricity(16, 7, 0)),
    ("activepowerl1", electricity(21, 7, 0)),
    ("activepowerl2", electricity(41, 7, 0)),
    ("activepowerl3", electricity(61, 7, 0)),
];
/// Counters of each tariff: net, import, export.
const TARIFFS: [[&str; 3]; 4] = [
    ["counterreadingt1", "counterreadingimportt1", "counterreadingexportt1"],
    ["counterreadingt2", "counterreadingimportt2", "counterreadingexportt2"],
    ["counterreadingt3", "counterreadingimportt3", "counterreadingexportt3"],
    ["counterreadingt4", "counterreadingimportt4", "counterreadingexportt4"],
];

const fn electricity(c: u8, d: u8, e: u8) -> Obis {
    Obis([1, 0, c, d, e, 255])
}

/// Codes of our own, where no other source defines one; C 128 to 199 is the manufacturers' range.
const fn own(d: u8, e: u8) -> Obis {
    Obis([0, 0, 128, d, e, 255])
}

/// The measured medium.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Medium {
    Electricity,
    ColdWater,
    HotWater,
    Gas,
    Heat,
    Cold,
    Allocator,
    CompressedAir,
    Other,
}

/// Returns the samples and the unknown units.
pub(super) fn read(fields: &Fields, energy: EnergyType, sub: SubType) -> (Vec<Sample>, Vec<String>) {
    if matches!(energy, EnergyType::MBUS_GATEWAY | EnergyType::RS485_GATEWAY) {
        return (Vec::new(), Vec::new());
    }
    let mut registers = Registers { fields, samples: Vec::new(), unknown_units: Vec::new() };
    match medium(energy, sub) {
        Medium::Electricity => registers.electricity(),
        other => registers.other_medium(other),
    }
    registers.unitless();
    (registers.samples, registers.unknown_units)
}

fn medium(energy: EnergyType, sub: SubType) -> Medium {
    match energy {
        EnergyType::ELECTRICITY | EnergyType::SOLAR_LOG => Medium::Electricity,
        // OBIS has one medium for water that is not hot.
        EnergyType::WATER if sub == SubType::HOT => Medium::HotWater,
        EnergyType::WATER => Medium::ColdWater,
        EnergyType::GAS => Medium::Gas,
        EnergyType::HEAT if sub == SubType::COLD => Medium::Cold,
        EnergyType::HEAT => Medium::Heat,
        EnergyType::HEAT_COST_ALLOCATOR => Medium::Allocator,
        EnergyType::COMPRESSED_AIR => Medium::CompressedAir,
        EnergyType::TEMPERATURE => Medium::Other,
        // Virtual meters and devices of other programs can have any medium.
        _ => match sub {
            SubType::ELECTRICITY | SubType::CHARGING_STATION => Medium::Electricity,
            SubType::WATER => Medium::ColdWater,
            SubType::GAS => Medium::Gas,
            _ => Medium::Other,
        },
    }
}

struct Registers<'a> {
    fields: &'a Fields,
    samples: Vec<Sample>,
    unknown_units: Vec<String>,
}

impl Registers<'_> {
    fn electricity(&mut self) {
        if let Some(factor) = self.factor(&["counterreading", "counterreadingimport"], "counterreadingunit") {
            self.counters(factor);
        }
        if let Some(factor) = self.factor(&POWERS.map(|(name, _)| name), "activepowerunit") {
            for (name, code) in POWERS {
                self.add(code, self.fields.number(name), factor);
            }
        }
    }

    /// The factor to Wh or W of the fields `of`, whose unit is in the field `named`. `None`
    /// if all are absent; also `None` for another unit, which is noted.
    fn factor(&mut self, of: &[&str], named: &str) -> Option<f64> {
        of.iter().find_map(|name| self.fields.number(name))?;
        let wanted = if named == "counterreadingunit" { Quantity::Energy } else { Quantity::Power };
        let found = self.unit(named)?;
        if found.0 == wanted {
            return Some(found.1);
        }
        self.note_unit(named);
        None
    }

    /// Adds total and tariffs. `CounterReading` is import minus export; it has its own code
    /// and is used only without import and export.
    fn counters(&mut self, factor: f64) {
        let number = |name: &str| self.fields.number(name);
        let (net, import, export) =
            (number("counterreading"), number("counterreadingimport"), number("counterreadingexport"));
        let is_split = import.is_some() || export.is_some();
        self.add(electricity(1, 8, 0), import, factor);
        self.add(electricity(2, 8, 0), export, factor);
        self.add(electricity(16, 8, 0), net.filter(|_| !is_split), factor);
        let net_code = self.code_of_net_tariffs(net, import.zip(export), factor);
        for ([net, import, export], tariff) in TARIFFS.into_iter().zip(1..) {
            let (net, import, export) =
                (self.fields.number(net), self.fields.number(import), self.fields.number(export));
            self.add(electricity(1, 8, tariff), import, factor);
            self.add(electricity(2, 8, tariff), export, factor);
            if let Some(c) = net_code {
                self.add(electricity(c, 8, tariff), net, factor);
            }
        }
    }

    /// The C value of the tariff counters. If they add up to net, they are net; without any
    /// export, net is import. Otherwise their meaning is unknown: `None`.
    fn code_of_net_tariffs(&self, net: Option<f64>, split: Option<(f64, f64)>, factor: f64) -> Option<u8> {
        let (import, export) = split?;
        let sum: f64 = TARIFFS.iter().filter_map(|[name, ..]| self.fields.number(name)).sum();
        let is_net = (sum - net.unwrap_or(import - export)).abs() * factor <= SUM_TOLERANCE * 1e3;
        is_net.then_some(if export == 0.0 { 1 } else { 16 })
    }

    /// Adds the one counter of a meter of another medium.
    fn other_medium(&mut self, medium: Medium) {
        let reading = self.fields.number("counterreading").or_else(|| self.fields.number("counterreadingimport"));
        if medium == Medium::Allocator {
            self.add(Obis([4, 0, 128, 0, 0, 255]), reading, 1.0);
        } else if let Some((reading, (quantity, factor))) =
            reading.and_then(|it| Some((it, self.unit("counterreadingunit")?)))
        {
            match counter(medium, quantity) {
                Some(code) => self.add(code, Some(reading), factor),
                None => self.note_unit("counterreadingunit"),
            }
        }
        let power = self.fields.number("activepower");
        if let Some((power, (quantity, factor))) = power.and_then(|it| Some((it, self.unit("activepowerunit")?))) {
            match quantity {
                Quantity::Power => self.add(OTHER_POWER, Some(power), factor),
                Quantity::Flow => self.add(FLOW, Some(power), factor),
                Quantity::Temperature => self.add(TEMPERATURE, Some(power), factor),
                Quantity::Energy | Quantity::Volume => self.note_unit("activepowerunit"),
            }
        }
    }

    fn unitless(&mut self) {
        for (name, code) in PLAIN {
            self.add(code, self.fields.number_or_switch(name), 1.0);
        }
        for (name, phase, code) in WITHOUT_PHASES {
            let alone = self.fields.number(name).filter(|_| self.fields.number(phase).is_none());
            self.add(code, alone, 1.0);
        }
    }

    fn add(&mut self, obis: Obis, value: Option<f64>, factor: f64) {
        let value = value.map(|value| value * factor).filter(|value| value.is_finite());
        if let Some(value) = value.filter(|_| self.samples.iter().all(|sample| sample.obis != obis)) {
            self.samples.push(Sample { obis, value });
        }
    }

    fn unit(&mut self, name: &str) -> Option<(Quantity, f64)> {
        let known = self.fields.text(name).and_then(unit);
        if known.is_none() {
            self.note_unit(name);
        }
        known
    }

    fn note_unit(&mut self, name: &str) {
        let text = self.fields.text(name).unwrap_or("(none)");
        self.unknown_units.push(text.chars().filter(|c| !c.is_control()).take(UNIT_CHARS_MAX).collect());
    }
}

/// The counter register of a medium other than electricity.
fn counter(medium: Medium, quantity: Quantity) -> Option<Obis> {
    Some(match (medium, quantity) {
        (Medium::Heat, Quantity::Energy) => Obis([6, 0, 1, 0, 0, 255]),
        (Medium::Cold, Quantity::Energy) => Obis([5, 0, 1, 0, 0, 255]),
        (Medium::ColdWater, Quantity::Volume) => Obis([8, 0, 1, 0, 0, 255]),
        (Medium::HotWater, Quantity::Volume) => Obis([9, 0, 1, 0, 0, 255]),
        (Medium::Gas, Quantity::Volume) => Obis([7, 0, 128, 0, 0, 255]),
        (Medium::CompressedAir, Quantity::Volume) => Obis([15, 0, 128, 0, 0, 255]),
        (_, Quantity::Energy) => OTHER_ENERGY,
        (_, Quantity::Volume) => OTHER_VOLUME,
        (_, Quantity::Temperature) => TEMPERATURE,
        (_, Quantity::Power | Quantity::Flow) => return None,
    })
}
