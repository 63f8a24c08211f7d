//! Sections of the configuration that may fit a device, as TOML to paste. Secrets are names of files.

use crate::vendor::json::{Guess, GuessedRegister};
use std::fmt::Write as _;

/// The knowledge of the operator about a device.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// The name of the source.
    pub name: Option<String>,
    /// The id of a smart-MAIC.
    pub devid: Option<String>,
    /// The file with its PIN.
    pub pin_file: Option<String>,
    /// The file with the access token of a KSEM.
    pub token_file: Option<String>,
    /// A user of the device.
    pub username: Option<String>,
    /// The file with the user's password; without a user the password of an EM300.
    pub password_file: Option<String>,
    /// The file with the key of encrypted telegrams.
    pub key_file: Option<String>,
    /// The file with the authority that signed the device's certificate.
    pub ca_file: Option<String>,
}

impl Hints {
    /// Whether they have a login.
    pub(super) fn have_login(&self) -> bool {
        self.token_file.is_some() || self.password_file.is_some()
    }
}

/// A section.
#[derive(Debug)]
pub(super) struct Section(String);

impl Section {
    /// The sections of devices that are asked at an address without path, the likeliest first.
    pub(super) fn of_devices(address: &str, hints: &Hints) -> Vec<Self> {
        let of = |table: &str, keys: &[(&str, &Option<String>)]| {
            let mut section = Self::new(table, address, hints);
            section.key("url", address);
            section.optional(keys);
            section.optional(&[("ca_file", &hints.ca_file)]);
            section
        };
        let login = [("username", &hints.username), ("password_file", &hints.password_file)];
        if hints.devid.is_some() || hints.pin_file.is_some() {
            let mut section = Self::new("smart_mac", address, hints);
            section.key("url", address);
            section.optional(&[("devid", &hints.devid), ("pin_file", &hints.pin_file)]);
            return vec![section];
        }
        let logger = of("dsmr_logger", &login);
        let em300 = of("em300", &[("password_file", &hints.password_file)]);
        match &hints.token_file {
            Some(_) => vec![of("ksem", &[("token_file", &hints.token_file)])],
            None if hints.username.is_some() => vec![of("ksem", &login), logger],
            // Its login has no user.
            None if hints.password_file.is_some() => vec![em300],
            None => vec![logger, em300],
        }
    }

    /// The section of a meter with telegrams.
    pub(super) fn p1(host: &str, hints: &Hints) -> Self {
        let mut section = Self::new("p1", host, hints);
        section.key("address", host);
        section.optional(&[("key_file", &hints.key_file)]);
        section
    }

    /// The section of a device with JSON documents.
    pub(super) fn json(address: &str, hints: &Hints, guess: &Guess) -> Self {
        let mut section = Self::new("json", address, hints);
        section.line("# The name is the identity of the meter: choose it now, and never change it.");
        section.key("url", address);
        section.optional(&[("username", &hints.username), ("password_file", &hints.password_file)]);
        section.optional(&[("ca_file", &hints.ca_file)]);
        if let Some((pointer, unit)) = &guess.time {
            section.key("time", pointer);
            if *unit != "s" {
                section.key("time_unit", unit);
            }
        }
        for GuessedRegister { pointer, obis, unit, names_unit } in &guess.registers {
            section.line("\n[[json.value]]");
            section.key("pointer", pointer);
            section.key("obis", &obis.to_string());
            if !names_unit {
                section.line("# The usual unit: the document does not say it.");
            }
            section.key("unit", unit);
        }
        if !guess.others.is_empty() {
            section.line("\n# Other numbers of the document:");
            for (pointer, value) in &guess.others {
                section.line(&format!("# {} = {value}", pointer.escape_debug()));
            }
        }
        section
    }

    /// As TOML.
    pub(super) fn text(&self) -> String {
        self.0.clone()
    }

    fn new(table: &str, address: &str, hints: &Hints) -> Self {
        let mut section = Self(String::new());
        section.line(&format!("[[{table}]]"));
        section.key("name", &hints.name.clone().unwrap_or_else(|| name(table, address)));
        section
    }

    fn optional(&mut self, keys: &[(&str, &Option<String>)]) {
        for (key, value) in keys {
            if let Some(value) = value {
                self.key(key, value);
            }
        }
    }

    fn key(&mut self, key: &str, value: &str) {
        // A text of JSON is one of TOML, except for the one control character that JSON does not escape.
        let value = serde_json::Value::from(value).to_string().replace('\u{7f}', "\\u007f");
        self.line(&format!("{key} = {value}"));
    }

    fn line(&mut self, line: &str) {
        // Writing to a text cannot fail.
        writeln!(self.0, "{line}").unwrap_or_default();
    }
}

/// The first label of the host's name; for a number, the name of the table.
fn name(table: &str, address: &str) -> String {
    let host = address.rsplit("://").next().unwrap_or_default();
    let label = host.split(['.', ':', '/']).next().unwrap_or_default();
    let is_name = label.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_name { label.to_ascii_lowercase() } else { table.replace('_', "-") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Source, parse};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_section_names_the_files_of_secrets_and_its_source_by_the_host() {
        let hints = Hints { token_file: Some("/etc/token".to_owned()), ..Hints::default() };
        let sections = Section::of_devices("http://ksem.local", &hints);
        let text = "[[ksem]]\nname = \"ksem\"\nurl = \"http://ksem.local\"\ntoken_file = \"/etc/token\"\n";
        assert_eq!(sections.iter().map(Section::text).collect::<Vec<_>>(), [text]);
        let tables = |hints: &Hints| -> Vec<String> {
            let sections = Section::of_devices("http://10.0.0.1", hints);
            sections.iter().map(|section| section.text().lines().next().unwrap().to_owned()).collect()
        };
        let file = || Some("/f".to_owned());
        assert_eq!(tables(&Hints::default()), ["[[dsmr_logger]]", "[[em300]]"]);
        assert_eq!(tables(&Hints { devid: file(), ..Hints::default() }), ["[[smart_mac]]"]);
        assert_eq!(tables(&Hints { password_file: file(), ..Hints::default() }), ["[[em300]]"]);
        let login = Hints { username: file(), password_file: file(), ..Hints::default() };
        assert_eq!(tables(&login), ["[[ksem]]", "[[dsmr_logger]]"]);
        assert_eq!(
            Section::p1("10.0.0.1:2001", &Hints::default()).0,
            "[[p1]]\nname = \"p1\"\naddress = \"10.0.0.1:2001\"\n"
        );
    }

    proptest! {
        #[test]
        fn any_document_gives_a_valid_section(
            names in prop::collection::vec("[^\u{0}]{0,10}|power|kwh|voltage|time", 1..6), value in 1e9_f64..1e12
        ) {
            let mut document = serde_json::json!(value);
            for name in &names {
                document = serde_json::json!({ name.as_str(): document, "x_w": "1.5", "rssi": 1 });
            }
            let guess = crate::vendor::json::guess(document.to_string().as_bytes()).unwrap();
            let section = Section::json("http://h/status?a=1", &Hints::default(), &guess);
            let config = parse("m.toml", &section.0, &BTreeMap::new()).map_err(|faults| TestCaseError::fail(format!("{faults}\n{}", section.0)))?;
            let is_whole = matches!(&config.sources[0], Source::Json(it) if it.mapping.values.len() == guess.registers.len());
            prop_assert!(is_whole, "{}", section.0);
        }
    }
}
