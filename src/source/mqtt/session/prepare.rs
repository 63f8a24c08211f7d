//! The records of a message: its readings with the message itself, or the message alone.
//!
//! Invariant: a context is kept before a record names it, if that is possible.

#[cfg(feature = "test-faults")]
use super::super::queue::DIES_AT;
use super::super::routes::{Context, Followed, Found, Message, Readings, Router, Unreadable};
use super::super::unknown::pattern;
use super::Mqtt;
use crate::reading::Sample;
use crate::source::SourceError;
use crate::source::inlet::Prepared;
use crate::wire::batch::{Original, encode};
use rumqttc::QoS;

/// The media type of all messages.
const CONTENT_TYPE: &str = "application/json";

impl Mqtt {
    pub(super) async fn prepare(&mut self, message: &Message<'_>) -> Prepared {
        let now = self.clock.monotonic();
        match self.router.take(message, &mut self.inlet, now) {
            Found::Readings(readings) => self.prepare_readings(readings, message.payload).await,
            Found::Texts(texts) => self.prepare_texts(*texts, message.payload).await,
            Found::Thinned => Prepared::default(),
            Found::Followed(followed) => {
                self.follow_one(followed).await;
                self.leave_out("ignored")
            }
            Found::LeftOut(reason) => self.leave_out(reason),
            Found::Unreadable(unreadable) => self.prepare_unreadable(unreadable, message.payload).await,
            Found::Unknown => {
                let is_due = self.unknown.count(message.topic, now);
                let left_out = self.leave_out("unknown");
                if !is_due || self.broker.inspect.is_empty() {
                    return left_out;
                }
                let (bytes, origin) = (&*Router::without_secrets(message), &*pattern(message.topic));
                without_readings(&Original { bytes, content_type: CONTENT_TYPE, origin, ..Original::default() })
            }
        }
    }

    /// Subscribes to the values of devices whose configuration can be kept. The others are tried again.
    pub(super) async fn follow(&mut self) {
        for followed in std::mem::take(&mut self.followed) {
            self.follow_one(followed).await;
        }
    }

    async fn follow_one(&mut self, followed: Followed) {
        match self.keep_context(&followed.configuration).await {
            Ok(_) => self.subscriptions.want([(followed.filter.expose().to_owned(), QoS::AtLeastOnce)]),
            Err(error) => {
                self.last_error = Some(error.to_string());
                self.followed.push(followed);
            }
        }
    }

    /// Keeps a message of an own device that cannot be read: a later decoder may read it.
    pub(super) async fn prepare_unreadable(
        &mut self,
        Unreadable { why, message }: Unreadable,
        payload: &[u8],
    ) -> Prepared {
        self.counters.left_out("unreadable");
        self.last_error = Some(why);
        let context = self.context(&message).await;
        self.inlet.prepare_unreadable(&message.decoded, &original(&message, payload, &context))
    }

    /// Keeps a message of texts alone: a later decoder may find readings in it.
    async fn prepare_texts(&mut self, texts: Readings, payload: &[u8]) -> Prepared {
        self.counters.left_out("texts");
        let context = self.context(&texts).await;
        without_readings(&original(&texts, payload, &context))
    }

    pub(super) async fn prepare_readings(&mut self, readings: Readings, payload: &[u8]) -> Prepared {
        let context = self.context(&readings).await;
        let original = original(&readings, payload, &context);
        let prepared = self.inlet.prepare(&readings.decoded, readings.thinning, &original);
        self.last = Some(readings.decoded);
        prepared
    }

    /// The version of the context of readings, which is kept before them if that is possible.
    async fn context(&mut self, readings: &Readings) -> String {
        let kept = self.keep_context(readings).await;
        // It is tried again with the next message. This one names it nevertheless, because it must
        // not be decoded again by another context.
        kept.unwrap_or_else(|error| {
            self.last_error = Some(error.to_string());
            readings.context.version()
        })
    }

    async fn keep_context(&mut self, readings: &Readings) -> Result<String, SourceError> {
        let Readings { format, device, origin, context, .. } = readings;
        if let Context::New(bytes) = context {
            let content_type = CONTENT_TYPE;
            let original = Original { bytes, content_type, origin, format, device, ..Original::default() };
            #[cfg(feature = "test-faults")]
            crate::faults::die_at(DIES_AT, 4);
            self.router.kept(device, &self.inlet.keep_context(original).await?);
            #[cfg(feature = "test-faults")]
            crate::faults::die_at(DIES_AT, 5);
        }
        Ok(context.version())
    }

    pub(super) fn leave_out(&self, reason: &'static str) -> Prepared {
        self.counters.left_out(reason);
        Prepared::default()
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

/// A record that holds a message without readings.
fn without_readings(original: &Original<'_>) -> Prepared {
    Prepared { records: vec![encode::<[Sample; 0]>([], original)], readings: 0 }
}
