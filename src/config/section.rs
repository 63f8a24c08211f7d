//! Reads one table of the configuration file and collects all faults instead of stopping
//! at the first.
//!
//! Every read makes its key a known one; [`Section::finish`] then reports unknown keys. The same
//! reads describe the keys, for the schema and the reference ([`Context::describing`]). An
//! environment variable named after the path of a scalar key overrides it:
//! `METERLINE_SINK_QUESTDB_URL` overrides `sink.questdb.url`.

use super::fault::{Fault, Faults};
use super::keys::{Form, Key, Keys};
use super::settings::Reads;
use super::value::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The state shared by all sections of one file.
#[derive(Debug)]
pub(super) struct Context<'s> {
    pub(super) file: &'s str,
    pub(super) text: &'s str,
    pub(super) environment: &'s BTreeMap<String, String>,
    pub(super) faults: RefCell<Vec<Fault>>,
    used_variables: RefCell<Vec<String>>,
    /// The keys that are read, if they are to be described. Then every table is read as if the
    /// file had it, and each list as if it had one table.
    keys: Option<RefCell<Keys>>,
    /// The values that were read.
    pub(super) reads: RefCell<Reads>,
}

impl<'s> Context<'s> {
    pub(super) fn new(file: &'s str, text: &'s str, environment: &'s BTreeMap<String, String>) -> Self {
        Self {
            file,
            text,
            environment,
            faults: RefCell::default(),
            used_variables: RefCell::default(),
            keys: None,
            reads: RefCell::default(),
        }
    }

    /// A context in which reads describe the keys of an empty file.
    pub(super) fn describing(environment: &'s BTreeMap<String, String>) -> Self {
        Self { keys: Some(RefCell::default()), ..Self::new("", "", environment) }
    }

    /// The described keys.
    pub(super) fn into_keys(self) -> Vec<Key> {
        self.keys.map(|keys| keys.into_inner().into_list()).unwrap_or_default()
    }

    pub(super) fn into_faults(self) -> Faults {
        for name in self.environment.keys() {
            if name.starts_with("METERLINE_") && !self.used_variables.borrow().contains(name) {
                self.faults.borrow_mut().push(Fault {
                    location: "environment".to_owned(),
                    key: name.clone(),
                    message: "no key of the configuration has this name; correct or remove it".to_owned(),
                });
            }
        }
        Faults(self.faults.into_inner())
    }

    fn line_at(&self, offset: usize) -> usize {
        self.text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
    }
}

/// A table of the configuration, which may be absent.
#[derive(Debug)]
pub(super) struct Section<'s> {
    context: &'s Context<'s>,
    path: String,
    table: Option<&'s DeTable<'s>>,
    offset: usize,
    known: Vec<&'static str>,
    has_variables: bool,
}

impl<'s> Section<'s> {
    pub(super) fn root(context: &'s Context<'s>, table: &'s DeTable<'s>) -> Self {
        Self { context, path: String::new(), table: Some(table), offset: 0, known: Vec::new(), has_variables: true }
    }

    /// Whether the file has this table.
    pub(super) fn is_present(&self) -> bool {
        self.table.is_some() || self.is_described() || (self.has_variables && self.any_variable())
    }

    /// Returns the value of `key`; `None` if it is absent or has a fault.
    pub(super) fn get<T: Value>(&mut self, key: &'static str) -> Option<T> {
        self.note(key, || Form::Value(T::KIND));
        if let Some((name, text)) = self.variable(key) {
            return match T::from_text(&text) {
                Ok(value) => Some(self.read(key, value)),
                Err(why) => {
                    self.push(format!("environment variable {name}"), key, why);
                    None
                }
            };
        }
        let (_, value) = self.entry(key)?;
        match T::from_toml(value.get_ref()) {
            Ok(parsed) => Some(self.read(key, parsed)),
            Err(why) => {
                let location = self.location(value.span().start);
                self.push(location, key, why);
                None
            }
        }
    }

    /// Returns the value of `key`, or `default`.
    pub(super) fn get_or<T: Value>(&mut self, key: &'static str, default: T) -> T {
        let value = self.get(key);
        self.amend(key, |key| key.default = Some(default.shown()));
        value.unwrap_or(default)
    }

    /// Returns the value of a required key. If it is absent, the fault shows `example`.
    pub(super) fn required<T: Value>(&mut self, key: &'static str, example: &str) -> Option<T> {
        let faults_before = self.fault_count();
        let value = self.get(key);
        self.amend(key, |key| key.is_required = true);
        if value.is_none() && self.fault_count() == faults_before {
            self.fault(key, format!("is required, for example: {key} = {example}"));
        }
        value
    }

