//! Maps the fields of a device to registers.
//!
//! Registers have the webhook's OBIS codes where those are known, otherwise the registry's
//! codes from the manufacturers' range. Invariants: net energy is never stored as import; a
//! meter's registers do not depend on its values, so that no series ends when a value
//! changes; a value that gives no sample is in the list of values left out; each register
//! occurs at most once.

use super::kinds::{EnergyType, Kind, SubType};
use super::left_out::LeftOut;
use super::units::{Quantity, unit};
use crate::reading::{Obis, Sample};
use crate::vendor::smart_me::Fields;

/// Characters kept of an unknown unit.
const UNIT_CHARS_MAX: usize = 20;
/// Largest difference in kWh between the total and the sum of the tariffs, which are rounded one by one.
const SUM_TOLERANCE: f64 = 0.01;

const TEMPERATURE: Obis = Obis([0, 0, 96, 9, 0, 255]);
const ACTIVE_TARIFF: Obis = Obis([0, 0, 96, 14, 0, 255]);
const SWITCH: Obis = Obis([0, 0, 96, 3, 10, 255]);
const FLOW: Obis = own(2, 0);
const OTHER_ENERGY: Obis = own(8, 0);
const OTHER_VOLUME: Obis = own(9, 0);
const OTHER_POWER: Obis = own(10, 0);

/// Fields without a unit field: in base units, or states.
const PLAIN: [(&str, Obis); 23] = [
    ("voltagel1", electricity(32, 7, 0)),
    ("voltagel2", electricity(52, 7, 0)),
    ("voltagel3", electricity(72, 7, 0)),
    ("currentl1", electricity(31, 7, 0)),
    ("currentl2", electricity(51, 7, 0)),
    ("currentl3", electricity(71, 7, 0)),
    ("powerfactorl1", electricity(33, 7, 0)),
    ("powerfactorl2", electricity(53, 7, 0)),
    ("powerfactorl3", electricity(73, 7, 0)),
    ("temperature", TEMPERATURE),
    ("flowrate", FLOW),
    ("activetariff", ACTIVE_TARIFF),
    ("chargingstationstate", own(4, 0)),
    ("analogoutput1", own(5, 1)),
    ("analogoutput2", own(5, 2)),
    ("digitalinput1", own(6, 1)),
    ("digitalinput2", own(6, 2)),
    ("switchon", SWITCH),
    ("switchphasel1on", Obis([99, 0, 12, 0, 1, 255])),
    ("switchphasel2on", Obis([99, 0, 12, 0, 2, 255])),
    ("switchphasel3on", Obis([99, 0, 12, 0, 3, 255])),
    ("digitaloutput1", Obis([99, 0, 12, 1, 1, 255])),
    ("digitaloutput2", Obis([99, 0, 12, 1, 2, 255])),
];
/// Fields of a device without phases, with their field of L1. On a device with phases they
/// repeat L1: they are not the total.
const WITHOUT_PHASES: [(&str, &str, Obis); 3] = [
    ("voltage", "voltagel1", electricity(12, 7, 0)),
    ("current", "currentl1", electricity(11, 7, 0)),
    ("powerfactor", "powerfactorl1", electricity(13, 7, 0)),
];
/// Fields of a device with several phases.
const OTHER_PHASES: [&str; 8] = [
    "activepowerl2",
    "activepowerl3",
    "voltagel2",
    "voltagel3",
    "currentl2",
    "currentl3",
    "powerfactorl2",
    "powerfactorl3",
];
/// Power, negative for export. The webhook has the signed power in these registers, too: one
/// series for a meter, whichever way a value arrives.
const POWERS: [(&str, Obis); 4] = [
    ("activepower", electricity(1, 7, 0)),
    ("activepowerl1", electricity(21, 7, 0)),
    ("activepowerl2", electricity(41, 7, 0)),
    ("activepowerl3", electricity(61, 7, 0)),
];
/// Counters: net, import, export.
const COUNTERS: [&str; 3] = ["counterreading", "counterreadingimport", "counterreadingexport"];
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

/// Returns the samples and the values left out.
pub(super) fn read(fields: &Fields, kind: Kind) -> (Vec<Sample>, Vec<LeftOut>) {
    if kind.is_gateway() {
        return (Vec::new(), Vec::new());
    }
    let mut registers = Registers { fields, samples: Vec::new(), left_out: Vec::new() };
    match medium(kind.energy, kind.sub) {
        Medium::Electricity => registers.electricity(),
        other => registers.other_medium(other),
    }
    registers.unitless();
    (registers.samples, registers.left_out)
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
    left_out: Vec<LeftOut>,
}

