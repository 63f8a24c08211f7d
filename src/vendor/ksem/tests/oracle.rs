//! The types that prost generates from the schema, as the oracle.

use crate::vendor::Part;
use crate::vendor::ksem::gdr::{Configuration, FrameError, read};
use meterline_load::proto::google::protobuf::Timestamp;
use meterline_load::proto::ksem::{FlexDefinition, FlexValue, GcRs, Gcr, GdRs, Gdr};
use proptest::prelude::*;
use prost::Message as _;

fn timestamp() -> impl Strategy<Value = Option<Timestamp>> {
    let stamp = (any::<i64>(), any::<i32>()).prop_map(|(seconds, nanos)| Timestamp { seconds, nanos });
    prop::option::of(prop_oneof![stamp, Just(Timestamp { seconds: 1_729_699_542, nanos: 5 })])
}

fn flex() -> impl Strategy<Value = FlexValue> {
    (any::<i64>(), "[a-z]{0,3}").prop_map(|(int_value, string_value)| FlexValue { int_value, string_value })
}

fn code() -> impl Strategy<Value = u64> {
    let grid = (1..100_u64, prop::sample::select(vec![3_u64, 4, 6, 7, 8]));
    prop_oneof![any::<u64>(), grid.prop_map(|(c, d)| 0x0100_0000_00ff | c << 24 | d << 16)]
}

fn gdrs() -> impl Strategy<Value = GdRs> {
    let names = prop::sample::select(vec!["gridPowerTotal", "systemStateOfCharge", "new"]).prop_map(str::to_owned);
    let values = prop::collection::btree_map(code(), any::<u64>(), 0..8);
    let flex_values = prop::collection::btree_map(names, flex(), 0..3);
    let gdr = ("[a-z]{0,3}", 0..5_i32, timestamp(), values, flex_values)
        .prop_map(|(id, status, timestamp, values, flex_values)| Gdr { id, status, timestamp, values, flex_values });
    let gdrs = prop::collection::btree_map("smart-meter|[a-z]{0,3}", gdr, 0..3);
    (gdrs, "[a-z]{0,3}").prop_map(|(gdrs, config_uuid)| GdRs { gdrs, config_uuid })
}

fn gcrs() -> impl Strategy<Value = GcRs> {
    let definition = (any::<i32>(), any::<i32>()).prop_map(|(unit, decimalpower)| FlexDefinition {
        label: "l".to_owned(),
        r#type: 0,
        unit,
        decimalpower,
    });
    let flex_definitions = prop::collection::btree_map("[a-z]{1,3}", definition, 0..3);
    let codes = prop::collection::vec(any::<u64>(), 0..5);
    let gcr = ("[a-z]{0,3}", codes, any::<i32>(), flex_definitions)
        .prop_map(|(id, codes, class, flex_definitions)| Gcr { id, codes, class, flex_definitions, ..Gcr::default() });
    prop::collection::btree_map("[a-z]{0,3}", gcr, 0..3).prop_map(|gcrs| GcRs { gcrs, config_uuid: String::new() })
}

/// Bytes with up to three changes.
fn changed(frame: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (Just(frame), changes).prop_map(|(mut frame, changes)| {
        for (at, byte) in changes {
            let length = frame.len();
            if let Some(place) = (length > 0).then(|| &mut frame[at.index(length)]) {
                *place = byte;
            }
        }
        frame
    })
}

/// Values and texts that the messages hold, beside their configuration. A status is one if it is not OK, which is 1.
fn count(message: &GdRs) -> usize {
    let gdrs = message.gdrs.values();
    gdrs.map(|gdr| gdr.values.len() + gdr.flex_values.len() + usize::from(gdr.status != 1)).sum()
}

proptest! {
    #[test]
    fn a_frame_has_as_many_parts_as_prost_reads_values(message in gdrs()) {
        let frame = message.encode_to_vec();
        let (mut parts, mut faults) = (0, 0);
        read(&frame, None, |part| match part {
            Part::Text { raw_code, .. } if raw_code == "configUuid" => {}
            Part::Unreadable { .. } => faults += 1,
            Part::Value(value) => {
                assert!(value.value.is_finite());
                parts += 1;
            }
            Part::Text { .. } => parts += 1,
        }).unwrap();
        prop_assert_eq!(parts, count(&message));
        let is_invalid = |time: &Timestamp| time.seconds <= 0 || time.seconds > 9_000_000_000 || !(0..1_000_000_000).contains(&time.nanos);
        let invalid = message.gdrs.values().filter(|gdr| gdr.timestamp.as_ref().is_some_and(is_invalid)).count();
        prop_assert_eq!(faults, invalid);
    }

    #[test]
    fn changed_frames_and_other_bytes_are_accepted_as_by_prost(
        frame in gdrs().prop_flat_map(|message| changed(message.encode_to_vec())),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        for frame in [frame, bytes] {
            let ours = read(&frame, None, |_| {});
            let prosts = GdRs::decode(&frame[..]);
            if matches!(ours, Err(FrameError::Twice(_))) {
                continue;
            }
            prop_assert_eq!(ours.is_ok(), prosts.is_ok(), "{:?} {:?}", ours, prosts);
        }
    }

    #[test]
    fn a_configuration_is_the_one_that_prost_reads(message in gcrs()) {
        let ours = Configuration::read(&message.encode_to_vec()).unwrap();
        prop_assert_eq!(ours.channels.len(), message.gcrs.len());
        for (channel, (name, gcr)) in ours.channels.iter().zip(&message.gcrs) {
            prop_assert_eq!(&channel.name, if name.is_empty() { &gcr.id } else { name });
            let codes: Vec<u64> = gcr.codes.iter().map(|code| code & 0xffff_ffff_ffff).collect();
            let ours: Vec<u64> = channel.codes.iter().map(|code| code.0.iter().fold(0, |key, byte| key << 8 | u64::from(*byte))).collect();
            prop_assert_eq!(ours, codes);
            let powers: Vec<i32> = gcr.flex_definitions.values().map(|known| known.decimalpower).collect();
            let ours: Vec<i32> = channel.definitions.iter().map(|known| known.decimal_power).collect();
            prop_assert_eq!(ours, powers);
        }
    }
}
