//! The table of unusual messages and their meaning. One test per row.

use super::bytes::{any_time, body, device_id, field, fixed, number, time, value, zigzag};
use super::*;
use crate::reading::Limits;
use crate::wire::{DecodeErrorKind, Judged, Tally};

/// Around the time of [`any_time`].
const RECEIVED: UnixNanos = UnixNanos(1_795_266_910_000_000_000);

fn only(body: &[u8]) -> Reading<'_> {
    let mut readings = readings(body).unwrap();
    let reading = readings.next().unwrap();
    assert!(readings.next().is_none());
    reading
}

fn values(reading: &Reading<'_>) -> Vec<Result<(String, f64), SetAside>> {
    reading.values.clone().map(|value| value.map(|sample| (sample.obis.to_string(), sample.value))).collect()
}

fn at(time: Vec<u8>) -> Result<i64, SetAside> {
    only(&body(&[device_id(1), time, value(1, 1.0)])).at.map(|at| at.0)
}

#[test]
fn every_time_scale_is_converted_exactly() {
    assert_eq!(at(time(20_778, 0)), Ok(1_795_219_200_000_000_000));
    assert_eq!(at(time(498_685, 1)), Ok(1_795_266_000_000_000_000));
    assert_eq!(at(time(29_921_115, 2)), Ok(1_795_266_900_000_000_000));
    assert_eq!(at(time(1_795_266_907, 3)), Ok(1_795_266_907_000_000_000));
    assert_eq!(at(time(1_795_266_907_250, 4)), Ok(1_795_266_907_250_000_000));
    assert_eq!(at(time(17_952_669_072_501_234, 5)), Ok(1_795_266_907_250_123_400));
    assert_eq!(at(time(-1, 3)), Ok(-1_000_000_000), "before 1970 is an instant; the rule judges it");
}

#[test]
fn a_time_without_scale_is_days() {
    assert_eq!(at(field(2, &number(1, zigzag(20_778)))), Ok(1_795_219_200_000_000_000));
}

#[test]
fn an_absent_time_sets_the_reading_aside() {
    assert_eq!(at(Vec::new()), Err(SetAside::TimeMissing));
}

#[test]
fn an_empty_time_sets_the_reading_aside() {
    assert_eq!(at(field(2, &[])), Err(SetAside::TimeEmpty));
    assert_eq!(at(time(0, 0)), Err(SetAside::TimeEmpty), "the same instant written out");
}

#[test]
fn dotnets_min_and_max_time_set_the_reading_aside() {
    assert_eq!(at(time(-1, 15)), Err(SetAside::TimeMinMax));
    assert_eq!(at(time(1, 15)), Err(SetAside::TimeMinMax));
}

#[test]
fn an_unknown_scale_sets_the_reading_aside() {
    assert_eq!(at(time(1_795_266_907, 6)), Err(SetAside::TimeScaleUnknown));
    assert_eq!(at(time(1_795_266_907, u64::MAX)), Err(SetAside::TimeScaleUnknown));
}

#[test]
fn a_time_beyond_nanoseconds_sets_the_reading_aside() {
    for scale in 0..6 {
        assert_eq!(at(time(i64::MAX, scale)), Err(SetAside::TimeOverflow));
        assert_eq!(at(time(i64::MIN, scale)), Err(SetAside::TimeOverflow));
    }
    assert_eq!(at(time(106_751, 0)), Ok(9_223_286_400_000_000_000), "the last day that fits");
    assert_eq!(at(time(106_752, 0)), Err(SetAside::TimeOverflow));
}

#[test]
fn a_local_time_is_delivered_flagged_and_counted() {
    let content = [number(1, zigzag(1_795_266_907)), number(2, 3), number(3, 2)].concat();
    let body = body(&[device_id(1), field(2, &content), value(1, 1.0)]);
    let reading = only(&body);
    assert_eq!(reading.at, Ok(UnixNanos(1_795_266_907_000_000_000)));
    assert_eq!(reading.flags, Flags::LOCAL_TIME);
    let tally = Tally::of(readings(&body).unwrap(), &Limits::DEFAULT, RECEIVED);
    assert_eq!((tally.flagged, tally.samples), (1, 1));
}