    /// Returns the number of `key`, or `default`. A number outside of `range` is a fault.
    pub(super) fn number_between(&mut self, key: &'static str, default: usize, range: RangeInclusive<usize>) -> usize {
        let number = self.get::<u64>(key);
        self.amend(key, |key| {
            (key.form, key.default) = (Form::Range(*range.start(), *range.end()), Some(default.into()));
        });
        let Some(number) = number else { return default };
        match usize::try_from(number).ok().filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                self.fault(
                    key,
                    format!("{number} is out of range; it must be between {} and {}", range.start(), range.end()),
                );
                default
            }
        }
    }

    /// Returns the choice that the value of `key` names, or `default`.
    pub(super) fn choice<T: Copy + PartialEq>(&mut self, key: &'static str, choices: &[(&str, T)], default: T) -> T {
        let word = self.get::<String>(key);
        self.amend(key, |key| {
            key.form = Form::Choice(choices.iter().map(|(name, _)| (*name).to_owned()).collect());
            key.default = choices.iter().find(|(_, choice)| *choice == default).map(|(name, _)| (*name).into());
        });
        let Some(word) = word else { return default };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == word) {
            return *choice;
        }
        let known: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.fault(key, format!("'{word}' is not one of {}", known.join(", ")));
        default
    }

    /// Returns the table `key`, which may be absent.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'s> {
        self.note(key, || Form::Table);
        let (table, offset) = match self.entry(key) {
            Some((_, value)) => match value.get_ref() {
                DeValue::Table(table) => (Some(table), value.span().start),
                other => {
                    let location = self.location(value.span().start);
                    self.push(
                        location,
                        key,
                        format!("is a {}, but must be a table [{}]", other.type_str(), self.name(key)),
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
            known: Vec::new(),
            has_variables: self.has_variables,
        }
    }

    /// Returns the tables `[[key]]` in the order of the file.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'s>> {
        self.note(key, || Form::Tables);
        let Some((_, value)) = self.entry(key) else {
            return if self.is_described() { vec![self.described(key)] } else { Vec::new() };
        };
        let DeValue::Array(array) = value.get_ref() else {
            let location = self.location(value.span().start);
            self.push(location, key, format!("must be written as [[{}]]", self.name(key)));
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
                    known: Vec::new(),
                    has_variables: false,
                });
            } else {
                let location = self.location(item.span().start);
                self.push(location, key, format!("must be written as [[{}]]", self.name(key)));
            }
        }
        sections
    }

    /// The table that stands for the tables `[[key]]` where they are described.
    fn described(&self, key: &str) -> Section<'s> {
        let path = format!("{}[]", self.name(key));
        Section { context: self.context, path, table: None, offset: 0, known: Vec::new(), has_variables: false }
    }

    /// Notes the value of a key, so that a change is seen.
    fn read<T: Value>(&self, key: &str, value: T) -> T {
        self.note_content(key, value.shown().to_string().as_bytes());
        value
    }

    /// Notes the content of a file or variable that the value of a key names.
    pub(super) fn note_content(&self, key: &str, content: &[u8]) {
        self.context.reads.borrow_mut().add(self.name(key), content);
    }

    /// The path of this table, with the number of each list's table.
    pub(super) fn path(&self) -> String {
        self.path.clone()
    }

    /// Refuses a key that must not be given.
    pub(super) fn refuse(&mut self, key: &'static str, why: impl Into<String>) {
        self.known.push(key);
        if self.variable(key).is_some() || self.has(key) {
            self.fault(key, why);
        }
    }

    /// Whether the file has `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Returns the value of an environment variable that the configuration names.
    pub(super) fn secret_variable(&self, name: &str) -> Option<String> {
        let text = self.context.environment.get(name)?.clone();
        self.context.used_variables.borrow_mut().push(name.to_owned());
        Some(text)
    }

    /// The number of faults so far. If it has grown since a value was read, a fault that
    /// only follows from that value is not worth a message of its own.
    pub(super) fn fault_count(&self) -> usize {
        self.context.faults.borrow().len()
    }

    /// Adds a fault of `key` found by the caller.
    pub(super) fn fault(&self, key: &str, message: impl Into<String>) {
        let offset = self.entry(key).map_or(self.offset, |(_, value)| value.span().start);
        self.push(self.location(offset), key, message.into());
    }

    /// Adds a fault for every unknown key.
    pub(super) fn finish(self) {
        let Some(table) = self.table else { return };
        for (key, value) in table {
            let name: &str = key.get_ref();
            if !self.known.contains(&name) {
                let message = match nearest(name, &self.known) {
                    Some(known) => format!("unknown key; did you mean '{known}'?"),
                    None => format!("unknown key; the keys of this table are {}", self.known.join(", ")),
                };
                self.push(self.location(value.span().start), name, message);
            }
        }
    }

    fn note(&mut self, key: &'static str, form: impl FnOnce() -> Form) {
        self.known.push(key);
        if let Some(keys) = &self.context.keys {
            keys.borrow_mut().add(&self.path, key, form());
        }
    }

    /// Changes the description of a key that was just read.
    fn amend(&self, name: &str, change: impl FnOnce(&mut Key)) {
        if let Some(keys) = &self.context.keys
            && let Some(key) = keys.borrow_mut().find(&self.path, name)
        {
            change(key);
        }
    }

    fn is_described(&self) -> bool {
        self.context.keys.is_some()
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

    fn location(&self, offset: usize) -> String {
        format!("{}:{}", self.context.file, self.context.line_at(offset))
    }

    fn push(&self, location: String, key: &str, message: String) {
        self.context.faults.borrow_mut().push(Fault { location, key: self.name(key), message });
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

/// Returns the known key that is most similar to `name`.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    const DISTANCE_MAX: usize = 3;
    known
        .iter()
        .map(|candidate| (strsim::levenshtein(name, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= DISTANCE_MAX && *distance < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}
