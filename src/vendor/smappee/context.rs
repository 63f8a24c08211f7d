//! The configuration of a location as bytes: its messages, each under the name of its topic, as one JSON
//! object. The journal keeps it, and a later decoder reads the same configuration from it.
//!
//! Invariant: the messages are as sent, so that a later decoder can find more in them.

use super::configuration::Configuration;
use super::topic::{Document, Kind};
use crate::vendor::document::{MessageError, fault, text_of};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

type Messages<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The context with this part of the configuration in place of a former one. An empty context has none.
///
/// # Errors
/// When the context or the message is not JSON.
pub fn with_document(context: &[u8], document: Document, message: &[u8]) -> Result<Vec<u8>, MessageError> {
    let mut messages = messages(context)?;
    let text = text_of(message)?;
    let message = serde_json::from_str(text).map_err(|error| fault(text, &error, "JSON"))?;
    messages.insert(Kind::Configuration(document).name(), message);
    serde_json::to_vec(&messages).map_err(|error| MessageError::Json(error.to_string()))
}

/// The configuration of a context.
///
/// # Errors
/// When the context, or a message in it, cannot be read.
pub(super) fn configuration(context: &[u8]) -> Result<Configuration, MessageError> {
    let mut configuration = Configuration::default();
    for (name, message) in messages(context)? {
        if let Kind::Configuration(document) = Kind::of(&name) {
            configuration.apply(document, message.get().as_bytes())?;
        }
    }
    Ok(configuration)
}

fn messages(context: &[u8]) -> Result<Messages<'_>, MessageError> {
    if context.is_empty() {
        return Ok(Messages::new());
    }
    let text = text_of(context)?;
    serde_json::from_str(text).map_err(|error| fault(text, &error, "an object of messages"))
}
