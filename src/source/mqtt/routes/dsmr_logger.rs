//! DSMR-loggers: one message per field, at QoS 0.
//!
//! The fields of one telegram come as a burst without a common time, so they are collected and read as one
//! document. Invariant: a burst is bounded; it ends with a repeated field, or with a pause.

use super::message::{Found, Message, Readings, Unreadable};
use crate::reading::{MeterId, UnixNanos};
use crate::source::Decoded;
use crate::source::p1::UNNAMED;
use crate::source::parts::Parts;
use crate::vendor::dsmr_logger::{Document, Identity, VENDOR, field_of_message};
use serde_json::Value;
use serde_json::value::RawValue;

/// A burst that paused for this long is complete, in nanoseconds.
const PAUSE_NS: i64 = 2_000_000_000;
/// Fields of a burst. The largest document of a logger has 60.
const FIELDS_MAX: usize = 128;
/// Largest field. The longest text of a meter has 2 kB.
const FIELD_BYTES_MAX: usize = 4 << 10;

/// A configured logger.
#[derive(Debug, Clone)]
pub struct Logger {
    /// The topic above its fields.
    pub topic: String,
    /// The native id of its meter while the meter sends none.
    pub name: String,
}

/// A logger and the fields that it sent.
#[derive(Debug)]
pub(super) struct State {
    logger: Logger,
    identity: Identity,
    /// In the order of their receipt, which is the telegram's.
    fields: Vec<(String, Box<RawValue>)>,
    newest: UnixNanos,
}

impl State {
    pub(super) fn new(logger: Logger) -> Self {
        Self { logger, identity: Identity::default(), fields: Vec::new(), newest: UnixNanos(0) }
    }

    /// Takes a field; gives the readings of the burst before it, if it begins a new one.
    pub(super) fn take(&mut self, field: &str, message: &Message<'_>) -> Found {
        if message.is_retained {
            return Found::LeftOut("retained");
        }
        let value = field_of_message(field, message.payload).filter(|_| message.payload.len() <= FIELD_BYTES_MAX);
        let Some(value) = value else {
            let why = format!("the field {field} is not a value of at most {FIELD_BYTES_MAX} bytes");
            return Found::Unreadable(Unreadable::new(why, Readings::new(Decoded::default(), message.topic)));
        };
        let is_repeated = self.fields.iter().any(|(known, _)| known == field);
        let complete = if is_repeated || self.fields.len() >= FIELDS_MAX { self.readings() } else { None };
        self.fields.push((field.to_owned(), value));
        self.newest = message.received;
        match complete {
            None => Found::LeftOut("collected"),
            Some(Ok(readings)) => Found::Readings(readings),
            Some(Err(why)) => Found::Unreadable(why),
        }
    }

    /// The readings of a burst that is complete at this time.
    pub(super) fn due(&mut self, now: UnixNanos) -> Option<Result<Readings, Unreadable>> {
        if now.since(self.newest) < PAUSE_NS { None } else { self.readings() }
    }

    fn readings(&mut self) -> Option<Result<Readings, Unreadable>> {
        if self.fields.is_empty() {
            return None;
        }
        let member = |(name, value): (String, Box<RawValue>)| format!("{}:{}", Value::from(name), value.get());
        let members: Vec<String> = std::mem::take(&mut self.fields).into_iter().map(member).collect();
        let text = format!("{{{}}}", members.join(","));
        let document = match Document::read(text.as_bytes(), &self.identity) {
            Ok(document) => document,
            Err(error) => {
                let burst = Readings::new(Decoded::default(), &self.logger.topic);
                let burst = Readings { original: Some(text.into_bytes()), ..burst };
                return Some(Err(Unreadable::new(error.to_string(), burst)));
            }
        };
        self.identity = document.identity().clone();
        // A burst without fields of a meter, such as a name alone.
        let at = document.at()?;
        let is_known = self.identity.equipment_id.is_some() || self.identity.identification.is_some();
        let mut parts = Parts::with_events(self.newest, at);
        document.visit(|part| {
            parts.add(part, |channel| {
                if is_known {
                    MeterId::named(VENDOR, &document.native_id(channel))
                } else {
                    MeterId::of_channel(UNNAMED, &self.logger.name, channel)
                }
            });
        });
        let readings = Readings::new(parts.into_decoded(), &self.logger.topic);
        Some(Ok(Readings { original: Some(text.into_bytes()), ..readings }))
    }
}
