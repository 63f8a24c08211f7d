//! The fields of one JSON object, by name whatever the case of its letters.

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
