//! Guesses which registers a device's JSON document holds, by the names of its members: a proposal for
//! the operator, who knows the device.
//!
//! Pure. Invariants: a number without a known name is listed and never guessed; a register is proposed
//! once; the work is bounded.

use crate::reading::Obis;
use serde_json::Value;

/// Numbers of a document that are looked at.
const NUMBERS_MAX: usize = 200;
/// Levels of a document that are looked at.
const LEVELS_MAX: usize = 8;
/// Seconds since 1970 UTC from here on are a time: 2000-01-01.
const TIME_FROM: f64 = 946_684_800.0;
/// From here on they are milliseconds.
const MILLISECONDS_FROM: f64 = 1e11;

/// The probable content of a document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Guess {
    /// The measurement time: its pointer and its unit, `s` or `ms`.
    pub time: Option<(String, &'static str)>,
    /// The registers.
    pub registers: Vec<GuessedRegister>,
    /// Pointers to other numbers, and their values.
    pub others: Vec<(String, f64)>,
}

/// A register that a number seems to be.
#[derive(Debug, Clone, PartialEq)]
pub struct GuessedRegister {
    /// The JSON pointer.
    pub pointer: String,
    /// The register.
    pub obis: Obis,
    /// The unit of the number.
    pub unit: &'static str,
    /// Whether the name says the unit; else it is the usual one.
    pub names_unit: bool,
}

/// Units that a name may end with, longest first, and the quantity that they mean.
const UNITS: [(&str, &str, Quantity); 13] = [
    ("mwh", "MWh", Quantity::Energy),
    ("kwh", "kWh", Quantity::Energy),
    ("wh", "Wh", Quantity::Energy),
    ("kw", "kW", Quantity::Power),
    ("watts", "W", Quantity::Power),
    ("watt", "W", Quantity::Power),
    ("w", "W", Quantity::Power),
    ("volts", "V", Quantity::Voltage),
    ("v", "V", Quantity::Voltage),
    ("ma", "mA", Quantity::Current),
    ("a", "A", Quantity::Current),
    ("hz", "Hz", Quantity::Frequency),
    ("m3", "m3", Quantity::Volume),
];
/// Words that name a quantity, and its usual unit.
const WORDS: [(&str, Quantity, &str); 12] = [
    ("powerfactor", Quantity::PowerFactor, ""),
    ("cosphi", Quantity::PowerFactor, ""),
    ("pf", Quantity::PowerFactor, ""),
    ("frequency", Quantity::Frequency, "Hz"),
    ("freq", Quantity::Frequency, "Hz"),
    ("voltage", Quantity::Voltage, "V"),
    ("current", Quantity::Current, "A"),
    ("power", Quantity::Power, "W"),
    ("energy", Quantity::Energy, "kWh"),
    ("gas", Quantity::Volume, "m3"),
    ("water", Quantity::Volume, "m3"),
    ("consumption", Quantity::Energy, "kWh"),
];
const IMPORT: [&str; 8] = ["import", "imported", "consumed", "consumption", "consume", "delivered", "in", "positive"];
const EXPORT: [&str; 8] = ["export", "exported", "returned", "produced", "production", "feed", "out", "negative"];
/// Words of values that are no reading of now.
const NOT_NOW: [&str; 10] = ["max", "min", "avg", "average", "mean", "today", "yesterday", "month", "year", "limit"];
/// Words of reactive and apparent values, which need their own codes.
const OTHER_KINDS: [&str; 5] = ["reactive", "apparent", "var", "va", "temperature"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Energy,
    Power,
    Voltage,
    Current,
    Frequency,
    PowerFactor,
    Volume,
}

