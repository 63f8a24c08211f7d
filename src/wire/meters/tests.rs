//! Encoding and decoding of versions, and the items that are skipped.

use super::*;
use proptest::prelude::*;
use uuid::Uuid;

proptest! {
    #[test]
    fn an_item_without_a_valid_meter_or_time_is_skipped(
        meter in prop_oneof![8 => any::<[u8; 16]>().prop_map(Vec::from), 1 => Just(vec![0; 16]), 1 => any::<Vec<u8>>()],
        valid_from_ns in prop_oneof![8 => 0..=TIME_NS_MAX, 1 => any::<i64>()],
        valid_to_ns in prop_oneof![8 => 0..=TIME_NS_MAX, 1 => any::<i64>()],
    ) {
        let is_named = meter.len() == 16 && meter.iter().any(|byte| *byte != 0);
        let is_timed = [valid_from_ns, valid_to_ns].iter().all(|time| (0..=TIME_NS_MAX).contains(time));
        let meter = v1::Meter { meter, valid_from_ns, valid_to_ns, ..v1::Meter::default() };
        let read = versions(&v1::MeterBatch { meters: vec![meter.clone()] }.encode_to_vec()).unwrap();
        let expected = if is_named && is_timed { vec![meter] } else { Vec::new() };
        prop_assert_eq!(read.iter().map(Version::to_message).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn encoded_versions_are_decoded_again() {
    let named = |number, name: &str| VendorCode { number, name: name.to_owned() };
    let version = Version {
        meter: MeterId::from(Uuid::from_u128(7)),
        metering_point: "house-1".to_owned(),
        description: Description {
            name: "Cellar".to_owned(),
            serial: "63-1".to_owned(),
            meter_serial: "LGZ-7".to_owned(),
            vendor: "smart-me".to_owned(),
            model: "Telstar 80A".to_owned(),
            firmware: "1.42".to_owned(),
            family: named(12, "three-phase"),
            energy_type: named(1, "electricity"),
            sub_type: named(99, ""),
            gateway: "gateway-1".to_owned(),
            customer: "house one".to_owned(),
            site: "House 1 / Cellar".to_owned(),
            role: Role::Grid,
            phase: "L1".to_owned(),
            time_zone: "Europe/Zurich".to_owned(),
            tariff: "double".to_owned(),
            currency: "CHF".to_owned(),
            unit: "kWh".to_owned(),
        },
        source: "acme".to_owned(),
        valid_from: UnixNanos(0),
        valid_to: Some(UnixNanos(5)),
    };
    assert_eq!(
        version.description.to_string(),
        "Cellar, serial 63-1, meter serial LGZ-7, vendor smart-me, model Telstar 80A, firmware 1.42, family three-phase, \
         energy electricity, subtype 99, gateway gateway-1, customer house one, site House 1 / Cellar, role grid, phase \
         L1, time zone Europe/Zurich, tariff double, currency CHF, unit kWh"
    );
    assert_eq!(Description::default().to_string(), "(without a name)");
    let open = Version { valid_from: UnixNanos(5), valid_to: None, ..version.clone() };
    assert_eq!(versions(&encode([&version, &open])).unwrap(), [version, open]);
}

#[test]
fn a_role_keeps_its_number_and_name_and_one_of_a_newer_program_is_unknown() {
    let roles = [
        (0, Role::Unknown, ""),
        (1, Role::Grid, "grid"),
        (2, Role::Production, "production"),
        (3, Role::Storage, "storage"),
        (4, Role::Submeter, "submeter"),
        (5, Role::Appliance, "appliance"),
    ];
    for (number, role, label) in roles {
        assert_eq!((role.number(), Role::from_number(number), role.label()), (number, role, label));
    }
    assert_eq!([6, -1].map(Role::from_number), [Role::Unknown; 2]);
}

#[test]
fn a_body_of_descriptions_holds_no_readings() {
    let body = encode([]);
    assert_eq!(crate::wire::readings(crate::wire::PayloadFormat::Meters, &body).unwrap().count(), 0);
    assert!(crate::wire::readings(crate::wire::PayloadFormat::Meters, b"\x0a\x05").is_err());
}
