//! Comparison with prost's decoder: same verdict on any bytes, same readings.

use super::bytes::{any_time, body, device_id, field, fixed, number, zigzag};
use super::*;
use crate::reading::Limits;
use crate::wire::oracle::both;
use crate::wire::{DecodeErrorKind, Judged, Tally};
use meterline_load::proto::smart_me::{DeviceData, DeviceDataArray};
use meterline_load::{Fleet, FleetOptions, Script};
use proptest::prelude::*;
use prost::Message as _;

/// Shortly after the time of [`vendor_body`].
const RECEIVED: UnixNanos = UnixNanos(1_795_266_910_000_000_000);

/// A reading in a form that can be compared.
#[derive(Debug, PartialEq)]
struct Meaning {
    index: u32,
    meter: Result<MeterId, SetAside>,
    at: Result<UnixNanos, SetAside>,
    flags: Flags,
    values: Vec<Result<(Obis, u64), SetAside>>,
}

fn ours(readings: Readings<'_>) -> Vec<Meaning> {
    readings
        .map(|reading| Meaning {
            index: reading.index,
            meter: reading.meter,
            at: reading.at,
            flags: reading.flags,
            values: reading.values.map(|value| value.map(|s| (s.obis, s.value.to_bits()))).collect(),
        })
        .collect()
}

fn prosts(message: &DeviceDataArray) -> Vec<Meaning> {
    (0..).zip(&message.device_data_items).map(|(index, device)| meaning(index, device)).collect()
}

/// The rules in the terms of prost's types.
fn meaning(index: u32, device: &DeviceData) -> Meaning {
    let meter = match device.device_id {
        Some(guid) if (guid.lo, guid.hi) != (0, 0) => Ok(MeterId::from_bcl_guid(guid.lo, guid.hi)),
        _ => Err(SetAside::MeterMissing),
    };
    let at = device.date_time.ok_or(SetAside::TimeMissing).and_then(|time| {
        let unit_ns = match (time.value, time.scale) {
            (0, 0) => return Err(SetAside::TimeEmpty),
            (_, 0) => 86_400_000_000_000_i128,
            (_, 1) => 3_600_000_000_000,
            (_, 2) => 60_000_000_000,
            (_, 3) => 1_000_000_000,
            (_, 4) => 1_000_000,
            (_, 5) => 100,
            (_, 15) => return Err(SetAside::TimeMinMax),
            _ => return Err(SetAside::TimeScaleUnknown),
        };
        let nanos = i128::from(time.value) * unit_ns;
        i64::try_from(nanos).map(UnixNanos).map_err(|_| SetAside::TimeOverflow)
    });
    let is_local = device.date_time.is_some_and(|time| time.kind == 2);
    let values = device.device_values.iter().map(|value| match value.obis.len() {
        6 => Ok((Obis(value.obis[..].try_into().unwrap()), value.value.to_bits())),
        0 => Err(SetAside::ObisMissing),
        _ => Err(SetAside::ObisLength),
    });
    Meaning {
        index,
        meter,
        at,
        flags: if is_local { Flags::LOCAL_TIME } else { Flags::NONE },
        values: values.collect(),
    }
}

/// Ingest's counts, by the rules in plain terms.
fn tally(meanings: &[Meaning]) -> Tally {
    let mut tally = Tally::default();
    for meaning in meanings {
        tally.readings += 1;
        let plausible = meaning.meter.and(meaning.at).and_then(|at| Limits::DEFAULT.judge_time(at, RECEIVED));
        if let Err(reason) = plausible {
            tally.set_aside[reason.index()] += meaning.values.len().max(1) as u64;
            continue;
        }
        tally.flagged += u64::from(meaning.flags == Flags::LOCAL_TIME);
        for value in &meaning.values {
            match value {
                Ok((_, bits)) if f64::from_bits(*bits).is_finite() => tally.samples += 1,
                Ok(_) => tally.set_aside[SetAside::ValueNotFinite.index()] += 1,
                Err(reason) => tally.set_aside[reason.index()] += 1,
            }
        }
    }
    tally
}

/// The deliverable samples, one by one.
fn judged(readings: Readings<'_>) -> Vec<Sample> {
    let mut found = Vec::new();
    for judged in readings.filter_map(|reading| Judged::new(reading, &Limits::DEFAULT, RECEIVED).ok()) {
        for sample in judged.samples() {
            found.push(sample);
        }
    }
    found
}

/// The same through the loop inside the iterator.
fn judged_by_fold(readings: Readings<'_>) -> Vec<Sample> {
    let judged = readings.filter_map(|reading| Judged::new(reading, &Limits::DEFAULT, RECEIVED).ok());
    judged
        .flat_map(|judged| {
            judged.samples().fold(Vec::new(), |mut found, sample| {
                found.push(sample);
                found
            })
        })
        .collect()
}