impl Registers<'_> {
    fn electricity(&mut self) {
        if let Some(factor) = self.factor(&COUNTERS, "counterreadingunit") {
            self.counters(factor);
        }
        if let Some(factor) = self.factor(&POWERS.map(|(name, _)| name), "activepowerunit") {
            for (name, code) in POWERS {
                let power = self.number(name);
                self.add(code, power, factor);
            }
        }
    }

    /// The factor to Wh or W of the fields `of`, whose unit is in the field `named`. `None`
    /// if all are absent; also `None` for another unit, which is noted.
    fn factor(&mut self, of: &[&'static str], named: &str) -> Option<f64> {
        of.iter().find_map(|name| self.number(name))?;
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
        let [net, import, export] = COUNTERS.map(|name| self.number(name));
        let is_split = import.is_some() || export.is_some();
        self.add(electricity(1, 8, 0), import, factor);
        self.add(electricity(2, 8, 0), export, factor);
        self.add(electricity(16, 8, 0), net.filter(|_| !is_split), factor);
        let tariffs = TARIFFS.map(|names| names.map(|name| self.number(name)));
        let parts = || tariffs.iter().filter_map(|[net, ..]| *net);
        let total = total_of_tariffs(net, import, export)
            .filter(|(total, _)| (parts().sum::<f64>() - total).abs() * factor <= SUM_TOLERANCE * 1e3);
        if total.is_none() && parts().next().is_some() {
            self.left_out.push(LeftOut::Tariffs);
        }
        for ([net, import, export], tariff) in tariffs.into_iter().zip(1..) {
            self.add(electricity(1, 8, tariff), import, factor);
            self.add(electricity(2, 8, tariff), export, factor);
            if let Some((_, c)) = total {
                self.add(electricity(c, 8, tariff), net, factor);
            }
        }
    }

    /// Adds the one counter of a meter of another medium.
    fn other_medium(&mut self, medium: Medium) {
        let reading = self.number("counterreading").or_else(|| self.number("counterreadingimport"));
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
        let power = self.number("activepower");
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
            let value = self.fields.number_or_switch(name);
            self.note_unreadable(name, value);
            self.add(code, value, 1.0);
        }
        let has_several = OTHER_PHASES.iter().any(|name| self.fields.has(name));
        for (name, of_l1, code) in WITHOUT_PHASES {
            let value = self.number(name).filter(|_| !has_several && !self.fields.has(of_l1));
            self.add(code, value, 1.0);
        }
    }

    fn number(&mut self, name: &'static str) -> Option<f64> {
        let number = self.fields.number(name);
        self.note_unreadable(name, number);
        number
    }

    fn note_unreadable(&mut self, name: &'static str, value: Option<f64>) {
        let unreadable = LeftOut::Unreadable(name);
        if value.is_none() && self.fields.has(name) && !self.left_out.contains(&unreadable) {
            self.left_out.push(unreadable);
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
        let text = text.chars().filter(|c| !c.is_control()).take(UNIT_CHARS_MAX).collect();
        self.left_out.push(LeftOut::UnknownUnit(text));
    }
}

/// The total that the tariffs are parts of, and the C value of its register. Only the fields
/// that a meter has decide on it, never their values: a meter with an export counter, even
/// at zero, counts net in its tariffs, and would otherwise get new series with its first export.
fn total_of_tariffs(net: Option<f64>, import: Option<f64>, export: Option<f64>) -> Option<(f64, u8)> {
    match (import, export) {
        (Some(import), None) => Some((import, 1)),
        (None, None) => Some((net?, 16)),
        (import, Some(export)) => Some((net.or_else(|| Some(import? - export))?, 16)),
    }
}

/// The counter register of a medium other than electricity.
fn counter(medium: Medium, quantity: Quantity) -> Option<Obis> {
    Some(match (medium, quantity) {
        (Medium::Heat, Quantity::Energy) => Obis([6, 0, 1, 0, 0, 255]),
        (Medium::Cold, Quantity::Energy) => Obis([5, 0, 1, 0, 0, 255]),
        (Medium::ColdWater, Quantity::Volume) => Obis([8, 0, 1, 0, 0, 255]),
        (Medium::HotWater, Quantity::Volume) => Obis([9, 0, 1, 0, 0, 255]),
        (Medium::Gas, Quantity::Volume) => Obis([7, 0, 3, 0, 0, 255]),
        (Medium::CompressedAir, Quantity::Volume) => Obis([15, 0, 128, 0, 0, 255]),
        (_, Quantity::Energy) => OTHER_ENERGY,
        (_, Quantity::Volume) => OTHER_VOLUME,
        (_, Quantity::Temperature) => TEMPERATURE,
        (_, Quantity::Power | Quantity::Flow) => return None,
    })
}
