//! A meter with its names and newest values.
//!
//! Knows no HTML, and not where meters are listed.

use crate::ingest::RecentReading;
use crate::query::{MeterEntry, Newest};
use crate::reading::registry::{self, MainValue, Unit};
use crate::reading::{MeterId, Obis, Units, UnixNanos};
use crate::wire::meters::{Role, Version};

/// A meter with what is known now.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    pub(super) id: MeterId,
    /// The name that its owner gave it, or else its metering point, serial number or id.
    pub(super) name: String,
    pub(super) serial: String,
    /// Empty if none is configured.
    pub(super) point: String,
    pub(super) site: String,
    pub(super) role: Role,
    /// The source that sent its newest reading, or described it.
    pub(super) source: String,
    /// The measured medium in one word: electricity, gas, water.
    pub(super) kind: &'static str,
    /// Its newest values: from the store if nothing came since the start.
    pub(super) values: Vec<Newest>,
    /// When the newest one was measured.
    pub(super) newest_at: Option<UnixNanos>,
    /// The same, if it is silent for longer than usual.
    pub(super) silent_since: Option<UnixNanos>,
    units: Units,
}

/// A main value of a meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MainReading {
    pub(super) obis: Obis,
    pub(super) role: MainValue,
    pub(super) value: f64,
    pub(super) unit: Unit,
    pub(super) at: UnixNanos,
}

/// Values of one reading may come in several messages; older ones are of the past.
const TOGETHER_NS: i64 = 3_600 * 1_000_000_000;

impl Meter {
    /// A meter that was heard since the start.
    pub(super) fn of_reading(reading: &RecentReading, units: &Units) -> Self {
        let values = reading.timed_samples().map(|(sample, at)| Newest { obis: sample.obis, value: sample.value, at });
        Self {
            source: reading.source.to_string(),
            values: values.collect(),
            newest_at: Some(reading.at),
            ..Self::new(reading.meter, units)
        }
    }

    /// A meter with a known id and nothing else.
    pub(super) fn new(id: MeterId, units: &Units) -> Self {
        Self {
            id,
            name: id.to_string(),
            serial: String::new(),
            point: String::new(),
            site: String::new(),
            role: Role::Unknown,
            source: String::new(),
            kind: "other",
            values: Vec::new(),
            newest_at: None,
            silent_since: None,
            units: units.clone(),
        }
    }

    /// A meter as a store knows it.
    pub(super) fn stored(entry: &MeterEntry, units: &Units) -> Self {
        let mut meter = Self::new(entry.meter, units);
        let point = Some(&entry.point).filter(|point| **point != entry.meter.to_string());
        let names = [Some(&entry.name), point, Some(&entry.serial)];
        if let Some(name) = names.into_iter().flatten().find(|name| !name.trim().is_empty()) {
            meter.name.clone_from(name);
        }
        meter.point = point.cloned().unwrap_or_default();
        meter.serial.clone_from(&entry.serial);
        meter.source.clone_from(&entry.source);
        meter.kind = kind_of_media(&entry.media).unwrap_or(meter.kind);
        meter
    }

    /// Takes the newest values of the store, for a meter that was not heard since the start.
    pub(super) fn set_stored_values(&mut self, values: Vec<Newest>) {
        self.newest_at = values.iter().map(|value| value.at).max();
        self.values = values;
        self.classify();
    }

    /// Takes names from the valid version of its description.
    pub(super) fn describe(&mut self, version: &Version) {
        let description = &version.description;
        // Without a configured point it is the id.
        if version.metering_point.parse() != Ok(self.id.uuid()) {
            self.point.clone_from(&version.metering_point);
        }
        self.serial.clone_from(&description.serial);
        self.site.clone_from(&description.site);
        self.role = description.role;
        let names = [&description.name, &self.point, &description.serial];
        if let Some(name) = names.into_iter().find(|name| !name.trim().is_empty()) {
            self.name.clone_from(name);
        }
        if self.source.is_empty() {
            self.source.clone_from(&version.source);
        }
        self.kind = kind_of_words(&description.energy_type.name).unwrap_or(self.kind);
    }

    /// Takes what it measures from its registers.
    pub(super) fn classify(&mut self) {
        self.kind = kind_of_registers(self.values.iter().map(|value| value.obis)).unwrap_or(self.kind);
    }

    /// The unit of a register.
    pub(super) fn unit(&self, register: Obis) -> Unit {
        self.units.of(self.id, register)
    }