/// Runs both decoders on the same bytes; returns whether prost's accepted them. Ours refuses
/// as well what has no known field.
fn agree(body: &[u8]) -> Result<bool, TestCaseError> {
    if readings(body).is_err_and(|error| error.kind == DecodeErrorKind::NothingKnown) {
        prop_assert_eq!(DeviceDataArray::decode(body), Ok(DeviceDataArray::default()));
        return Ok(true);
    }
    let Some((readings, message)) = both(body, readings(body), DeviceDataArray::decode(body))? else {
        return Ok(false);
    };
    let ours = ours(readings.clone());
    let mut meanings = prosts(&message);
    for (ours, prosts) in ours.iter().zip(&mut meanings) {
        // Of the fields that it does not know, prost does not tell.
        if ours.at == Err(SetAside::ValuesUnknown) && prosts.values.is_empty() && prosts.at.is_ok() {
            prosts.at = ours.at;
        }
    }
    prop_assert_eq!(Tally::of(readings.clone(), &Limits::DEFAULT, RECEIVED), tally(&meanings));
    prop_assert_eq!(judged(readings.clone()), judged_by_fold(readings.clone()));
    prop_assert_eq!(ours, meanings);
    Ok(true)
}

/// A field of any number and wire type, groups nested.
fn any_field() -> impl Strategy<Value = Vec<u8>> {
    let content = prop_oneof![
        any::<u64>().prop_map(|value| number(0, value)),
        any::<[u8; 8]>().prop_map(|bytes| fixed(0, bytes)),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(|bytes| field(0, &bytes)),
        any::<[u8; 4]>().prop_map(|bytes| [vec![5], bytes.to_vec()].concat()),
    ];
    let simple = (1_u8..16, content).prop_map(|(number, mut bytes)| {
        bytes[0] |= number << 3;
        bytes
    });
    simple.prop_recursive(3, 12, 3, |inner| {
        (1_u8..16, prop::collection::vec(inner, 0..3))
            .prop_map(|(number, inner)| [vec![number << 3 | 3], inner.concat(), vec![number << 3 | 4]].concat())
    })
}

/// A field with a number that no message knows.
fn unknown_field() -> impl Strategy<Value = Vec<u8>> {
    any_field().prop_map(|mut bytes| {
        let group = bytes[0] & 7 == 3;
        bytes[0] |= 0x78;
        if group && let Some(end) = bytes.last_mut() {
            *end |= 0x78;
        }
        bytes
    })
}

/// A message of up to `max` of these fields, in any order.
fn message(field: impl Strategy<Value = Vec<u8>>, max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(field, 0..max).prop_map(|fields| fields.concat())
}

fn guid() -> impl Strategy<Value = Vec<u8>> {
    let half = prop_oneof![Just([0; 8]), any::<[u8; 8]>()];
    message(prop_oneof![4 => (1_u8..3, half).prop_map(|(n, half)| fixed(n, half)), 1 => unknown_field()], 4)
}

fn time() -> impl Strategy<Value = Vec<u8>> {
    let plausible = 17_952_669_072_501_234_i64;
    let value = prop_oneof![Just(0), -3_i64..3, 0_i64..2_000_000_000_000, Just(plausible), Just(20_778), any::<i64>()];
    let part = prop_oneof![
        4 => value.prop_map(|value| number(1, zigzag(value))),
        4 => prop_oneof![0_u64..7, Just(15), Just(1 << 32 | 5), any::<u64>()].prop_map(|scale| number(2, scale)),
        1 => (0_u64..4).prop_map(|kind| number(3, kind)),
        1 => unknown_field(),
    ];
    message(part, 5)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let obis = prop_oneof![8 => any::<[u8; 6]>().prop_map(Vec::from), 1 => prop::collection::vec(any::<u8>(), 0..9)];
    let part = prop_oneof![
        4 => obis.prop_map(|obis| field(1, &obis)),
        4 => prop::num::f64::ANY.prop_map(|value| fixed(2, value.to_le_bytes())),
        1 => unknown_field(),
    ];
    message(part, 5)
}

fn device() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        3 => guid().prop_map(|bytes| field(1, &bytes)),
        3 => time().prop_map(|bytes| field(2, &bytes)),
        9 => value().prop_map(|bytes| field(3, &bytes)),
        1 => unknown_field(),
    ];
    let plausible = message(value().prop_map(|bytes| field(3, &bytes)), 6)
        .prop_map(|values| [device_id(1), any_time(), values].concat());
    prop_oneof![2 => message(part, 12), 1 => plausible]
}

