//! The meters, in lanes: the meters of a lane share their bodies.

use crate::body::{READING_BYTES, Template, Ticks, VALUES};

/// Sizes of the bodies of a mixed fleet, in turn: mostly single meters, some gateways.
const MIXED: [u16; 10] = [1, 1, 1, 5, 1, 1, 20, 1, 1, 50];

/// Meters that share their bodies, and the bodies that they posted.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Index of the first meter.
    pub first: u32,
    /// Number of meters.
    pub meters: u16,
    /// Times of the bodies that were answered with 200.
    pub accepted: Vec<Ticks>,
    /// Times of the bodies without an answer: a store may have them.
    pub unanswered: Vec<Ticks>,
    /// Bytes behind the readings of each body.
    pub padding: Vec<u8>,
    latest: Ticks,
}

impl Lane {
    /// Indexes of its meters.
    pub fn indexes(&self) -> impl Iterator<Item = u32> + use<> {
        self.first..self.first + u32::from(self.meters)
    }

    /// Samples of a body.
    #[must_use]
    pub fn samples(&self) -> u64 {
        u64::from(self.meters) * VALUES as u64
    }

    /// Bytes of a body.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        usize::from(self.meters) * READING_BYTES + self.padding.len()
    }

    /// Appends a body of the present time.
    pub fn body(&mut self, template: &Template, out: &mut Vec<u8>) -> Ticks {
        self.latest = Ticks::now_after(self.latest);
        template.append(self.indexes(), self.latest, out);
        out.extend_from_slice(&self.padding);
        self.latest
    }
}

/// Sizes of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// This number of meters in each.
    Same(u16),
    /// 1, 5, 20 and 50 meters.
    Mixed,
}

/// Lanes for this number of meters.
#[must_use]
pub fn lanes(meters: u32, sizes: Sizes) -> Vec<Lane> {
    let mut lanes = Vec::new();
    let mut first = 0;
    while first < meters {
        let size = match sizes {
            Sizes::Same(size) => size.max(1),
            Sizes::Mixed => MIXED[lanes.len() % MIXED.len()],
        };
        let size = size.min(u16::try_from(meters - first).unwrap_or(u16::MAX));
        let (accepted, unanswered, padding, latest) = (Vec::new(), Vec::new(), Vec::new(), Ticks::default());
        lanes.push(Lane { first, meters: size, accepted, unanswered, padding, latest });
        first += u32::from(size);
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meter_is_in_one_lane() {
        for sizes in [Sizes::Same(50), Sizes::Same(1), Sizes::Mixed] {
            let indexes: Vec<u32> = lanes(1_234, sizes).iter().flat_map(Lane::indexes).collect();
            assert_eq!(indexes, (0..1_234).collect::<Vec<_>>());
        }
    }
}
