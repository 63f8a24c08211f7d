//! Finds meters, metering points and registers by the texts that people know. Pure.

use super::model::{MeterEntry, Place, name_of};
use crate::reading::{MeterId, Obis};
use std::fmt;
use uuid::Uuid;

/// Candidates that an error names at most.
const NAMED_MAX: usize = 10;

/// A place with its meters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The place.
    pub place: Place,
    /// Its meters; one if it is a meter.
    pub meters: Vec<MeterEntry>,
}

/// A text that does not name one place, or no register.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// Nothing has this name.
    #[error("no meter has '{0}' in its name, metering point, serial number or id: `meterline meters` lists them")]
    NoMeter(String),
    /// Several have it.
    #[error("'{text}' stands for several meters: {}", Candidates(.candidates))]
    SeveralMeters {
        /// The text.
        text: String,
        /// Their names and ids.
        candidates: Vec<String>,
    },
    /// The meters have no such register.
    #[error("no register has the code or name '{text}'; there are: {}", Candidates(.candidates))]
    NoRegister {
        /// The text.
        text: String,
        /// The registers that there are.
        candidates: Vec<String>,
    },
}

struct Candidates<'a>(&'a [String]);

impl fmt::Display for Candidates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<_> = self.0.iter().take(NAMED_MAX).map(String::as_str).collect();
        f.write_str(&shown.join(", "))?;
        match self.0.len().saturating_sub(NAMED_MAX) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// The meter or metering point that a text names: by its id, or else by its metering point, name or serial number; or
/// else by a part of these, if only one has it. Letters may be large or small.
///
/// # Errors
/// When it names none or several.
pub fn place(meters: &[MeterEntry], text: &str) -> Result<Found, SelectError> {
    if let Ok(id) = text.trim().parse::<Uuid>() {
        let found = meters.iter().find(|entry| entry.meter == MeterId::from(id));
        return found.map(alone).ok_or_else(|| SelectError::NoMeter(text.to_owned()));
    }
    let wanted = text.trim().to_lowercase();
    let at_point: Vec<_> = meters.iter().filter(|entry| entry.point.to_lowercase() == wanted).cloned().collect();
    if let Some(first) = at_point.first() {
        return Ok(Found { place: Place::Point(first.point.clone()), meters: at_point });
    }
    let texts = |entry: &MeterEntry| [&entry.name, &entry.serial, &entry.point].map(|text| text.to_lowercase());
    let is_part = |entry: &&MeterEntry| !wanted.is_empty() && texts(entry).iter().any(|text| text.contains(&wanted));
    let is_whole = |entry: &&MeterEntry| !wanted.is_empty() && texts(entry).contains(&wanted);
    let mut found: Vec<_> = meters.iter().filter(is_whole).collect();
    if found.is_empty() {
        found = meters.iter().filter(is_part).collect();
    }
    match found[..] {
        [] => Err(SelectError::NoMeter(text.to_owned())),
        [one] => Ok(alone(one)),
        _ => Err(SelectError::SeveralMeters {
            text: text.to_owned(),
            candidates: found.iter().map(|entry| format!("{} ({})", entry.name, entry.meter)).collect(),
        }),
    }
}

fn alone(entry: &MeterEntry) -> Found {
    Found { place: Place::Meter(entry.meter), meters: vec![entry.clone()] }
}

/// The registers among these that a text names: by its code, or else by its name, or else by a part of the name, which
/// may be of several.
///
/// # Errors
/// When there is none.
pub fn registers(known: &[Obis], text: &str) -> Result<Vec<Obis>, SelectError> {
    let wanted = text.trim().to_lowercase();
    let with = |has: &dyn Fn(&str) -> bool| -> Vec<Obis> {
        known.iter().copied().filter(|obis| has(&name_of(*obis).to_lowercase())).collect()
    };
    let by_code = text.parse::<Obis>().ok().filter(|obis| known.contains(obis));
    let by_name = with(&|name| name == wanted);
    let found = match by_code {
        Some(obis) => vec![obis],
        None if !by_name.is_empty() => by_name,
        None if !wanted.is_empty() => with(&|name| name.contains(&wanted)),
        None => Vec::new(),
    };
    if found.is_empty() {
        let candidates = known.iter().map(|obis| format!("{obis} ({})", name_of(*obis))).collect();
        return Err(SelectError::NoRegister { text: text.to_owned(), candidates });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(number: u8, name: &str, serial: &str, point: &str) -> MeterEntry {
        let meter = MeterId::from(Uuid::from_bytes([number; 16]));
        let mut entry = MeterEntry::without_description(meter);
        (entry.name, entry.serial) = (name.to_owned(), serial.to_owned());
        if !point.is_empty() {
            point.clone_into(&mut entry.point);
        }
        entry
    }

    fn fleet() -> Vec<MeterEntry> {
        vec![
            entry(1, "Heat pump", "63-1", "house-1"),
            entry(2, "Heat pump, old", "63-2", "house-1"),
            entry(3, "Roof", "63-3", ""),
            entry(4, "", "63-44", ""),
        ]
    }

    #[test]
    fn a_meter_is_found_by_its_id_its_point_its_name_its_serial_or_a_part_of_them() {
        let fleet = fleet();
        let meter = |number: usize| Place::Meter(fleet[number - 1].meter);
        for (text, expected) in [
            ("01010101-0101-0101-0101-010101010101", meter(1)),
            ("01010101010101010101010101010101", meter(1)),
            ("HEAT PUMP", meter(1)),
            (" 63-3 ", meter(3)),
            ("old", meter(2)),
            ("63-4", meter(4)),
            ("House-1", Place::Point("house-1".to_owned())),
        ] {
            assert_eq!(place(&fleet, text).unwrap().place, expected, "{text}");
        }
        assert_eq!(place(&fleet, "house-1").unwrap().meters.len(), 2);
    }

    #[test]
    fn a_text_of_none_or_several_says_so() {
        let error = place(&fleet(), "heat").unwrap_err().to_string();
        assert!(error.contains("Heat pump (01010101") && error.contains("Heat pump, old"), "{error}");
        for text in ["cellar", "", "09090909-0909-0909-0909-090909090909"] {
            assert_eq!(place(&fleet(), text), Err(SelectError::NoMeter(text.to_owned())));
        }
        let many: Vec<_> = (0..30).map(|number| entry(number, "same", "", "")).collect();
        let error = place(&many, "same").unwrap_err().to_string();
        assert!(error.ends_with("and 20 more"), "{error}");
    }

    #[test]
    fn a_register_is_found_by_its_code_its_name_or_a_part_of_it() {
        let known = ["1.8.0", "1.8.1", "1.7.0"].map(|code| code.parse::<Obis>().unwrap());
        let [import, tariff, power] = known;
        for (text, expected) in [
            ("1-0:1.8.0*255", vec![import]),
            ("1.7.0", vec![power]),
            ("active energy import", vec![import]),
            ("Energy Import", vec![import, tariff]),
            ("power", vec![power]),
        ] {
            assert_eq!(registers(&known, text).unwrap(), expected, "{text}");
        }
        for text in ["2.8.0", "voltage", ""] {
            let error = registers(&known, text).unwrap_err().to_string();
            assert!(error.contains("1-0:1.8.1*255 (active energy import, tariff 1)"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text in "\\PC*") {
            let fleet = fleet();
            if let Ok(found) = place(&fleet, &text) {
                prop_assert!(!found.meters.is_empty());
            }
            registers(&[Obis([1, 0, 1, 8, 0, 255])], &text).ok();
        }
    }
}
