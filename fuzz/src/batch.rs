//! Any bytes: batches of readings are accepted where prost accepts them and knows a field,
//! hold as many readings and values, and nothing panics.

use meterline::proto::v1::ReadingBatch;
use meterline::wire::batch::original;
use meterline::wire::{self, DecodeErrorKind, PayloadFormat};
use prost::Message as _;

/// Checks one input.
pub fn check(body: &[u8]) {
    match (wire::readings(PayloadFormat::ReadingBatch, body), ReadingBatch::decode(body)) {
        (Ok(readings), Ok(batch)) => {
            let ours: Vec<usize> = readings.map(|reading| reading.values.count()).collect();
            let prosts: Vec<usize> = batch.readings.iter().map(|reading| reading.values.len()).collect();
            assert_eq!(ours, prosts);
            let ours = original(body).unwrap();
            assert_eq!(
                (ours.bytes, ours.format, &ours.positions),
                (&*batch.raw, &*batch.raw_format, &batch.raw_positions)
            );
        }
        (Err(error), Err(_)) => assert!(error.offset <= body.len() && !error.to_string().is_empty()),
        (Err(error), Ok(batch)) if error.kind == DecodeErrorKind::NothingKnown => {
            assert!(!body.is_empty() && batch == ReadingBatch::default());
        }
        (ours, prosts) => panic!("ours: {:?}, prost's: {:?}", ours.err(), prosts.err()),
    }
}
