//! Reads one table of the configuration file and collects every fault on the
//! way, instead of stopping at the first.
//!
//! A key is read by asking for it; [`Section::finish`] then reports the keys
//! that nobody asked for. Every scalar key may be overridden by an environment
//! variable named after its path: `sink.questdb.url` by
//! `METERLINE_SINK_QUESTDB_URL`.

use super::fault::{Fault, Faults};
use super::value::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What every section of one file shares.
#[derive(Debug)]
pub(super) struct Context<'s> {
    pub(super) file: &'s str,
    pub(super) text: &'s str,
    pub(super) environment: &'s BTreeMap<String, String>,
    pub(super) faults: RefCell<Vec<Fault>>,
    used_variables: RefCell<Vec<String>>,
    /// Every key that was asked for, so that a test can hold the example against it.
    #[cfg(test)]
    pub(super) asked: RefCell<Vec<String>>,
}

impl<'s> Context<'s> {
    pub(super) fn new(file: &'s str, text: &'s str, environment: &'s BTreeMap<String, String>) -> Self {
        Self {
            file,
            text,
            environment,
            faults: RefCell::default(),
            used_variables: RefCell::default(),
            #[cfg(test)]
            asked: RefCell::default(),
        }
    }

    pub(super) fn into_faults(self) -> Faults {
        for name in self.environment.keys() {
            if name.starts_with("METERLINE_") && !self.used_variables.borrow().contains(name) {
                self.faults.borrow_mut().push(Fault {
                    place: "environment".to_owned(),
                    key: name.clone(),
                    message: "no key of the configuration has this name; remove it or correct it".to_owned(),
                });
            }
        }
        Faults(self.faults.into_inner())
    }

    fn line_at(&self, offset: usize) -> usize {
        self.text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
    }
}

/// One table, or its absence.
#[derive(Debug)]
pub(super) struct Section<'s> {
    context: &'s Context<'s>,
    path: String,
    table: Option<&'s DeTable<'s>>,
    offset: usize,
    asked: Vec<&'static str>,
    has_variables: bool,
}

impl<'s> Section<'s> {
    pub(super) fn root(context: &'s Context<'s>, table: &'s DeTable<'s>) -> Self {
        Self { context, path: String::new(), table: Some(table), offset: 0, asked: Vec::new(), has_variables: true }
    }

    /// Whether the file has this table.
    pub(super) fn is_present(&self) -> bool {
        self.table.is_some() || (self.has_variables && self.any_variable())
    }

    /// The value of `key`, or `None` where it is absent or at fault.
    pub(super) fn get<T: Value>(&mut self, key: &'static str) -> Option<T> {
        self.ask(key);
        if let Some((name, text)) = self.variable(key) {
            return match T::from_text(&text) {
                Ok(value) => Some(value),
                Err(why) => {
                    self.push(format!("environment variable {name}"), key, why);
                    None
                }
            };
        }
        let (_, value) = self.entry(key)?;
        match T::from_toml(value.get_ref()) {
            Ok(parsed) => Some(parsed),
            Err(why) => {
                let place = self.place(value.span().start);
                self.push(place, key, why);
                None
            }
        }
    }

    /// The value of `key`, or `default`.
    pub(super) fn get_or<T: Value>(&mut self, key: &'static str, default: T) -> T {
        self.get(key).unwrap_or(default)
    }

    /// The value of `key`, whose absence is a fault; `example` shows one.
    pub(super) fn required<T: Value>(&mut self, key: &'static str, example: &str) -> Option<T> {
        let faults_before = self.context.faults.borrow().len();
        let value = self.get(key);
        if value.is_none() && self.context.faults.borrow().len() == faults_before {
            self.fault(key, format!("is missing; for example: {key} = {example}"));
        }
        value
    }

