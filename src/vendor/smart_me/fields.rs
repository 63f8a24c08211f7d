//! The fields of one JSON object, by name whatever the case of its letters.

use crate::reading::UnixNanos;
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// JSON that is not what the API's description says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No JSON at all; with where.
    #[error("it is no JSON ({0})")]
    Json(String),
    /// Another kind of value than wanted.
    #[error("{0} is wanted and something else is there")]
    Kind(&'static str),
    /// A field without which the rest means nothing.
    #[error("the field {0} is missing or cannot be read")]
    Missing(&'static str),
}

/// One object. Names are asked for in small letters.
#[derive(Debug)]
pub struct Fields(HashMap<String, Value>);

impl Fields {
    /// The fields of an object.
    ///
    /// # Errors
    /// When it is another kind of value.
    pub fn of(value: Value) -> Result<Self, ReadError> {
        let Value::Object(object) = value else { return Err(ReadError::Kind("an object")) };
        let present = object.into_iter().filter(|(_, value)| !value.is_null());
        Ok(Self(present.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()))
    }

    /// The objects of a list.
    ///
    /// # Errors
    /// When it is no JSON, no list, or a list of something else.
    pub fn list(bytes: &[u8]) -> Result<Vec<Self>, ReadError> {
        match serde_json::from_slice(bytes).map_err(|error| ReadError::Json(error.to_string()))? {
            Value::Array(items) => items.into_iter().map(Self::of).collect(),
            _ => Err(ReadError::Kind("a list")),
        }
    }

    /// The objects of a list, or one object alone.
    ///
    /// # Errors
    /// When it is no JSON, or neither.
    pub fn one_or_many(bytes: &[u8]) -> Result<Vec<Self>, ReadError> {
        match serde_json::from_slice(bytes).map_err(|error| ReadError::Json(error.to_string()))? {
            Value::Array(items) => items.into_iter().map(Self::of).collect(),
            one => Ok(vec![Self::of(one)?]),
        }
    }

    /// The objects of a list in a field; none where there is no list.
    pub fn objects(&mut self, name: &str) -> impl Iterator<Item = Self> + use<> {
        let items = match self.0.remove(name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        items.into_iter().filter_map(|item| Self::of(item).ok())
    }

    /// A number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    /// A number; 1 and 0 for what is or is not.
    #[must_use]
    pub fn number_or_switch(&self, name: &str) -> Option<f64> {
        match self.0.get(name)? {
            Value::Bool(is_on) => Some(f64::from(u8::from(*is_on))),
            other => other.as_f64(),
        }
    }

    /// A time; one without an offset is UTC, as the vendor says of all its times.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<UnixNanos> {
        let text = self.text(name)?;
        let with_offset = text.parse::<jiff::Timestamp>().ok();
        let without = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        let time = with_offset.or_else(|| without().map(|zoned| zoned.timestamp()))?;
        i64::try_from(time.as_nanosecond()).ok().map(UnixNanos)
    }

    /// A text that is not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// A whole number.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }

    /// An id that is not the empty one.
    #[must_use]
    pub fn uuid(&self, name: &str) -> Option<Uuid> {
        self.text(name)?.parse().ok().filter(|id: &Uuid| !id.is_nil())
    }
}
