//! Bodies of any meters and times, made by copying an encoded reading and replacing its id, its time
//! and its values, because encoding each body would cost more than the measured server.
//!
//! Invariants: [`Body::new`] gives the same bytes; a value is a function of meter, time and
//! register, a whole number below [`VALUE_MAX`], so that sums of values are exact.

use crate::clock;
use meterline_load::{Body, Reading};

/// Values of a reading.
pub const VALUES: usize = 8;
/// Values are below it.
pub const VALUE_MAX: u32 = 1 << 20;

/// Nanoseconds of a tick.
const TICK_NS: u64 = 100;
/// The meter's index is the end of its id.
const INDEX_BYTES: usize = 4;

/// The registers of the fleet's values.
const OBIS: [[u8; 6]; VALUES] = [
    [1, 0, 1, 8, 0, 255],
    [1, 0, 2, 8, 0, 255],
    [1, 0, 1, 7, 0, 255],
    [1, 0, 32, 7, 0, 255],
    [1, 0, 52, 7, 0, 255],
    [1, 0, 72, 7, 0, 255],
    [1, 0, 31, 7, 0, 255],
    [1, 0, 51, 7, 0, 255],
];

// Places in an encoded reading: message, then Guid, DateTime and values.
const LOW: usize = 3 + 3;
const HIGH: usize = LOW + 9;
const TIME: usize = HIGH + 8 + 3;
const TIME_BYTES: usize = 8;
const FIRST_VALUE: usize = TIME + TIME_BYTES + 2 + 11;
const VALUE_STEP: usize = 19;
/// Bytes of an encoded reading.
pub const READING_BYTES: usize = FIRST_VALUE + 8 + (VALUES - 1) * VALUE_STEP;

/// An instant in ticks of 100 ns since 1970; odd, so that its encoding always has the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ticks(u64);

impl Ticks {
    /// The present time, or the next tick after `previous` if that is later.
    #[must_use]
    pub fn now_after(previous: Self) -> Self {
        let ticks = u64::try_from(clock::wall().as_nanos()).unwrap_or(u64::MAX) / TICK_NS;
        Self((ticks | 1).max(previous.0 + 2))
    }

    /// The tick at or after these nanoseconds since 1970.
    #[must_use]
    pub fn at_ns(ns: u64) -> Self {
        Self((ns / TICK_NS) | 1)
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub fn ns(self) -> i64 {
        i64::try_from(self.0 * TICK_NS).unwrap_or(i64::MAX)
    }
}

/// The id of a meter.
#[must_use]
pub fn meter_id(index: u32) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&mixed(u64::from(index)).to_be_bytes());
    id[8..16].copy_from_slice(&mixed(u64::from(index) | 1 << 40).to_be_bytes());
    id[16 - INDEX_BYTES..].copy_from_slice(&index.to_be_bytes());
    id
}

/// The index of a meter with this id; `None` for other ids.
#[must_use]
pub fn meter_index(id: &[u8]) -> Option<u32> {
    let index = u32::from_be_bytes(*id.last_chunk::<INDEX_BYTES>()?);
    (meter_id(index) == id).then_some(index)
}

/// The value of a register.
#[must_use]
pub fn value(index: u32, time: Ticks, register: usize) -> f64 {
    let mixed = mixed(time.0 ^ u64::from(index) << 24 ^ (register as u64) << 59);
    f64::from(u32::try_from(mixed >> 44).unwrap_or(0) % VALUE_MAX)
}

/// OBIS codes and values of a reading.
#[must_use]
pub fn values(index: u32, time: Ticks) -> Vec<([u8; 6], f64)> {
    OBIS.iter().enumerate().map(|(register, &obis)| (obis, value(index, time, register))).collect()
}

/// The register's code as stores show it.
#[must_use]
pub fn register_text(register: usize) -> String {
    let [a, b, c, d, e, f] = OBIS[register];
    format!("{a}-{b}:{c}.{d}.{e}*{f}")
}

/// The register of a code; `None` if no value of the fleet has it.
#[must_use]
pub fn register_of(text: &str) -> Option<usize> {
    (0..VALUES).find(|&register| register_text(register) == text)
}

/// A field of `bytes` bytes that no message has; a decoder skips it.
#[must_use]
pub fn padding(bytes: usize) -> Vec<u8> {
    const FIELD_1000_OF_BYTES: [u8; 2] = [0xc2, 0x3e];
    let mut field = FIELD_1000_OF_BYTES.to_vec();
    prost::encoding::encode_varint(bytes as u64, &mut field);
    field.resize(field.len() + bytes, 0);
    field
}

/// Bits without a pattern (splitmix64).
fn mixed(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// An encoded reading to copy.
#[derive(Debug, Clone)]
pub struct Template(Vec<u8>);

impl Default for Template {
    fn default() -> Self {
        let time = Ticks::now_after(Ticks::default());
        let reading = Reading { meter: meter_id(0), time_ns: time.ns(), values: values(0, time) };
        Self(Body::new(0, vec![reading]).bytes)
    }
}

impl Template {
    /// Appends a body with a reading of each of these meters.
    pub fn append(&self, meters: impl IntoIterator<Item = u32>, time: Ticks, out: &mut Vec<u8>) {
        let mut varint = [0; TIME_BYTES];
        for (at, byte) in varint.iter_mut().enumerate() {
            let more = if at + 1 < TIME_BYTES { 0x80 } else { 0 };
            *byte = ((time.0 << 1) >> (7 * at)).to_le_bytes()[0] & 0x7f | more;
        }
        for index in meters {
            let start = out.len();
            out.extend_from_slice(&self.0);
            let reading = &mut out[start..];
            let mut guid = meter_id(index);
            guid[0..4].reverse();
            guid[4..6].reverse();
            guid[6..8].reverse();
            reading[LOW..LOW + 8].copy_from_slice(&guid[..8]);
            reading[HIGH..HIGH + 8].copy_from_slice(&guid[8..]);
            reading[TIME..TIME + TIME_BYTES].copy_from_slice(&varint);
            for register in 0..VALUES {
                let at = FIRST_VALUE + register * VALUE_STEP;
                reading[at..at + 8].copy_from_slice(&value(index, time, register).to_le_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_body_equals_the_encoder_s(first in 0..u32::MAX - 60, meters in 1_u32..60, ns in 1_600_000_000_000_000_000_u64..2_000_000_000_000_000_000) {
            let time = Ticks::at_ns(ns);
            let mut bytes = Vec::new();
            Template::default().append(first..first + meters, time, &mut bytes);
            let readings = (first..first + meters)
                .map(|index| Reading { meter: meter_id(index), time_ns: time.ns(), values: values(index, time) })
                .collect();
            prop_assert_eq!(bytes.len(), meters as usize * READING_BYTES);
            prop_assert_eq!(bytes, Body::new(0, readings).bytes);
        }

        #[test]
        fn a_meter_is_found_by_its_id(index: u32, other: [u8; 16]) {
            prop_assert_eq!(meter_index(&meter_id(index)), Some(index));
            prop_assert_eq!(meter_index(&other), None);
        }
    }

    #[test]
    fn times_of_a_meter_never_repeat() {
        let ahead = Ticks::at_ns(4_000_000_000_000_000_000);
        assert_eq!(Ticks::now_after(ahead).ns() - ahead.ns(), 200);
    }
}