#[test]
fn a_time_marked_utc_is_not_flagged() {
    let content = [number(1, zigzag(1_795_266_907)), number(2, 3), number(3, 1)].concat();
    assert_eq!(only(&body(&[device_id(1), field(2, &content)])).flags, Flags::NONE);
}

#[test]
fn an_absent_or_empty_guid_sets_the_device_aside() {
    for id in [Vec::new(), field(1, &[]), device_id(0)] {
        let body = body(&[id, any_time(), value(1, 1.0), value(2, 2.0)]);
        assert_eq!(only(&body).meter, Err(SetAside::MeterMissing));
        let tally = Tally::of(readings(&body).unwrap(), &Limits::DEFAULT, RECEIVED);
        assert_eq!(tally.set_aside[SetAside::MeterMissing.index()], 2);
        assert_eq!((tally.readings, tally.samples), (1, 0));
    }
}

#[test]
fn half_a_guid_is_a_guid() {
    let body = body(&[field(1, &fixed(2, [9; 8])), any_time()]);
    assert_eq!(only(&body).meter.unwrap().to_string(), "00000000-0000-0000-0909-090909090909");
}

#[test]
fn an_absent_value_is_zero() {
    let body = body(&[device_id(1), any_time(), field(3, &field(1, &[1, 0, 1, 8, 0, 255]))]);
    assert_eq!(values(&only(&body)), [Ok(("1-0:1.8.0*255".to_owned(), 0.0))]);
}

#[test]
fn a_value_without_a_code_of_six_bytes_is_set_aside_alone() {
    let parts = [
        device_id(1),
        any_time(),
        value(1, 1.0),
        field(3, &[field(1, &[1, 0, 1, 8, 0]), fixed(2, [0; 8])].concat()),
        field(3, &[field(1, &[1, 0, 1, 8, 0, 255, 0]), fixed(2, [0; 8])].concat()),
        field(3, &fixed(2, [0; 8])),
        field(3, &[]),
        value(2, 2.0),
    ];
    let body = body(&parts);
    assert_eq!(
        values(&only(&body)),
        [
            Ok(("1-0:1.8.0*255".to_owned(), 1.0)),
            Err(SetAside::ObisLength),
            Err(SetAside::ObisLength),
            Err(SetAside::ObisMissing),
            Err(SetAside::ObisMissing),
            Ok(("1-0:2.8.0*255".to_owned(), 2.0)),
        ]
    );
}

#[test]
fn a_value_that_is_not_finite_is_set_aside_alone() {
    let body = body(&[device_id(1), any_time(), value(1, f64::NAN), value(2, f64::INFINITY), value(3, 3.0)]);
    let judged = Judged::new(only(&body), &Limits::DEFAULT, RECEIVED).unwrap();
    assert_eq!(judged.samples().map(|sample| sample.value).collect::<Vec<_>>(), [3.0]);
    let tally = Tally::of(readings(&body).unwrap(), &Limits::DEFAULT, RECEIVED);
    assert_eq!((tally.samples, tally.set_aside[SetAside::ValueNotFinite.index()]), (1, 2));
}

#[test]
fn several_devices_are_all_read_and_numbered() {
    let device = |byte| body(&[device_id(byte), any_time(), value(byte, 1.0)]);
    let aside = body(&[any_time(), value(9, 1.0)]);
    let body = [device(1), aside, device(2)].concat();
    let found: Vec<_> = readings(&body).unwrap().map(|reading| (reading.index, reading.meter.is_ok())).collect();
    assert_eq!(found, [(0, true), (1, false), (2, true)]);
}

#[test]
fn repeated_sub_messages_are_merged() {
    let parts = [
        field(1, &fixed(1, [1; 8])),
        field(2, &number(1, zigzag(1))),
        value(1, 1.0),
        field(1, &fixed(2, [2; 8])),
        field(2, &[number(1, zigzag(1_795_266_907)), number(2, 3)].concat()),
    ];
    let body = body(&parts);
    let reading = only(&body);
    assert_eq!(reading.meter.unwrap().to_string(), "01010101-0101-0101-0202-020202020202");
    assert_eq!(reading.at, Ok(UnixNanos(1_795_266_907_000_000_000)));
    assert_eq!(values(&reading).len(), 1);
}

