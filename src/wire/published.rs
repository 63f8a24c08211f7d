//! A reading, or a version of a meter's description, as it is published: the value of one Kafka record, of any producer
//! that keeps to `meterline.v1`.
//!
//! The first byte tells the forms apart: `{` begins JSON, 0 the frame of a schema registry, and anything else the bare
//! message, which begins with neither. Bare and framed messages become the body of a
//! `ReadingBatch` or `MeterBatch` by a prefix, without a copy of their fields; JSON is read and encoded. Knows no topic.

mod json;

use super::batch::{Envelope, envelope};
use super::meters::{self, Version};
use crate::proto::v1;
use prost::Message;
use serde::Deserialize;

/// The first byte of a value with the id of its schema.
const MAGIC: u8 = 0;
/// The magic byte and the id.
const FRAME_BYTES: usize = 5;
/// The list of message indexes that stands for the first message of a `.proto` file.
const FIRST_MESSAGE: u8 = 0;
/// Field 1 of a `ReadingBatch` and of a `MeterBatch`, with a length.
const ITEM_KEY: u8 = 0x0a;

/// Replaces `body` by a `ReadingBatch` of the one reading in `value`, and returns where the reading comes from.
///
/// # Errors
/// Why the value is none, as a sentence; `body` is then undefined.
pub fn published<'a>(value: &[u8], body: &'a mut Vec<u8>) -> Result<Envelope<'a>, String> {
    let prefix = into_batch::<json::Reading<'_>, v1::Reading>(value, body)?;
    envelope(body.get(prefix..).unwrap_or_default()).map_err(|error| error.to_string())
}

/// Replaces `body` by a `MeterBatch` of the one version in `value`, and returns the version.
///
/// # Errors
/// Why the value is none, as a sentence; `body` is then undefined.
pub fn published_meter(value: &[u8], body: &mut Vec<u8>) -> Result<Version, String> {
    into_batch::<json::Meter, v1::Meter>(value, body)?;
    let versions = meters::versions(body).map_err(|error| error.to_string())?;
    versions
        .into_iter()
        .next()
        .ok_or_else(|| "the description has no meter, or a time that no store can keep".to_owned())
}

/// Replaces `body` by a batch with the one message in `value`; returns the message's place in it.
fn into_batch<'v, J: Deserialize<'v> + Into<M>, M: Message>(
    value: &'v [u8],
    body: &mut Vec<u8>,
) -> Result<usize, String> {
    body.clear();
    let inner = match value {
        [MAGIC, ..] => value.get(FRAME_BYTES..).ok_or("the frame of a schema registry has no message")?,
        _ => value,
    };
    match (inner, value.first()) {
        ([b'{', ..], _) => {
            let object: J =
                serde_json::from_slice(inner).map_err(|error| format!("the JSON is not of this topic: {error}"))?;
            let message = object.into();
            let prefix = begin(body, message.encoded_len());
            message.encode(body).map_err(|error| error.to_string())?;
            Ok(prefix)
        }
        ([FIRST_MESSAGE, message @ ..], Some(&MAGIC)) => Ok(append(body, message)),
        (_, Some(&MAGIC)) => Err("the frame names another message of the schema than the first".to_owned()),
        (message, _) => Ok(append(body, message)),
    }
}

fn append(body: &mut Vec<u8>, message: &[u8]) -> usize {
    let prefix = begin(body, message.len());
    body.extend_from_slice(message);
    prefix
}

/// Writes key and length of the message; returns their size.
fn begin(body: &mut Vec<u8>, bytes: usize) -> usize {
    body.push(ITEM_KEY);
    prost::encode_length_delimiter(bytes, body).ok();
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{PayloadFormat, readings};
    use proptest::prelude::*;
    use uuid::Uuid;

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

    /// Asserts that a value is [`reading`].
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
    fn every_form_of_a_description_is_the_same_version() {
        let json = r#"{"meter":"00000000-0000-0000-0000-000000000007","metering_point":"point","name":"Heat pump",
            "family":"4","role":"ROLE_PRODUCTION","valid_from_ns":"1795266900000000100","valid_to_ns":"0"}"#;
        let message = v1::Meter {
            meter: Uuid::from_u128(7).as_bytes().to_vec(),
            metering_point: "point".to_owned(),
            name: "Heat pump".to_owned(),
            family: 4,
            role: v1::Role::Production.into(),
            valid_from_ns: 1_795_266_900_000_000_100,
            ..v1::Meter::default()
        };
        let bare = message.encode_to_vec();
        for value in [&bare, &[&[0, 0, 0, 0, 7, 0], bare.as_slice()].concat(), &json.as_bytes().to_vec()] {
            let mut body = b"of before".to_vec();
            assert_eq!(published_meter(value, &mut body).unwrap().to_message(), message);
            assert_eq!(meters::versions(&body).unwrap()[0].to_message(), message);
        }
        assert!(published_meter(br#"{"meter":"x"}"#, &mut Vec::new()).unwrap_err().contains("not of this topic"));
        assert!(published_meter(b"{}", &mut Vec::new()).unwrap_err().contains("no meter"));
        let early = v1::Meter { valid_from_ns: -1, ..message };
        assert!(published_meter(&early.encode_to_vec(), &mut Vec::new()).unwrap_err().contains("a time that no store"));
        assert!(published_meter(&[0x0a, 200], &mut Vec::new()).is_err());
    }

    #[test]
    fn what_is_no_reading_says_why() {
        let why = |value: &[u8]| published(value, &mut Vec::new()).unwrap_err();
        assert!(why(&[0, 0, 0]).contains("has no message"));
        assert!(why(&[0, 0, 0, 0, 7, 2, 2]).contains("another message"));
        assert!(why(b"{\"meter\":1}").contains("the JSON is not of this topic"));
        assert!(why(&JSON.replace("12.5", "null").into_bytes()).contains("the JSON is not of this topic"));
        assert!(why(&[0x0a, 200]).contains("meter"), "{}", why(&[0x0a, 200]));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_each_body_has_one_reading(value: Vec<u8>) {
            let mut body = Vec::new();
            if published(&value, &mut body).is_ok() {
                prop_assert_eq!(readings(PayloadFormat::ReadingBatch, &body).unwrap().count(), 1);
            }
            if published_meter(&value, &mut body).is_ok() {
                prop_assert_eq!(meters::versions(&body).unwrap().len(), 1);
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
