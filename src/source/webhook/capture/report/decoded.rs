//! A captured post's body, decoded as the service does, and how it was written.

use super::super::post::Post;
use crate::reading::{MeterId, Obis, UnixNanos};
use crate::source::webhook::inflate::{Encoding, InflateError};
use crate::wire::smart_me::{self, TimeForm};
use crate::wire::{self, PayloadFormat};
use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, HeaderValue};
use std::collections::BTreeMap;

/// Bytes of a body after inflation that are looked at.
const INFLATED_BYTES_MAX: usize = 64 << 20;
const QUARTER_HOUR_NS: i64 = 900 * 1_000_000_000;
/// Names of the scales and their units in nanoseconds, by their numbers.
const SCALES: [(&str, i64); 6] = [
    ("DAYS", 86_400_000_000_000),
    ("HOURS", 3_600_000_000_000),
    ("MINUTES", 60_000_000_000),
    ("SECONDS", 1_000_000_000),
    ("MILLISECONDS", 1_000_000),
    ("TICKS", 100),
];

/// What is in a post's body.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) readings: Vec<Reading>,
    /// Fields that the description does not have: message, number, how often.
    pub(super) unknown: BTreeMap<(&'static str, u32), u64>,
    /// Why nothing is known of it.
    pub(super) fault: Option<String>,
}

/// A reading, as far as it is looked at.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) received_ns: i64,
    pub(super) meter: Option<MeterId>,
    pub(super) at: Option<UnixNanos>,
    pub(super) time: TimeForm,
    pub(super) values: Vec<(Obis, f64)>,
}

/// What is in a post's body; nothing where there is none.
pub(super) fn decode(post: &Post) -> Body {
    let Some(body) = &post.body else { return Body::default() };
    let read = inflate(post, body).and_then(|body| read(post, &body).map_err(|error| error.kind.to_string()));
    read.unwrap_or_else(|fault| Body { fault: Some(fault), ..Body::default() })
}

fn inflate(post: &Post, body: &[u8]) -> Result<Vec<u8>, String> {
    let mut headers = HeaderMap::new();
    for (_, value) in post.headers.iter().filter(|(name, _)| name == CONTENT_ENCODING.as_str()) {
        headers.append(CONTENT_ENCODING, HeaderValue::from_str(value).map_err(|error| error.to_string())?);
    }
    let encoding = Encoding::of(&headers).map_err(|_| "its compression is unknown here".to_owned())?;
    // As the service has it: a body of nothing is nothing, whatever its head says.
    if body.is_empty() {
        return Ok(Vec::new());
    }
    encoding.inflate(body, INFLATED_BYTES_MAX).map_err(|error| match error {
        InflateError::TooLarge => "it is too large after inflation".to_owned(),
        InflateError::Broken(why) => why.to_owned(),
    })
}

fn read(post: &Post, body: &[u8]) -> Result<Body, wire::DecodeError> {
    let form = smart_me::form(body)?;
    let readings = wire::readings(PayloadFormat::SmartMe, body)?;
    let reading = |(reading, time): (wire::Reading<'_>, TimeForm)| Reading {
        received_ns: post.received_ns,
        meter: reading.meter.ok(),
        at: reading.at.ok(),
        time,
        values: reading.values.filter_map(Result::ok).map(|sample| (sample.obis, sample.value)).collect(),
    };
    Ok(Body { readings: readings.zip(form.times).map(reading).collect(), unknown: form.unknown, fault: None })
}

impl Reading {
    pub(super) fn is_at_quarter_hour(&self) -> bool {
        self.at.is_some_and(|at| at.0.rem_euclid(QUARTER_HOUR_NS) == 0)
    }

    /// Whether its scale is the coarsest that is exact, where it has a time.
    pub(super) fn is_coarsest(&self) -> Option<bool> {
        let (at, scale) = (self.at?, self.time.scale?);
        let coarsest = (0..).zip(SCALES).find(|(_, (_, unit))| at.0.rem_euclid(*unit) == 0);
        Some(coarsest.is_some_and(|(number, _)| number == scale))
    }

    /// From measured to received.
    pub(super) fn delay_ms(&self) -> Option<i64> {
        Some(self.received_ns.saturating_sub(self.at?.0) / 1_000_000)
    }
}

impl Post {
    /// The first value of a header; empty without one.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

pub(super) fn scale_name(scale: u64) -> String {
    let known = usize::try_from(scale).ok().and_then(|scale| SCALES.get(scale));
    match (known, scale) {
        (Some((name, _)), _) => (*name).to_owned(),
        (None, 15) => "MINMAX".to_owned(),
        (None, scale) => scale.to_string(),
    }
}

pub(super) fn kind_name(kind: Option<u64>) -> String {
    match kind {
        None => "none written".to_owned(),
        Some(0) => "UNSPECIFIED".to_owned(),
        Some(1) => "UTC".to_owned(),
        Some(2) => "LOCAL".to_owned(),
        Some(kind) => kind.to_string(),
    }
}
