//! prost's decoder as the oracle, faults with their places, and what is no version.

use super::*;
use crate::wire::oracle::{both, changed};
use proptest::prelude::*;
use uuid::Uuid;

/// Both decoders on the same bytes; whether they accepted them.
fn agree(body: &[u8]) -> Result<bool, TestCaseError> {
    let Some((versions, batch)) = both(body, versions(body), v1::MeterBatch::decode(body))? else { return Ok(false) };
    let expected = batch.meters.into_iter().filter(is_version).collect::<Vec<_>>();
    prop_assert_eq!(versions.iter().map(Version::to_message).collect::<Vec<_>>(), expected);
    Ok(true)
}

fn is_version(meter: &v1::Meter) -> bool {
    let is_named = meter.meter.len() == 16 && meter.meter.iter().any(|byte| *byte != 0);
    let times = [meter.valid_from_ns, meter.valid_to_ns];
    is_named && times.iter().all(|time| (0..=TIME_NS_MAX).contains(time))
}

fn any_meter() -> impl Strategy<Value = v1::Meter> {
    let id = prop_oneof![
        8 => any::<[u8; 16]>().prop_map(Vec::from),
        1 => Just(vec![0; 16]),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    let time = || prop_oneof![8 => 0..=TIME_NS_MAX, 1 => any::<i64>()];
    (id, ".{0,8}", ".{0,8}", any::<i64>(), ".{0,8}", (time(), time())).prop_map(
        |(meter, name, metering_point, family, unit, (valid_from_ns, valid_to_ns))| v1::Meter {
            meter,
            name,
            metering_point,
            family,
            unit,
            valid_from_ns,
            valid_to_ns,
            ..v1::Meter::default()
        },
    )
}

fn any_batch() -> impl Strategy<Value = v1::MeterBatch> {
    prop::collection::vec(any_meter(), 0..4).prop_map(|meters| v1::MeterBatch { meters })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn batches_mean_what_prost_says(batch in any_batch()) {
        prop_assert!(agree(&batch.encode_to_vec())?);
    }

    #[test]
    fn changed_bytes_get_prosts_verdict(body in any_batch().prop_flat_map(|batch| changed(batch.encode_to_vec()))) {
        agree(&body)?;
    }

    #[test]
    fn any_bytes_get_prosts_verdict(body in prop::collection::vec(any::<u8>(), 0..64)) {
        agree(&body)?;
    }

    #[test]
    fn fields_of_any_wire_type_get_prosts_verdict(
        number in 1_u32..21,
        wire_type in 0_u32..8,
        content in prop::collection::vec(any::<u8>(), 0..12),
        is_inner: bool,
    ) {
        let mut body = Vec::new();
        prost::encoding::encode_varint(u64::from(number << 3 | wire_type), &mut body);
        body.extend(content);
        if is_inner {
            body = [vec![1 << 3 | 2, u8::try_from(body.len()).unwrap()], body].concat();
        }
        agree(&body)?;
    }
}

#[test]
fn what_was_encoded_is_read_again() {
    let named = |number, name: &str| Named { number, name: name.to_owned() };
    let version = Version {
        meter: MeterId::from(Uuid::from_u128(7)),
        metering_point: "house-1".to_owned(),
        description: Description {
            name: "Cellar".to_owned(),
            serial: "63-1".to_owned(),
            meter_serial: "LGZ-7".to_owned(),
            vendor: "smart-me".to_owned(),
            family: named(12, "three-phase"),
            energy_type: named(1, "electricity"),
            sub_type: named(99, ""),
            gateway: "gateway-1".to_owned(),
            unit: "kWh".to_owned(),
        },
        source: "acme".to_owned(),
        valid_from: UnixNanos(0),
        valid_to: Some(UnixNanos(5)),
    };
    let open = Version { valid_from: UnixNanos(5), valid_to: None, ..version.clone() };
    assert_eq!(versions(&encode([&version, &open])).unwrap(), [version, open]);
}

#[test]
fn a_fault_says_where_it_is() {
    let said = |body: &[u8]| versions(body).unwrap_err().to_string();
    assert_eq!(said(b"\x0a\x02\x1a\x05"), "byte 4 (meters[0].name): the field needs 5 bytes, its message has 0 left");
    assert_eq!(said(b"\x0a\x03\x12\x01\xff"), "byte 4 (meters[0].metering_point): the text is not UTF-8");
}

#[test]
fn a_body_of_descriptions_holds_no_readings() {
    let body = encode([]);
    assert_eq!(crate::wire::readings(crate::wire::PayloadFormat::Meters, &body).unwrap().count(), 0);
    assert!(crate::wire::readings(crate::wire::PayloadFormat::Meters, b"\x0a\x05").is_err());
}
