//! The work for a message: records of its readings with the message itself, or of the message alone, and
//! the context to keep before.

use super::super::keeping::NewContext;
use super::super::queue::Work;
use super::super::routes::{Context, Found, Message, Readings, Router, Unreadable};
use super::super::unknown::pattern;
use super::Mqtt;
use crate::contexts::CONTEXT_BYTES_MAX;
use crate::reading::Sample;
use crate::source::inlet::Prepared;
use crate::wire::batch::{Original, encode};

/// The media type of all messages.
const CONTENT_TYPE: &str = "application/json";

impl Mqtt {
    pub(super) fn prepare(&mut self, message: &Message<'_>) -> Work {
        let now = self.clock.monotonic();
        match self.router.take(message, &mut self.inlet, now) {
            Found::Readings(readings) => self.prepare_readings(readings, message.payload),
            Found::Texts(texts) => self.prepare_texts(*texts, message.payload),
            Found::Thinned => Work::default(),
            Found::Configured { configuration, filter } => {
                let (context, _) = self.context(&configuration);
                Work { context, filter, ..self.leave_out("ignored") }
            }
            Found::LeftOut(reason) => self.leave_out(reason),
            Found::Unreadable(unreadable) => self.prepare_unreadable(unreadable, message.payload),
            Found::Unknown => {
                let is_due = self.unknown.count(message.topic, now);
                let left_out = self.leave_out("unknown");
                if !is_due || self.broker.inspect.is_empty() {
                    return left_out;
                }
                let (bytes, origin) = (&*Router::without_secrets(message), &*pattern(message.topic));
                let original = Original { bytes, content_type: CONTENT_TYPE, origin, ..Original::default() };
                Work { records: vec![without_readings(&original)], ..left_out }
            }
        }
    }

    /// Keeps a message of an own device that cannot be read: a later decoder may read it.
    pub(super) fn prepare_unreadable(&mut self, Unreadable { why, message }: Unreadable, payload: &[u8]) -> Work {
        self.counters.left_out("unreadable");
        self.last_error = Some(why);
        let (context, version) = self.context(&message);
        work(context, self.inlet.prepare_unreadable(&message.decoded, &original(&message, payload, &version)))
    }

    /// Keeps a message of texts alone: a later decoder may find readings in it.
    fn prepare_texts(&mut self, texts: Readings, payload: &[u8]) -> Work {
        self.counters.left_out("texts");
        let (context, version) = self.context(&texts);
        let records = vec![without_readings(&original(&texts, payload, &version))];
        Work { context, records, ..Work::default() }
    }

    pub(super) fn prepare_readings(&mut self, readings: Readings, payload: &[u8]) -> Work {
        let (context, version) = self.context(&readings);
        let original = original(&readings, payload, &version);
        let prepared = self.inlet.prepare(&readings.decoded, readings.thinning, &original);
        self.last = Some(readings.decoded);
        work(context, prepared)
    }

    /// The context to keep before a message, and the version that it names. One that is too large is named and
    /// not kept: the message must not be decoded again by another one.
    fn context(&mut self, readings: &Readings) -> (Option<NewContext>, String) {
        let bytes = match &readings.context {
            Context::Kept(version) => return (None, version.clone()),
            Context::New(bytes) => bytes,
        };
        let version = readings.context.version();
        if bytes.len() > CONTEXT_BYTES_MAX {
            self.last_error = Some(format!("a configuration of more than {CONTEXT_BYTES_MAX} bytes is not kept"));
            return (None, version);
        }
        let context = NewContext {
            device: readings.device.clone(),
            version: version.clone(),
            origin: readings.origin.clone(),
            format: readings.format,
            bytes: bytes.clone(),
        };
        (Some(context), version)
    }

    pub(super) fn leave_out(&self, reason: &'static str) -> Work {
        self.counters.left_out(reason);
        Work::default()
    }
}

/// The original message of readings.
fn original<'a>(readings: &'a Readings, payload: &'a [u8], context: &'a str) -> Original<'a> {
    Original {
        bytes: readings.original.as_deref().unwrap_or(payload),
        content_type: CONTENT_TYPE,
        origin: &readings.origin,
        format: readings.format,
        device: &readings.device,
        context,
        ..Original::default()
    }
}

fn work(context: Option<NewContext>, Prepared { records, readings }: Prepared) -> Work {
    Work { context, records, readings, filter: None }
}

/// A record that holds a message without readings.
fn without_readings(original: &Original<'_>) -> Vec<u8> {
    encode::<[Sample; 0]>([], original)
}
