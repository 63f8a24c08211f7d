//! The binary form of a meter in the coverage file. Numbers are little-endian.

use super::longest::Longest;
use super::meter::{Grid, Meter, SourceIndex};
use super::slot::Slot;
use crate::reading::{MeterId, UnixNanos};
use uuid::Uuid;

/// Id 16, heard 8, interval 4, slot 4, source 2, readings 1, grid and hits 1, longest silence 1.
pub(super) const METER_BYTES: usize = 37;

/// The value of the grid: the hits while learning, or one of these.
const OFF: u8 = 0;
const ON: u8 = u8::MAX;

pub(super) fn to_bytes(id: MeterId, meter: &Meter) -> [u8; METER_BYTES] {
    let (slot, grid) = match meter.grid {
        Grid::Off => (Slot(0), OFF),
        Grid::Learning { newest, hits } => (newest, hits),
        Grid::On { next } => (next, ON),
    };
    let mut bytes = [0; METER_BYTES];
    bytes[..16].copy_from_slice(id.as_bytes());
    bytes[16..24].copy_from_slice(&meter.heard.0.to_le_bytes());
    bytes[24..28].copy_from_slice(&meter.interval_ms.to_le_bytes());
    bytes[28..32].copy_from_slice(&slot.0.to_le_bytes());
    bytes[32..34].copy_from_slice(&meter.source.0.to_le_bytes());
    bytes[34] = meter.readings;
    bytes[35] = grid;
    bytes[36] = meter.longest.0;
    bytes
}

pub(super) fn from_bytes(bytes: &[u8; METER_BYTES]) -> (MeterId, Meter) {
    fn number<const LEN: usize>(bytes: &[u8]) -> [u8; LEN] {
        bytes.first_chunk().copied().unwrap_or([0; LEN])
    }
    let slot = Slot(i32::from_le_bytes(number(&bytes[28..])));
    let grid = match bytes[35] {
        OFF => Grid::Off,
        ON => Grid::On { next: slot },
        hits => Grid::Learning { newest: slot, hits },
    };
    let meter = Meter {
        heard: UnixNanos(i64::from_le_bytes(number(&bytes[16..]))),
        interval_ms: u32::from_le_bytes(number(&bytes[24..])),
        grid,
        source: SourceIndex(u16::from_le_bytes(number(&bytes[32..]))),
        readings: bytes[34],
        longest: Longest(bytes[36]),
    };
    (MeterId::from(Uuid::from_bytes(number(bytes))), meter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_are_read_back_as_they_were(
            id: u128, heard: i64, interval_ms: u32, slot: i32, source: u16, readings: u8, longest: u8, hits in 1_u8..254,
        ) {
            for grid in [Grid::Off, Grid::Learning { newest: Slot(slot), hits }, Grid::On { next: Slot(slot) }] {
                let (source, longest) = (SourceIndex(source), Longest(longest));
                let meter = Meter { heard: UnixNanos(heard), interval_ms, grid, source, readings, longest };
                let id = MeterId::from(Uuid::from_u128(id));
                prop_assert_eq!(from_bytes(&to_bytes(id, &meter)), (id, meter));
            }
        }
    }
}
