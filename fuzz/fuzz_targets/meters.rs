//! Any bytes: batches of descriptions are accepted where prost accepts them, say the
//! same, and nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use meterline::proto::v1::MeterBatch;
use meterline::wire::meters::{encode, versions};
use prost::Message as _;

fuzz_target!(|body: &[u8]| {
    match (versions(body), MeterBatch::decode(body)) {
        (Ok(ours), Ok(batch)) => {
            assert!(ours.len() <= batch.meters.len());
            assert!(ours.iter().all(|version| batch.meters.contains(&version.to_message())));
            assert_eq!(versions(&encode(&ours)), Ok(ours));
        }
        (Err(error), Err(_)) => assert!(error.offset <= body.len() && !error.to_string().is_empty()),
        (ours, prosts) => panic!("ours: {:?}, prost's: {:?}", ours.err(), prosts.err()),
    }
});