/// A field that a message may know, of any wire type, in a message of any level.
fn misplaced_field() -> impl Strategy<Value = Vec<u8>> {
    let renumbered = (any_field(), 1_u8..5).prop_map(|(mut bytes, number)| {
        let group = bytes[0] & 7 == 3;
        bytes[0] = bytes[0] & 7 | number << 3;
        if group && let Some(end) = bytes.last_mut() {
            *end = 4 | number << 3;
        }
        bytes
    });
    (renumbered, 0_u8..5).prop_map(|(bytes, level)| match level {
        0 => bytes,
        1 => field(1, &bytes),
        inner => field(1, &field(inner - 1, &bytes)),
    })
}

/// A valid body of any order, with unknown, repeated and missing fields.
fn valid_body() -> impl Strategy<Value = Vec<u8>> {
    message(prop_oneof![8 => device().prop_map(|bytes| field(1, &bytes)), 1 => unknown_field()], 5)
}

/// A body as the vendor's library writes it.
fn vendor_body() -> impl Strategy<Value = Vec<u8>> {
    (any::<u64>(), 1_u32..4, 0_u8..12).prop_map(|(seed, devices, values)| {
        let mut fleet = Fleet::new(FleetOptions { meters: devices, devices, values, seed });
        fleet.script(&Script::live(1, 1_795_266_907_250_123_400)).remove(0).bytes
    })
}

/// A change of some bytes.
#[derive(Debug, Clone)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let one = prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (any::<prop::sample::Index>(), 0_u8..8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        (any::<prop::sample::Index>(), any_field()).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        any::<prop::sample::Index>().prop_map(Mutation::Remove),
        any::<prop::sample::Index>().prop_map(Mutation::Cut),
    ];
    prop::collection::vec(one, 1..4)
}

fn mutated(mut body: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        let len = body.len();
        if len == 0 {
            break;
        }
        match mutation {
            Mutation::Set(at, byte) => body[at.index(len)] = *byte,
            Mutation::Flip(at, bit) => body[at.index(len)] ^= 1 << bit,
            Mutation::Insert(at, bytes) => drop(body.splice(at.index(len)..at.index(len), bytes.iter().copied())),
            Mutation::Remove(at) => drop(body.remove(at.index(len))),
            Mutation::Cut(at) => body.truncate(at.index(len)),
        }
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn valid_bodies_mean_what_prost_says(body in valid_body()) {
        prop_assert!(agree(&body)?);
    }

    #[test]
    fn vendor_bodies_mean_what_prost_says(body in vendor_body()) {
        prop_assert!(agree(&body)?);
        prop_assert_eq!(check::layout(&body), Ok::<_, DecodeError>(Layout::Vendor));
    }

    #[test]
    fn mutated_bodies_get_prosts_verdict(body in prop_oneof![valid_body(), vendor_body()], mutations in mutations()) {
        agree(&mutated(body, &mutations))?;
    }

    #[test]
    fn any_bytes_get_prosts_verdict(body in prop::collection::vec(any::<u8>(), 0..64)) {
        agree(&body)?;
    }

    #[test]
    fn groups_nested_to_any_depth_get_prosts_verdict(
        depth in 90_usize..110,
        level in 0..3,
        filled: bool,
    ) {
        let inner = if filled { number(1, 1) } else { Vec::new() };
        let groups = [vec![0x7b; depth], inner, vec![0x7c; depth]].concat();
        let body = (0..level).fold(groups, |bytes, outer| field(if outer + 1 == level { 1 } else { 3 }, &bytes));
        agree(&body)?;
    }

    #[test]
    fn numbers_of_any_length_get_prosts_verdict(
        bytes in prop::collection::vec(0x7e_u8..0x83, 0..12),
        more in prop::collection::vec(0x80_u8..=0xff, 7..11),
        last in 0_u8..4,
    ) {
        for number in [bytes, more] {
            let number = [number, vec![last]].concat();
            agree(&number)?;
            agree(&[vec![0x78], number].concat())?;
        }
    }

    #[test]
    fn known_fields_of_any_wire_type_get_prosts_verdict(body in misplaced_field()) {
        agree(&body)?;
    }

    #[test]
    fn times_of_the_vendors_length_mean_what_prost_says(
        high in any::<[bool; 8]>(),
        low in any::<[u8; 8]>(),
        scale in prop_oneof![0_u8..7, any::<u8>()],
    ) {
        let bytes: Vec<u8> = high.iter().zip(low).map(|(&high, low)| low & 0x7f | u8::from(high) << 7).collect();
        let usual: Vec<u8> = low.iter().enumerate().map(|(i, low)| low & 0x7f | u8::from(i < 7) << 7).collect();
        for value in [bytes, usual] {
            let time = field(2, &[vec![8], value, vec![0x10, scale]].concat());
            agree(&body(&[device_id(1), time, super::bytes::value(1, 1.0)]))?;
        }
    }
}
