//! The fields of one JSON object; names are case-insensitive.

use crate::reading::UnixNanos;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use uuid::Uuid;

/// JSON that violates the API's description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not JSON; with the parser's error.
    #[error("not valid JSON ({0})")]
    Json(String),
    /// Another kind of value than expected.
    #[error("the answer is not {0}")]
    Kind(&'static str),
    /// A required field is missing.
    #[error("the field {0} is missing or cannot be read")]
    Missing(&'static str),
}

/// One object. Callers pass names in lower case.
#[derive(Debug)]
pub struct Fields(HashMap<String, Value>);

impl Fields {
    /// The fields of an object.
    ///
    /// # Errors
    /// When the value is not an object.
    pub fn of(value: Value) -> Result<Self, ReadError> {
        let Value::Object(object) = value else { return Err(ReadError::Kind("an object")) };
        let present = object.into_iter().filter(|(_, value)| !value.is_null());
        Ok(Self(present.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()))
    }

    /// The objects of a list; an item that is null is left out.
    ///
    /// # Errors
    /// When the text is not a JSON list of objects.
    pub fn list(bytes: &[u8]) -> Result<Vec<Self>, ReadError> {
        match serde_json::from_slice(bytes).map_err(|error| ReadError::Json(error.to_string()))? {
            Value::Array(items) => Self::items(items),
            _ => Err(ReadError::Kind("a list")),
        }
    }

    /// The same, each with its text.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn entries(bytes: &[u8]) -> Result<Vec<(Self, &str)>, ReadError> {
        let fields = Self::list(bytes)?;
        let texts: Vec<&RawValue> =
            serde_json::from_slice(bytes).map_err(|error| ReadError::Json(error.to_string()))?;
        Ok(fields.into_iter().zip(texts.into_iter().map(RawValue::get).filter(|text| *text != "null")).collect())
    }

    fn items(items: Vec<Value>) -> Result<Vec<Self>, ReadError> {
        items.into_iter().filter(|item| !item.is_null()).map(Self::of).collect()
    }

    /// The objects of a list, or a single object.
    ///
    /// # Errors
    /// When the text is neither in JSON.
    pub fn one_or_many(bytes: &[u8]) -> Result<Vec<Self>, ReadError> {
        match serde_json::from_slice(bytes).map_err(|error| ReadError::Json(error.to_string()))? {
            Value::Array(items) => Self::items(items),
            one => Ok(vec![Self::of(one)?]),
        }
    }

    /// The objects of a list in a field; empty if there is no list.
    pub fn objects(&mut self, name: &str) -> impl Iterator<Item = Self> + use<> {
        let items = match self.0.remove(name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        items.into_iter().filter_map(|item| Self::of(item).ok())
    }

    /// Whether the field is present; null counts as absent.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    /// A number; 1 and 0 for true and false.
    pub fn number_or_switch(&self, name: &str) -> Option<f64> {
        match self.0.get(name)? {
            Value::Bool(is_on) => Some(f64::from(u8::from(*is_on))),
            other => other.as_f64(),
        }
    }

    /// A time. One without an offset is UTC, as the vendor documents for all its times.
    pub fn time(&self, name: &str) -> Option<UnixNanos> {
        let text = self.text(name)?;
        let with_offset = text.parse::<jiff::Timestamp>().ok();
        let without = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        let time = with_offset.or_else(|| without().map(|zoned| zoned.timestamp()))?;
        i64::try_from(time.as_nanosecond()).ok().map(UnixNanos)
    }

    /// A string that is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// A string that is not empty, or a whole number as text: serial numbers and ids come as
    /// either.
    pub fn text_or_integer(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned).or_else(|| self.integer(name).map(|number| number.to_string()))
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }

    /// A member of an enumeration: its number, or the number of its name.
    pub fn enumeration(&self, name: &str, number_of: impl Fn(&str) -> Option<i64>) -> Option<i64> {
        match self.0.get(name)? {
            Value::String(text) => number_of(text),
            other => other.as_i64(),
        }
    }

    /// A UUID that is not nil.
    pub fn uuid(&self, name: &str) -> Option<Uuid> {
        self.text(name)?.parse().ok().filter(|id: &Uuid| !id.is_nil())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_in_a_list_costs_only_that_item() {
        for list in [Fields::list, Fields::one_or_many] {
            let items = list(br#"[{"Id":1},null,{"Id":2}]"#).unwrap();
            assert_eq!(items.iter().map(|item| item.integer("id")).collect::<Vec<_>>(), [Some(1), Some(2)]);
            assert_eq!(list(br#"[{"Id":1},"two"]"#).unwrap_err(), ReadError::Kind("an object"));
        }
        let entries = Fields::entries(b"[ {\"Id\": 1} , null,{\"Id\":2.50}]").unwrap();
        assert_eq!(entries.iter().map(|(_, text)| *text).collect::<Vec<_>>(), ["{\"Id\": 1}", "{\"Id\":2.50}"]);
        assert_eq!(entries[0].0.integer("id"), Some(1));
    }
}
