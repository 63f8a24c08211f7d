//! Writes a body of one reading with one sample, in the layout of the vendor's library, for the service's own test readings.

use crate::reading::{MeterId, Sample, UnixNanos};

/// The scale of ticks in `bcl.DateTime`, and the length of a tick.
const TICKS: u8 = 5;
const TICK_NS: i64 = 100;

/// The body of a sample. Its time is cut to ticks of 100 ns.
#[must_use]
pub fn encode(meter: MeterId, at: UnixNanos, sample: Sample) -> Vec<u8> {
    let (lo, hi) = meter.to_bcl_guid();
    let mut time = vec![0x08];
    varint(&mut time, zigzag(at.0.div_euclid(TICK_NS)));
    time.extend([0x10, TICKS]);
    let mut device = vec![0x0a, 18, 0x09];
    device.extend(lo.to_le_bytes());
    device.push(0x11);
    device.extend(hi.to_le_bytes());
    field(&mut device, 0x12, &time);
    let mut value = Vec::new();
    field(&mut value, 0x0a, &sample.obis.0);
    value.push(0x11);
    value.extend(sample.value.to_le_bytes());
    field(&mut device, 0x1a, &value);
    let mut body = Vec::new();
    field(&mut body, 0x0a, &device);
    body
}

fn field(bytes: &mut Vec<u8>, key: u8, content: &[u8]) {
    bytes.push(key);
    varint(bytes, content.len() as u64);
    bytes.extend_from_slice(content);
}

fn varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Flags, Limits, Obis};
    use crate::wire::{Judged, PayloadFormat, batch, readings};
    use proptest::prelude::*;
    use uuid::Uuid;

    proptest! {
        #[test]
        fn a_body_is_decoded_to_what_was_encoded(
            id in 1_u128.., ticks in i64::MIN / 100..i64::MAX / 100, code in any::<[u8; 6]>(), value in -1e300..1e300,
        ) {
            let (meter, at) = (MeterId::from(Uuid::from_u128(id)), UnixNanos(ticks * TICK_NS));
            let sample = Sample { obis: Obis(code), value };
            let body = encode(meter, at, sample);
            let found: Vec<_> = readings(PayloadFormat::SmartMe, &body).unwrap().collect();
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!((found[0].meter, found[0].at, found[0].flags), (Ok(meter), Ok(at), Flags::NONE));
            prop_assert_eq!(found[0].values.clone().collect::<Vec<_>>(), [Ok(sample)]);
        }
    }

    #[test]
    fn a_reading_of_the_canary_is_a_test_in_every_format_and_no_other_is() {
        assert_eq!(MeterId::CANARY, MeterId::named("meterline", "canary"));
        let (at, sample) =
            (UnixNanos(1_795_266_900_000_000_100), Sample { obis: Obis([1, 0, 14, 7, 0, 255]), value: 50.0 });
        for (meter, expected) in [(MeterId::CANARY, Flags::TEST), (MeterId::named("p1", "canary"), Flags::NONE)] {
            let smart_me = encode(meter, at, sample);
            let batch = batch::encode([(meter, at, Flags::NONE, [sample])], &batch::Original::default());
            for (format, body) in [(PayloadFormat::SmartMe, smart_me), (PayloadFormat::ReadingBatch, batch)] {
                let reading = readings(format, &body).unwrap().next().unwrap();
                let judged = Judged::new(reading, &Limits::DEFAULT, at).unwrap();
                assert_eq!((judged.meter, judged.at, judged.flags), (meter, at, expected), "{format:?}");
            }
        }
    }
}