/// Guesses what a document holds; `None` if it is not JSON.
pub fn guess(bytes: &[u8]) -> Option<Guess> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let mut leaves = Vec::new();
    collect(&document, String::new(), 0, &mut leaves);
    let mut guess = Guess::default();
    for (pointer, value) in leaves {
        let words = words(&pointer);
        let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        if guess.time.is_none() && has(&["time", "timestamp", "ts", "unixtime", "epoch", "datetime", "at"]) {
            guess.time = time_unit(value).map(|unit| (pointer.clone(), unit));
            if guess.time.is_some() {
                continue;
            }
        }
        let Some(number) = number(value) else { continue };
        match register(&words).filter(|found| guess.registers.iter().all(|known| known.obis != found.0)) {
            Some((obis, unit, names_unit)) => {
                guess.registers.push(GuessedRegister { pointer, obis, unit, names_unit });
            }
            None => guess.others.push((pointer, number)),
        }
    }
    Some(guess)
}

/// The numbers and texts of a document, with their pointers.
fn collect<'a>(value: &'a Value, pointer: String, level: usize, leaves: &mut Vec<(String, &'a Value)>) {
    if level > LEVELS_MAX || leaves.len() >= NUMBERS_MAX {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(value, format!("{pointer}/{name}"), level + 1, leaves);
            }
        }
        Value::Array(elements) => {
            for (number, value) in elements.iter().enumerate() {
                collect(value, format!("{pointer}/{number}"), level + 1, leaves);
            }
        }
        Value::Number(_) | Value::String(_) if !pointer.is_empty() => leaves.push((pointer, value)),
        _ => {}
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    number.filter(|number| number.is_finite())
}

/// The unit of a time.
fn time_unit(value: &Value) -> Option<&'static str> {
    match value {
        Value::String(text) => text.trim().parse::<jiff::Timestamp>().ok().map(|_| "s"),
        other => other
            .as_f64()
            .filter(|number| *number >= TIME_FROM)
            .map(|number| if number >= MILLISECONDS_FROM { "ms" } else { "s" }),
    }
}

