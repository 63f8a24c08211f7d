//! The keys of the configuration, as the code that reads them describes them. The schema and
//! the reference are made from this list, so that they cannot differ from the code.

use serde_json::Value as Json;

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Path,
    Address,
    Switch,
    Number,
    WholeNumber,
    Size,
    TimeSpan,
    Texts,
    /// A size or this word.
    SizeOr(&'static str),
    /// A time span or this word.
    TimeSpanOr(&'static str),
}

impl Kind {
    /// The same or this word.
    pub(super) const fn or(self, word: &'static str) -> Self {
        match self {
            Self::Size => Self::SizeOr(word),
            _ => Self::TimeSpanOr(word),
        }
    }
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    /// A table.
    Table,
    /// Any number of tables.
    Tables,
    /// A value of this kind.
    Value(Kind),
    /// One of these words.
    Choice(Vec<String>),
    /// A whole number within these bounds.
    Range(usize, usize),
}

/// A key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    /// The path of its table; `[]` follows the name of a list of tables.
    pub(super) table: String,
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) is_required: bool,
    /// The default, if the code has one that no other value decides.
    pub(super) default: Option<Json>,
}

impl Key {
    /// The path of the table that this key holds.
    pub(super) fn inner(&self) -> String {
        let list = if self.form == Form::Tables { "[]" } else { "" };
        match self.table.as_str() {
            "" => format!("{}{list}", self.name),
            table => format!("{table}.{}{list}", self.name),
        }
    }
}

/// A collection of keys in the order in which they are read.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Key>);

impl Keys {
    /// Adds a key, unless it is known already.
    pub(super) fn add(&mut self, table: &str, name: &'static str, form: Form) {
        if self.find(table, name).is_none() {
            self.0.push(Key { table: table.to_owned(), name, form, is_required: false, default: None });
        }
    }

    pub(super) fn find(&mut self, table: &str, name: &str) -> Option<&mut Key> {
        self.0.iter_mut().find(|key| key.table == table && key.name == name)
    }

    pub(super) fn into_list(self) -> Vec<Key> {
        self.0
    }
}