    /// The number of `key`, or `default`; outside of `range` is a fault.
    pub(super) fn number_between(&mut self, key: &'static str, default: usize, range: RangeInclusive<usize>) -> usize {
        let Some(number) = self.get::<u64>(key) else { return default };
        match usize::try_from(number).ok().filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                self.fault(key, format!("{number} must be between {} and {}", range.start(), range.end()));
                default
            }
        }
    }

    /// What `key`'s word stands for, or `default`.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)], default: T) -> T {
        let Some(word) = self.get::<String>(key) else { return default };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == word) {
            return *choice;
        }
        let known: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.fault(key, format!("'{word}' is none of {}", known.join(", ")));
        default
    }

    /// The table `key`, which may be absent.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'s> {
        self.ask(key);
        let (table, offset) = match self.entry(key) {
            Some((_, value)) => match value.get_ref() {
                DeValue::Table(table) => (Some(table), value.span().start),
                other => {
                    let place = self.place(value.span().start);
                    self.push(
                        place,
                        key,
                        format!("is a {}, but a table [{}] is wanted", other.type_str(), self.name(key)),
                    );
                    (None, 0)
                }
            },
            None => (None, self.offset),
        };
        Section {
            context: self.context,
            path: self.name(key),
            table,
            offset,
            asked: Vec::new(),
            has_variables: self.has_variables,
        }
    }

    /// The tables `[[key]]`, in the order of the file.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'s>> {
        self.ask(key);
        let Some((_, value)) = self.entry(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            let place = self.place(value.span().start);
            self.push(place, key, format!("must be written as [[{}]]", self.name(key)));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in array.iter().enumerate() {
            if let DeValue::Table(table) = item.get_ref() {
                sections.push(Section {
                    context: self.context,
                    path: format!("{}[{}]", self.name(key), index + 1),
                    table: Some(table),
                    offset: item.span().start,
                    asked: Vec::new(),
                    has_variables: false,
                });
            } else {
                let place = self.place(item.span().start);
                self.push(place, key, format!("must be written as [[{}]]", self.name(key)));
            }
        }
        sections
    }

    /// Whether the file has `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// The text of an environment variable that the configuration names.
    pub(super) fn secret_variable(&self, name: &str) -> Option<String> {
        let text = self.context.environment.get(name)?.clone();
        self.context.used_variables.borrow_mut().push(name.to_owned());
        Some(text)
    }

    /// Notes a fault of `key` found by the caller.
    pub(super) fn fault(&self, key: &str, message: impl Into<String>) {
        let offset = self.entry(key).map_or(self.offset, |(_, value)| value.span().start);
        self.push(self.place(offset), key, message.into());
    }

    /// Notes every key that nobody asked for.
    pub(super) fn finish(self) {
        let Some(table) = self.table else { return };
        for (key, value) in table {
            let name: &str = key.get_ref();
            if !self.asked.contains(&name) {
                let message = match nearest(name, &self.asked) {
                    Some(known) => format!("there is no such key; did you mean '{known}'?"),
                    None => format!("there is no such key here; known are {}", self.asked.join(", ")),
                };
                self.push(self.place(value.span().start), name, message);
            }
        }
    }

    fn ask(&mut self, key: &'static str) {
        self.asked.push(key);
        #[cfg(test)]
        self.context.asked.borrow_mut().push(self.name(key));
    }

    fn entry(&self, key: &str) -> Option<(&'s str, &'s Spanned<DeValue<'s>>)> {
        self.table?.iter().find(|(name, _)| name.get_ref() == key).map(|(name, value)| (&**name.get_ref(), value))
    }

    fn name(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.context.file, self.context.line_at(offset))
    }

    fn push(&self, place: String, key: &str, message: String) {
        self.context.faults.borrow_mut().push(Fault { place, key: self.name(key), message });
    }

    fn variable_name(&self, key: &str) -> String {
        format!("METERLINE_{}", self.name(key).replace('.', "_").to_uppercase())
    }

    fn variable(&self, key: &str) -> Option<(String, String)> {
        if !self.has_variables {
            return None;
        }
        let name = self.variable_name(key);
        let text = self.context.environment.get(&name)?.clone();
        self.context.used_variables.borrow_mut().push(name.clone());
        Some((name, text))
    }

    fn any_variable(&self) -> bool {
        let prefix = format!("{}_", self.variable_name(""));
        self.context.environment.keys().any(|name| name.starts_with(&prefix))
    }
}

/// The known key that `name` most probably stands for.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    const DISTANCE_MAX: usize = 3;
    known
        .iter()
        .map(|candidate| (strsim::levenshtein(name, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= DISTANCE_MAX && *distance < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}