#[test]
fn fields_come_in_any_order_and_the_last_scalar_wins() {
    let code = [1, 0, 1, 8, 0, 255];
    let content =
        [fixed(2, 1.0_f64.to_le_bytes()), field(1, &[9; 6]), fixed(2, 2.0_f64.to_le_bytes()), field(1, &code)];
    let body = body(&[field(3, &content.concat()), any_time(), device_id(1)]);
    let reading = only(&body);
    assert!(reading.meter.is_ok() && reading.at.is_ok());
    assert_eq!(values(&reading), [Ok(("1-0:1.8.0*255".to_owned(), 2.0))]);
}

#[test]
fn unknown_fields_are_skipped() {
    let unknown = [number(9, 5), field(10, b"later"), fixed(11, [0; 8]), vec![0x63, 0x08, 0x01, 0x64]].concat();
    let content = [field(1, &[1, 0, 1, 8, 0, 255]), unknown.clone(), fixed(2, 2.0_f64.to_le_bytes())].concat();
    let body = [unknown.clone(), body(&[unknown.clone(), device_id(1), any_time(), field(3, &content), unknown])];
    let body = body.concat();
    assert_eq!(values(&only(&body)), [Ok(("1-0:1.8.0*255".to_owned(), 2.0))]);
}

#[test]
fn no_bytes_are_no_devices() {
    assert!(readings(&[]).unwrap().next().is_none());
}

#[test]
fn the_same_key_twice_comes_twice_in_order_so_that_the_later_wins() {
    let body = body(&[device_id(1), any_time(), value(1, 1.0), value(1, 2.0)]);
    let found = values(&only(&body));
    assert_eq!(found.last(), Some(&Ok(("1-0:1.8.0*255".to_owned(), 2.0))));
    assert_eq!(found.len(), 2);
}

#[test]
fn an_implausible_time_sets_every_sample_of_the_reading_aside() {
    let body = body(&[device_id(1), time(1_795_266_907 + 2 * 86_400, 3), value(1, 1.0), value(2, 1.0)]);
    let tally = Tally::of(readings(&body).unwrap(), &Limits::DEFAULT, RECEIVED);
    assert_eq!(tally.set_aside[SetAside::TimeAhead.index()], 2);
    assert_eq!(tally.samples, 0);
}

#[test]
fn a_reading_set_aside_without_values_still_counts() {
    let tally = Tally::of(readings(&body(&[device_id(1)])).unwrap(), &Limits::DEFAULT, RECEIVED);
    assert_eq!(tally.set_aside[SetAside::TimeMissing.index()], 1);
    assert!(tally.has_set_aside());
}

#[test]
fn a_body_of_unknown_fields_alone_is_undecodable() {
    for body in
        [number(9, 5), field(2, &body(&[device_id(1), any_time(), value(1, 1.0)])), vec![0x63, 0x08, 0x01, 0x64]]
    {
        assert_eq!(readings(&body).unwrap_err().kind, DecodeErrorKind::NothingKnown);
    }
}

#[test]
fn a_device_without_known_values_is_set_aside_if_it_has_unknown_fields() {
    let renumbered = field(4, &value(1, 1.0)[2..]);
    let tally = |parts: &[Vec<u8>]| Tally::of(readings(&body(parts)).unwrap(), &Limits::DEFAULT, RECEIVED);
    for unknown in [renumbered, number(9, 5), vec![0x63, 0x08, 0x01, 0x64]] {
        let found = tally(&[device_id(1), any_time(), unknown.clone()]);
        assert_eq!(found.set_aside[SetAside::ValuesUnknown.index()], 1, "{unknown:?}");
        assert_eq!(found.readings, 1);
        let beside_a_value = tally(&[device_id(1), any_time(), unknown, value(1, 1.0)]);
        assert!(!beside_a_value.has_set_aside() && beside_a_value.samples == 1);
    }
    assert!(!tally(&[device_id(1), any_time()]).has_set_aside(), "a device may have no values");
}
