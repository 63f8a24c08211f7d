//! The messages inside a device. Each merges the fields it knows from a slice, as prost
//! does (the last one wins), and skips the others.

use crate::reading::SetAside;
use crate::wire::error::{Fault, WireType};
use crate::wire::field::{Content, DEPTH_MAX, FieldReader, unexpected};

/// The nesting left inside the body, the array and the device.
const DEPTH: u8 = DEPTH_MAX - 2;

/// `bcl.Guid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Guid {
    pub(super) lo: u64,
    pub(super) hi: u64,
}

impl Guid {
    pub(super) fn merge<F: Fault>(&mut self, bytes: &[u8]) -> Result<(), F> {
        let mut fields = FieldReader::new(bytes);
        while let Some(field) = fields.next(DEPTH, Self::name)? {
            match (field.number, field.content) {
                (1, Content::Fixed64(lo)) => self.lo = lo,
                (2, Content::Fixed64(hi)) => self.hi = hi,
                (1 | 2, _) => return Err(unexpected(&field, WireType::Fixed64, Self::name)),
                _ => {}
            }
        }
        Ok(())
    }

    fn name(number: u32) -> Option<&'static str> {
        [None, Some("lo"), Some("hi")].get(number as usize).copied().flatten()
    }
}

/// `bcl.DateTime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Instant {
    value: i64,
    scale: i32,
    kind: i32,
}

impl Instant {
    /// An instant from its encoded parts, without a kind.
    #[inline]
    pub(super) fn new(value: u64, scale: u8) -> Self {
        Self { value: zigzag(value), scale: i32::from(scale), kind: 0 }
    }

    #[inline]
    pub(super) fn merge<F: Fault>(&mut self, bytes: &[u8]) -> Result<(), F> {
        let mut fields = FieldReader::new(bytes);
        while let Some(field) = fields.next(DEPTH, Self::name)? {
            match (field.number, field.content) {
                (1, Content::Varint(value)) => self.value = zigzag(value),
                (2, Content::Varint(scale)) => self.scale = enum_number(scale),
                (3, Content::Varint(kind)) => self.kind = enum_number(kind),
                (1..=3, _) => return Err(unexpected(&field, WireType::Varint, Self::name)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Nanoseconds since 1970, or why it is set aside. The sender chooses the coarsest
    /// exact scale, and writes 1970-01-01 as an empty message.
    #[inline]
    pub(super) fn unix_nanos(self) -> Result<i64, SetAside> {
        let unit_ns = match self.scale {
            0 if self.value == 0 => return Err(SetAside::TimeEmpty),
            0 => 86_400_000_000_000,
            1 => 3_600_000_000_000,
            2 => 60_000_000_000,
            3 => 1_000_000_000,
            4 => 1_000_000,
            5 => 100,
            15 => return Err(SetAside::TimeMinMax),
            _ => return Err(SetAside::TimeScaleUnknown),
        };
        self.value.checked_mul(unit_ns).ok_or(SetAside::TimeOverflow)
    }

    /// Whether it is marked as local wall-clock time.
    pub(super) fn is_local(self) -> bool {
        self.kind == 2
    }

    fn name(number: u32) -> Option<&'static str> {
        [None, Some("value"), Some("scale"), Some("kind")].get(number as usize).copied().flatten()
    }
}

/// `DeviceValue`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Value<'a> {
    pub(super) obis: &'a [u8],
    pub(super) value: f64,
}

impl<'a> Value<'a> {
    #[inline]
    pub(super) fn merge<F: Fault>(&mut self, bytes: &'a [u8]) -> Result<(), F> {
        let mut fields = FieldReader::new(bytes);
        while let Some(field) = fields.next(DEPTH, Self::name)? {
            match (field.number, field.content) {
                (1, Content::Bytes(obis)) => self.obis = obis,
                (2, Content::Fixed64(bits)) => self.value = f64::from_bits(bits),
                (1, _) => return Err(unexpected(&field, WireType::Bytes, Self::name)),
                (2, _) => return Err(unexpected(&field, WireType::Fixed64, Self::name)),
                _ => {}
            }
        }
        Ok(())
    }

    fn name(number: u32) -> Option<&'static str> {
        [None, Some("Obis"), Some("Value")].get(number as usize).copied().flatten()
    }
}

fn zigzag(value: u64) -> i64 {
    ((value >> 1) ^ (value & 1).wrapping_neg()).cast_signed()
}

/// The number of an enumeration, truncated to 32 bits as prost and the specification do.
#[expect(clippy::cast_possible_truncation, reason = "truncation is specified")]
fn enum_number(value: u64) -> i32 {
    (value as u32).cast_signed()
}
