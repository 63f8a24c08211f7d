//! The shapes of a logger's documents, found by their content: to names and values.

use crate::vendor::document::{Members, MessageError, Scalar, elements};
use std::borrow::Cow;

/// Names and values of a document, in their order. Absent ones are left out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape<'a> {
    pub(super) fields: Vec<(Cow<'a, str>, Scalar<'a>)>,
    /// Elements without a name.
    pub(super) others: Vec<&'a str>,
    /// Whether it is the flat form, which prints negative whole numbers as unsigned.
    pub(super) is_flat: bool,
    /// Whether a member with a known name holds the fields.
    pub(super) has_container: bool,
}

/// The members that hold the fields.
const CONTAINERS: [&str; 4] = ["actual", "info", "fields", "devinfo"];

impl<'a> Shape<'a> {
    /// Reads a document.
    ///
    /// # Errors
    /// When it is not JSON, a web page, an error of the logger, or has no fields.
    pub(super) fn read(text: &'a str) -> Result<Self, MessageError> {
        let members = Members::read(text)?;
        if let Some(error) = members.get("error") {
            return Err(MessageError::device(&error.text()));
        }
        let content = content(&members);
        let has_container = content.is_some();
        let mut shape = match content {
            Some(text) if text.starts_with('[') => Self::of_pairs(text)?,
            Some(text) => Self::of(Members::read(text)?),
            None => Self::of(members),
        };
        shape.has_container = has_container;
        shape.fields.retain(|(_, value)| !is_absent(value));
        if shape.fields.is_empty() && shape.others.is_empty() {
            return Err(MessageError::Shape("a document with fields"));
        }
        Ok(shape)
    }

    /// `[{"name", "value", "unit"}]`.
    fn of_pairs(text: &'a str) -> Result<Self, MessageError> {
        let mut shape = Self { fields: Vec::new(), others: Vec::new(), is_flat: false, has_container: false };
        for element in elements(text)? {
            let members = Members::read(element.get()).ok();
            let name = members.as_ref().and_then(|members| Some(members.get("name")?.text()));
            match (name, members) {
                (Some(name), Some(members)) => {
                    shape.fields.push((name, members.get("value").cloned().unwrap_or(Scalar::Absent)));
                }
                _ => shape.others.push(element.get()),
            }
        }
        Ok(shape)
    }

    /// Members with a value each, or with an object of value and unit each. A message of MQTT has the object in a
    /// list.
    fn of(members: Members<'a>) -> Self {
        let is_flat = !members.0.iter().any(|(_, value)| matches!(value, Scalar::Nested(_)));
        let fields = members.0.into_iter().map(|(name, value)| {
            let inner = match &value {
                Scalar::Nested(text) => value_in(text),
                _ => None,
            };
            (name, inner.unwrap_or(value))
        });
        Self { fields: fields.collect(), others: Vec::new(), is_flat, has_container: false }
    }

    /// The value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&Scalar<'a>> {
        self.fields.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// The value in an object, or in a list of one object.
fn value_in(text: &str) -> Option<Scalar<'_>> {
    let object = match elements(text).as_deref() {
        Ok([one]) => one.get(),
        _ => text,
    };
    Members::read(object).ok()?.get("value").cloned()
}

fn content<'a>(members: &Members<'a>) -> Option<&'a str> {
    CONTAINERS.iter().find_map(|name| match members.get(name) {
        Some(Scalar::Nested(text)) => Some(*text),
        _ => None,
    })
}

fn is_absent(value: &Scalar<'_>) -> bool {
    match value {
        Scalar::Absent => true,
        Scalar::Text(text) => matches!(text.trim(), "" | "-"),
        _ => false,
    }
}

/// The document without the comma of `{ ,`, a fault of some builds of v0. `None` if it has none.
pub(super) fn without_first_comma(text: &str) -> Option<String> {
    let rest = text.trim_start().strip_prefix('{')?.trim_start().strip_prefix(',')?;
    Some(format!("{{{rest}"))
}
