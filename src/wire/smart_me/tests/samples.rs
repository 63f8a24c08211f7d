//! The vendor's own sample and a public one, to the digit; instants of every scale.

use super::bytes::{any_time, body, device_id, field, from_hex, value};
use super::*;
use crate::reading::Limits;
use crate::wire::{Judged, Tally};

const OFFICIAL: &str = "0A5A0A1209E9FCD03B8E9F834111B3D10C1622A22CA1120B08C0C9EAD3A98FE93710051A110A060100010800FF11333333331FAE3C411A110A060100020800FF1100000000000000001A110A060100010700FF11713D0AD7A3303840";
const TEST_FORM: &str = "0aa6010a1209f4a0f7945bd81548119c77833be7c28779120b08ecc4a5efceafc93810051a110a060100010800ff110000000000506f401a110a060100010801ff1100000000001069401a110a060100010802ff1100000000000049401a110a060100020800ff1100000000002059401a110a060100020801ff1100000000002054401a110a060100020802ff1100000000000034401a110a060100010700ff113d0ad7a3703d0e40";

/// A body as lines of meter, time and values.
fn lines(body: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for reading in crate::wire::readings(PayloadFormat::SmartMe, body).unwrap() {
        lines.push(format!("{} {}", reading.meter.unwrap(), reading.at.unwrap()));
        for value in reading.values {
            let sample = value.unwrap();
            lines.push(format!("{} {}", sample.obis, sample.value));
        }
    }
    lines
}

#[test]
fn the_official_sample_decodes_to_the_digit() {
    assert_eq!(
        lines(&from_hex(OFFICIAL)),
        [
            "3bd0fce9-9f8e-4183-b3d1-0c1622a22ca1 2019-10-16T12:20:44.9788512Z",
            "1-0:1.8.0*255 1879583.2",
            "1-0:2.8.0*255 0",
            "1-0:1.7.0*255 24.19",
        ]
    );
}

#[test]
fn the_test_forms_sample_decodes_to_the_digit() {
    assert_eq!(
        lines(&from_hex(TEST_FORM)),
        [
            "94f7a0f4-d85b-4815-9c77-833be7c28779 2020-06-17T11:49:03.298591Z",
            "1-0:1.8.0*255 250.5",
            "1-0:1.8.1*255 200.5",
            "1-0:1.8.2*255 50",
            "1-0:2.8.0*255 100.5",
            "1-0:2.8.1*255 80.5",
            "1-0:2.8.2*255 20",
            "1-0:1.7.0*255 3.78",
        ]
    );
}

#[test]
fn an_instant_of_every_scale_is_exact() {
    for (time, expected) in [
        ("08d4c402", "2026-11-21T00:00:00Z"),
        ("08faef3c1001", "2026-11-21T13:00:00Z"),
        ("08b6bdc41c1002", "2026-11-21T13:15:00Z"),
        ("08b6e58cb00d1003", "2026-11-21T13:15:07Z"),
        ("08e4b1f8e3bf681004", "2026-11-21T13:15:07.25Z"),
        ("08e4a7b1edeff6e33f1005", "2026-11-21T13:15:07.2501234Z"),
    ] {
        let body = body(&[device_id(7), field(2, &from_hex(time)), value(1, 1.0)]);
        let reading = readings(&body).unwrap().next().unwrap();
        assert_eq!(reading.at.unwrap().to_string(), expected);
    }
}

#[test]
fn the_vendors_librarys_own_guid_is_read_in_its_byte_order() {
    let guid = [
        super::bytes::fixed(1, 0x3456_2345_1234_5678_u64.to_le_bytes()),
        super::bytes::fixed(2, 0xAB89_679A_7856_6745_u64.to_le_bytes()),
    ];
    let body = body(&[field(1, &guid.concat()), any_time()]);
    let meter = readings(&body).unwrap().next().unwrap().meter.unwrap();
    assert_eq!(meter.to_string(), "12345678-2345-3456-4567-56789a6789ab");
}

#[test]
fn nothing_is_allocated_for_any_body() {
    let usual = from_hex(TEST_FORM);
    let unusual = [usual.clone(), body(&[value(1, f64::NAN), field(3, &[]), device_id(1), any_time()])].concat();
    let broken = &unusual[..unusual.len() - 1];
    let received = UnixNanos(1_592_394_545_000_000_000);
    for bytes in [&usual, &unusual, broken] {
        let count = allocation_counter::measure(|| {
            if let Ok(readings) = crate::wire::readings(PayloadFormat::SmartMe, std::hint::black_box(bytes)) {
                std::hint::black_box(Tally::of(readings.clone(), &Limits::DEFAULT, received));
                let judged = readings.filter_map(|reading| Judged::new(reading, &Limits::DEFAULT, received).ok());
                std::hint::black_box(
                    judged.flat_map(|judged| judged.samples()).map(|sample| sample.value).sum::<f64>(),
                );
            }
        });
        assert_eq!(count.count_total, 0);
    }
}