    /// Its power, import positive, or its flow.
    pub(super) fn rate(&self) -> Option<MainReading> {
        let values = self.main_values();
        let of = |wanted| values.iter().find(|found| found.role == wanted).copied();
        match (of(MainValue::Rate), of(MainValue::RateOut)) {
            // A meter with a register for each direction has 0 in one of them.
            (Some(rate), Some(out)) if rate.value >= 0.0 => Some(MainReading { value: rate.value - out.value, ..rate }),
            (Some(rate), _) => Some(rate),
            (None, Some(out)) => Some(MainReading { value: -out.value, ..out }),
            (None, None) => sum_of_phases(&values).or_else(|| of(MainValue::Climate)),
        }
    }

    /// Its power or flow, or else its counter: the value that stands beside its name.
    pub(super) fn main_value(&self) -> Option<MainReading> {
        self.rate().or_else(|| self.counters().into_iter().next())
    }

    /// Its counters, of import or another medium first.
    pub(super) fn counters(&self) -> Vec<MainReading> {
        let mut found = self.main_values();
        found.retain(|found| found.role.is_counter());
        let has = |role| found.iter().any(|found| found.role == role);
        let (has_in, has_out) = (has(MainValue::Counter), has(MainValue::CounterOut));
        // Tariffs are parts of the total, and stand for it where there is none.
        found.retain(|found| match found.role {
            MainValue::CounterOfTariff => !has_in,
            MainValue::CounterOutOfTariff => !has_out,
            _ => true,
        });
        found
    }

    /// The main values that belong together.
    fn main_values(&self) -> Vec<MainReading> {
        let newest = self.values.iter().map(|value| value.at).max().unwrap_or(UnixNanos(0));
        let of = |value: &Newest| {
            let role = registry::main_value(value.obis)?;
            let is_rate = !role.is_counter() && role != MainValue::Climate;
            let unit = self.unit(value.obis);
            let is_of_the_past = is_rate && newest.since(value.at) > TOGETHER_NS;
            let Newest { obis, value, at } = *value;
            (!is_of_the_past).then_some(MainReading { obis, role, value, unit, at })
        };
        let mut found: Vec<_> = self.values.iter().filter_map(of).collect();
        // Signed power comes before the register of one direction.
        found.sort_by_key(|found| (found.obis.0[0] != 1, found.obis.0[2] != 16, found.obis));
        found
    }

    pub(super) fn matches(&self, search: &str) -> bool {
        let texts = [&self.name, &self.serial, &self.point, &self.site, &self.source];
        search.is_empty()
            || texts.iter().any(|text| text.to_lowercase().contains(search))
            || self.kind.contains(search)
            || self.id.to_string().contains(search)
    }
}

/// The power of a meter that has it for each phase only.
fn sum_of_phases(values: &[MainReading]) -> Option<MainReading> {
    let signed = |found: &&MainReading| matches!(found.obis.0[2], 36 | 56 | 76);
    let taken = || values.iter().filter(|found| found.role == MainValue::RateOfPhase);
    let sum = |of: &mut dyn Iterator<Item = &MainReading>| of.map(|found| found.value).sum::<f64>();
    if let Some(first) = taken().find(signed) {
        return Some(MainReading { value: sum(&mut taken().filter(signed)), ..*first });
    }
    let first = taken().next()?;
    let given = values.iter().filter(|found| found.role == MainValue::RateOutOfPhase);
    let given = sum(&mut given.into_iter());
    Some(MainReading { value: sum(&mut taken()) - given, ..*first })
}

/// The medium that registers measure, in one word.
pub(super) fn kind_of_registers(codes: impl Iterator<Item = Obis>) -> Option<&'static str> {
    let kind = |code: Obis| match (medium(code.0[0]), registry::main_value(code)) {
        (Some("electricity"), None) => Some((3, "electricity")),
        (Some("electricity"), Some(_)) => Some((5, "electricity")),
        (Some(word), Some(_)) => Some((4, word)),
        (None, Some(MainValue::Climate)) => Some((1, "climate")),
        _ => None,
    };
    codes.filter_map(kind).max_by_key(|(rank, _)| *rank).map(|(_, word)| word)
}

/// The same of the media of all registers, as a store knows them: electricity first, as most devices count it.
fn kind_of_media(media: &[u8]) -> Option<&'static str> {
    if media.contains(&1) { Some("electricity") } else { media.iter().find_map(|number| medium(*number)) }
}

/// The medium of registers, by the first number of their codes.
fn medium(number: u8) -> Option<&'static str> {
    match number {
        1 => Some("electricity"),
        4 | 6 => Some("heat"),
        5 => Some("cold"),
        7 => Some("gas"),
        8 | 9 => Some("water"),
        15 => Some("compressed air"),
        _ => None,
    }
}

/// The medium that a vendor's word for a type of energy stands for: for meters without a telling register.
fn kind_of_words(words: &str) -> Option<&'static str> {
    let words = words.to_lowercase();
    let kinds = ["electricity", "gas", "water", "heat", "cold"];
    kinds.into_iter().find(|kind| words.contains(kind))
}
