//! A reading as it is published: the value of one Kafka record, of any producer that keeps to `meterline.v1`.
//!
//! The first byte tells the forms apart: `{` begins JSON, 0 the frame of a schema registry, and anything else the bare
//! message, which begins with neither. Bare and framed messages become the body of a
//! `ReadingBatch` by a prefix, without a copy of their fields; JSON is read and encoded. Knows no topic.

use super::batch::{Envelope, envelope};
use crate::proto::v1;
use crate::reading::Obis;
use prost::Message as _;
use serde::{Deserialize, Deserializer, de};
use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;
use uuid::Uuid;

/// The first byte of a value with the id of its schema.
const MAGIC: u8 = 0;
/// The magic byte and the id.
const FRAME_BYTES: usize = 5;
/// The list of message indexes that stands for the first message of a `.proto` file.
const FIRST_MESSAGE: u8 = 0;
/// Field 1 of a `ReadingBatch`, with a length.
const READINGS_KEY: u8 = 0x0a;

/// Replaces `body` by a `ReadingBatch` of the one reading in `value`, and returns where the reading comes from.
///
/// # Errors
/// Why the value is none, as a sentence; `body` is then undefined.
pub fn published<'a>(value: &[u8], body: &'a mut Vec<u8>) -> Result<Envelope<'a>, String> {
    body.clear();
    let inner = match value {
        [MAGIC, ..] => value.get(FRAME_BYTES..).ok_or("the frame of a schema registry has no message")?,
        _ => value,
    };
    let prefix = match (inner, value.first()) {
        ([b'{', ..], _) => {
            let object: Reading =
                serde_json::from_slice(inner).map_err(|error| format!("no reading in JSON: {error}"))?;
            let message = object.into_message();
            let prefix = begin(body, message.encoded_len());
            message.encode(body).map_err(|error| error.to_string())?;
            prefix
        }
        ([FIRST_MESSAGE, message @ ..], Some(&MAGIC)) => append(body, message),
        (_, Some(&MAGIC)) => return Err("the frame names another message of the schema than the first".to_owned()),
        (message, _) => append(body, message),
    };
    envelope(body.get(prefix..).unwrap_or_default()).map_err(|error| error.to_string())
}

fn append(body: &mut Vec<u8>, message: &[u8]) -> usize {
    let prefix = begin(body, message.len());
    body.extend_from_slice(message);
    prefix
}

/// Writes key and length of the reading; returns their size.
fn begin(body: &mut Vec<u8>, bytes: usize) -> usize {
    body.push(READINGS_KEY);
    prost::encode_length_delimiter(bytes, body).ok();
    body.len()
}

/// The fields of a reading in JSON, as the Kafka sink writes them; integers of 64 bits are texts.
#[derive(Deserialize)]
struct Reading<'a> {
    meter: Uuid,
    #[serde(deserialize_with = "text")]
    time_ns: i64,
    #[serde(default, deserialize_with = "text")]
    received_ns: i64,
    #[serde(default, borrow)]
    source: Cow<'a, str>,
    #[serde(default)]
    flags: u32,
    #[serde(default)]
    journal: Uuid,
    #[serde(default, deserialize_with = "text")]
    sequence: u64,
    #[serde(default)]
    index: u32,
    #[serde(default)]
    part: u32,
    #[serde(default)]
    decode_revision: u32,
    values: Vec<Value>,
}

#[derive(Deserialize)]
struct Value {
    #[serde(deserialize_with = "text")]
    obis: Obis,
    value: f64,
}

impl Reading<'_> {
    fn into_message(self) -> v1::Reading {
        v1::Reading {
            meter: self.meter.as_bytes().to_vec(),
            time_ns: self.time_ns,
            received_ns: self.received_ns,
            source: self.source.into_owned(),
            flags: self.flags,
            journal: self.journal.as_bytes().to_vec(),
            sequence: self.sequence,
            index: self.index,
            part: self.part,
            decode_revision: self.decode_revision,
            values: self
                .values
                .into_iter()
                .map(|Value { obis, value }| v1::Value { obis: obis.0.to_vec(), value })
                .collect(),
        }
    }
}

