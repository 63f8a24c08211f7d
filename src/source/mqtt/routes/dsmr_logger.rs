//! DSMR-loggers: one message per field, at QoS 0.
//!
//! The fields of one telegram come as a burst without a common time, so they are collected and read as one
//! document, whose context is the identity by earlier bursts. Invariant: a burst is bounded; it ends with a repeated
//! field, or with a pause.

use super::message::{Context, Found, Message, Readings, Unreadable};
use crate::contexts::version_of;
use crate::reading::UnixNanos;
use crate::source::Decoded;
pub(super) use crate::source::dsmr_logger::{FORMAT, decode_again};
use crate::source::dsmr_logger::{MeterOptions, decoded};
use crate::vendor::dsmr_logger::{Document, Identity, field_of_message};
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
    /// The user's knowledge of its meter.
    pub meter: MeterOptions,
}

/// A logger and the fields that it sent.
#[derive(Debug)]
pub(super) struct State {
    logger: Logger,
    identity: Identity,
    /// The version of the kept identity.
    version: Option<String>,
    /// In the order of their receipt, which is the telegram's.
    fields: Vec<(String, Box<RawValue>)>,
    newest: UnixNanos,
}

impl State {
    pub(super) fn new(logger: Logger) -> Self {
        Self {
            logger,
            identity: Identity::default(),
            version: Some(String::new()),
            fields: Vec::new(),
            newest: UnixNanos(0),
        }
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
            Err(error) => return Some(Err(Unreadable::new(error.to_string(), self.burst(Decoded::default(), text)))),
        };
        if *document.identity() != self.identity {
            (self.identity, self.version) = (document.identity().clone(), None);
        }
        // A burst without fields of a meter, such as a name alone.
        document.at()?;
        Some(Ok(self.burst(decoded(&document, &self.logger.meter, self.newest), text)))
    }

    /// A burst with the identity by which it is read.
    fn burst(&self, decoded: Decoded, text: String) -> Readings {
        let context = match &self.version {
            Some(version) => Context::Kept(version.clone()),
            None => Context::New(self.identity.document().into_bytes().into()),
        };
        let (device, original) = (self.logger.topic.clone(), Some(text.into_bytes()));
        Readings { format: FORMAT, device, context, original, ..Readings::new(decoded, &self.logger.topic) }
    }

    /// An identity was kept as this version.
    pub(super) fn kept(&mut self, version: &str) {
        if version_of(self.identity.document().as_bytes()) == version {
            self.version = Some(version.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::Transformers;

    fn take(state: &mut State, field: &str, payload: &str) -> Found {
        let received = UnixNanos(1_764_000_000_000_000_000);
        state.take(field, &Message { topic: "a/f", payload: payload.as_bytes(), is_retained: false, received })
    }

    #[test]
    fn a_field_that_is_too_long_is_left_out_of_its_burst_and_a_burst_of_too_many_fields_ends() {
        let meter = MeterOptions { name: "street".to_owned(), transformers: Transformers::NONE };
        let mut state = State::new(Logger { topic: "a".to_owned(), meter });
        assert!(matches!(take(&mut state, "power_delivered", "0.5"), Found::LeftOut("collected")));
        let longest = "x".repeat(FIELD_BYTES_MAX);
        assert!(matches!(take(&mut state, "message_short", &longest), Found::LeftOut("collected")));
        assert!(matches!(take(&mut state, "message_long", &format!("{longest}x")), Found::Unreadable(_)));
        for number in 2..FIELDS_MAX {
            assert!(matches!(take(&mut state, &format!("f{number}"), "1"), Found::LeftOut("collected")));
        }
        let Found::Readings(burst) = take(&mut state, "one_more", "1") else { panic!("it goes on") };
        assert_eq!(burst.decoded.values(), 1);
        let text = String::from_utf8(burst.original.unwrap()).unwrap();
        assert!(text.contains(&longest) && !text.contains("message_long"));
    }
}