/// The words of a pointer in small letters: `/emeter/L1_totalKwh` has `emeter`, `l1`, `total`, `kwh`.
fn words(pointer: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in pointer.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_small) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        was_small = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The register of a name: code, unit, and whether the name says the unit.
fn register(words: &[String]) -> Option<(Obis, &'static str, bool)> {
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if has(&NOT_NOW) || has(&OTHER_KINDS) {
        return None;
    }
    let last = words.last()?;
    let by_unit = UNITS.iter().find(|(name, ..)| last == name);
    let by_word = WORDS.iter().find(|(name, ..)| words.iter().any(|word| word == name));
    let (quantity, unit, names_unit) = match (by_unit, by_word) {
        (Some((_, unit, quantity)), _) => (*quantity, *unit, true),
        (None, Some((_, quantity, unit))) => (*quantity, *unit, false),
        (None, None) => return None,
    };
    let phase = (1_u8..=3).find(|phase| has(&[&format!("l{phase}"), &format!("phase{phase}"), &format!("p{phase}")]));
    let tariff = (1_u8..=4).find(|tariff| has(&[&format!("t{tariff}"), &format!("tariff{tariff}")]));
    let (is_import, is_export) = (has(&IMPORT), has(&EXPORT));
    let per_phase = |sum: u8| sum + 20 * phase.unwrap_or(0);
    let code = match quantity {
        Quantity::Energy => [1, 0, per_phase(if is_export { 2 } else { 1 }), 8, tariff.unwrap_or(0), 255],
        Quantity::Power if is_export => [1, 0, per_phase(2), 7, 0, 255],
        Quantity::Power if is_import => [1, 0, per_phase(1), 7, 0, 255],
        // Import minus export: without a direction the sign decides.
        Quantity::Power => [1, 0, per_phase(16), 7, 0, 255],
        Quantity::Voltage => [1, 0, 12 + 20 * phase.unwrap_or(1), 7, 0, 255],
        Quantity::Current => [1, 0, 11 + 20 * phase.unwrap_or(1), 7, 0, 255],
        Quantity::Frequency => [1, 0, 14, 7, 0, 255],
        Quantity::PowerFactor => [1, 0, per_phase(13), 7, 0, 255],
        Quantity::Volume if has(&["gas"]) => [7, 0, 3, 0, 0, 255],
        Quantity::Volume if has(&["water"]) => [8, 0, 1, 0, 0, 255],
        Quantity::Volume => return None,
    };
    Some((Obis(code), unit, names_unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::registry;
    use proptest::prelude::*;

    fn found(document: &str) -> Vec<String> {
        let guess = guess(document.as_bytes()).unwrap();
        let register = |it: &GuessedRegister| format!("{} {} {}", it.pointer, it.obis, it.unit);
        guess.registers.iter().map(register).collect()
    }

    #[test]
    fn names_of_members_say_quantity_direction_phase_tariff_and_unit() {
        for (document, expected) in [
            (r#"{"total":{"import_kwh":1.5}}"#, "/total/import_kwh 1-0:1.8.0*255 kWh"),
            (r#"{"energyExported":7}"#, "/energyExported 1-0:2.8.0*255 kWh"),
            (r#"{"energy_t2":"7"}"#, "/energy_t2 1-0:1.8.2*255 kWh"),
            (r#"{"power":-3}"#, "/power 1-0:16.7.0*255 W"),
            (r#"{"power_import_w":3}"#, "/power_import_w 1-0:1.7.0*255 W"),
            (r#"{"L2":{"voltage":231.4}}"#, "/L2/voltage 1-0:52.7.0*255 V"),
            (r#"{"current_ma":4}"#, "/current_ma 1-0:31.7.0*255 mA"),
            (r#"{"a/b":{"freq":50}}"#, "/a~1b/freq 1-0:14.7.0*255 Hz"),
            (r#"[{"gas_m3":4}]"#, "/0/gas_m3 7-0:3.0.0*255 m3"),
        ] {
            assert_eq!(found(document), [expected], "{document}");
        }
    }

    #[test]
    fn what_no_name_says_is_listed_and_a_register_is_proposed_once() {
        let document = r#"{"time":1764380000,"power":1,"other":{"power":2},"rssi":-60,"power_max":9,"reactive_power":3,"id":"x1"}"#;
        let guess = guess(document.as_bytes()).unwrap();
        assert_eq!(guess.time, Some(("/time".to_owned(), "s")));
        assert_eq!(guess.registers.len(), 1);
        let others: Vec<_> = guess.others.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(others.len(), 4, "{others:?}");
        assert!(
            ["/rssi", "/power_max", "/reactive_power"].iter().all(|pointer| others.contains(pointer)),
            "{others:?}"
        );
        let unit = |document: &str| super::guess(document.as_bytes()).unwrap().time.map(|(_, unit)| unit);
        assert_eq!(unit(r#"{"ts":1764380000123}"#), Some("ms"));
        assert_eq!(unit(r#"{"timestamp":"2026-11-29T02:00:00Z"}"#), Some("s"));
        assert_eq!((unit(r#"{"time":"yesterday"}"#), unit(r#"{"time":12}"#)), (None, None));
        assert!(super::guess(b"<html>").is_none());
    }

    proptest! {
        #[test]
        fn every_guess_points_to_a_number_and_has_a_known_register(
            names in prop::collection::vec("[a-zA-Z0-9_/~.]{0,12}|power|kwh|l[1-3]|voltage", 1..8), value in any::<f64>()
        ) {
            let mut document = serde_json::json!(value);
            for name in &names {
                document = serde_json::json!({ name.as_str(): document, "x_w": "1.5" });
            }
            let guess = guess(document.to_string().as_bytes()).unwrap();
            for register in &guess.registers {
                prop_assert!(document.pointer(&register.pointer).and_then(number).is_some(), "{}", register.pointer);
                let entry = registry::entry(register.obis);
                prop_assert!(entry.is_some_and(|entry| super::super::factor(register.unit, entry.unit).is_some()));
            }
        }

        #[test]
        fn no_document_panics(bytes in any::<Vec<u8>>(), text in ".{0,200}") {
            guess(&bytes);
            guess(text.as_bytes());
        }
    }
}