fn text<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let text = Cow::<str>::deserialize(from)?;
    text.parse().map_err(|error| de::Error::custom(format!("{text}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{PayloadFormat, readings};
    use proptest::prelude::*;

    fn reading() -> v1::Reading {
        v1::Reading {
            meter: Uuid::from_u128(7).as_bytes().to_vec(),
            time_ns: 1_795_266_900_000_000_100,
            received_ns: 1_795_266_901_000_000_000,
            source: "acme".to_owned(),
            flags: 16,
            journal: Uuid::from_u128(9).as_bytes().to_vec(),
            sequence: 300,
            index: 4,
            part: 1,
            decode_revision: 1,
            values: vec![v1::Value { obis: vec![1, 0, 1, 8, 0, 255], value: 12.5 }],
        }
    }

    /// What every form of [`reading`] means.
    fn assert_is_it(value: &[u8]) {
        let mut body = b"of before".to_vec();
        let found = published(value, &mut body).unwrap();
        assert_eq!((found.source, found.received_ns, found.sequence), ("acme", 1_795_266_901_000_000_000, 300));
        assert_eq!((found.journal, found.index, found.part), (Uuid::from_u128(9), 4, 1));
        let batch = v1::ReadingBatch::decode(body.as_slice()).unwrap();
        assert_eq!(batch, v1::ReadingBatch { readings: vec![reading()], ..v1::ReadingBatch::default() });
        assert_eq!(readings(PayloadFormat::ReadingBatch, &body).unwrap().count(), 1);
    }

    const JSON: &str = r#"{"meter":"00000000-0000-0000-0000-000000000007","time_ns":"1795266900000000100",
        "received_ns":"1795266901000000000","source":"acme","flags":16,"journal":"00000000-0000-0000-0000-000000000009",
        "sequence":"300","index":4,"part":1,"decode_revision":1,"values":[{"obis":"1-0:1.8.0*255","value":12.5}]}"#;

    #[test]
    fn every_form_of_a_value_is_the_same_reading() {
        let bare = reading().encode_to_vec();
        assert_is_it(&bare);
        assert_is_it(&[&[0, 0, 0, 0, 7, 0], bare.as_slice()].concat());
        assert_is_it(JSON.as_bytes());
        assert_is_it(&[&[0, 0, 0, 0, 7], JSON.as_bytes()].concat());
    }

    #[test]
    fn what_is_no_reading_says_why() {
        let why = |value: &[u8]| published(value, &mut Vec::new()).unwrap_err();
        assert!(why(&[0, 0, 0]).contains("has no message"));
        assert!(why(&[0, 0, 0, 0, 7, 2, 2]).contains("another message"));
        assert!(why(b"{\"meter\":1}").contains("no reading in JSON"));
        assert!(why(&JSON.replace("12.5", "null").into_bytes()).contains("no reading in JSON"));
        assert!(why(&[0x0a, 200]).contains("meter"), "{}", why(&[0x0a, 200]));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_each_body_has_one_reading(value: Vec<u8>) {
            let mut body = Vec::new();
            if published(&value, &mut body).is_ok() {
                prop_assert_eq!(readings(PayloadFormat::ReadingBatch, &body).unwrap().count(), 1);
            }
        }

        #[test]
        fn any_message_is_the_one_reading_of_its_body(
            meter: [u8; 16], time_ns: i64, source in "\\PC{0,20}", sequence: u64, values: Vec<(u8, f64)>,
        ) {
            let values = values.into_iter().map(|(code, value)| v1::Value { obis: vec![code; 6], value }).collect();
            let message = v1::Reading { meter: meter.to_vec(), time_ns, source, sequence, values, ..v1::Reading::default() };
            let value = message.encode_to_vec();
            let mut body = Vec::new();
            let found = published(&value, &mut body).unwrap();
            prop_assert_eq!((found.source, found.sequence), (message.source.as_str(), sequence));
            prop_assert!(body.ends_with(&value));
        }
    }
}
