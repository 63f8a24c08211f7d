//! Readings to such a body, by prost's types.

use crate::proto::v1;
use crate::reading::{Flags, MeterId, Sample, UnixNanos};
use prost::Message as _;

/// The message that readings came in, secrets removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Original<'a> {
    /// Its bytes; empty where they are not kept.
    pub bytes: &'a [u8],
    /// Its media type.
    pub content_type: &'a str,
    /// Where it came from within the source: a topic, a request's path.
    pub origin: &'a str,
}

/// The body of readings and what they came in: meter, time, what is unusual, values
/// in base units.
pub fn encode<V: AsRef<[Sample]>>(
    readings: impl IntoIterator<Item = (MeterId, UnixNanos, Flags, V)>,
    original: Original<'_>,
) -> Vec<u8> {
    let readings = readings.into_iter().map(|(meter, at, flags, values)| v1::Reading {
        meter: meter.as_bytes().to_vec(),
        time_ns: at.0,
        flags: u32::from(flags.bits()),
        values: values.as_ref().iter().map(value).collect(),
        ..v1::Reading::default()
    });
    let batch = v1::ReadingBatch {
        readings: readings.collect(),
        raw: original.bytes.to_vec(),
        raw_content_type: original.content_type.to_owned(),
        raw_origin: original.origin.to_owned(),
    };
    batch.encode_to_vec()
}

fn value(sample: &Sample) -> v1::Value {
    v1::Value { obis: sample.obis.0.to_vec(), value: sample.value }
}
