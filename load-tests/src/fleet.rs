//! The meters and their measurements. The seed and the caller's times determine
//! everything: the same calls give the same bodies.

use crate::body::{Body, Reading};
use fastrand::Rng;

const SECOND_NS: i64 = 1_000_000_000;
const QUARTER_HOUR_NS: i64 = 900 * SECOND_NS;
/// The finest step of the vendor's clock.
const TICK_NS: i64 = 100;

/// The size of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetOptions {
    /// Meters in all.
    pub meters: u32,
    /// Meters that share a body, and so a lane.
    pub devices: u32,
    /// Values of a reading.
    pub values: u8,
    /// The seed of all random values.
    pub seed: u64,
}

impl Default for FleetOptions {
    /// Forty meters, a body each, eight values.
    fn default() -> Self {
        Self { meters: 40, devices: 1, values: 8, seed: 1 }
    }
}

/// A fleet of meters.
#[derive(Debug, Clone)]
pub struct Fleet {
    options: FleetOptions,
    lanes: Vec<Lane>,
    rng: Rng,
}

/// Meters that share their bodies.
#[derive(Debug, Clone)]
struct Lane {
    meters: Vec<Meter>,
    /// The latest live instant, so that the next one is later.
    live_ns: i64,
    /// The latest quarter-hour that was sent.
    quarter_ns: i64,
}

#[derive(Debug, Clone)]
struct Meter {
    id: [u8; 16],
    energy_wh: f64,
}

impl Fleet {
    /// A fleet; no meters or devices of zero count as one.
    #[must_use]
    pub fn new(options: FleetOptions) -> Self {
        let mut rng = Rng::with_seed(options.seed);
        let mut meters: Vec<Meter> = (0..options.meters.max(1)).map(|_| Meter::random(&mut rng)).collect();
        let mut lanes = Vec::new();
        while !meters.is_empty() {
            let rest = meters.split_off(meters.len().min(options.devices.max(1) as usize));
            lanes.push(Lane { meters, live_ns: i64::MIN, quarter_ns: i64::MIN });
            meters = rest;
        }
        Self { options, lanes, rng }
    }

    /// Number of lanes; they are numbered from 0.
    #[must_use]
    pub fn lanes(&self) -> u32 {
        u32::try_from(self.lanes.len()).unwrap_or(u32::MAX)
    }

    /// A reading of every meter of a lane at about `now_ns`, each instant later
    /// than the lane's earlier live ones; of scale TICKS, MILLISECONDS or SECONDS.
    pub fn live(&mut self, lane: u32, now_ns: i64) -> Body {
        let unit = *self.rng.choice(&[TICK_NS, TICK_NS, 1_000_000, SECOND_NS]).unwrap_or(&TICK_NS);
        let index = self.index(lane);
        let wanted = now_ns - now_ns.rem_euclid(unit);
        let live_ns = wanted.max(self.lanes[index].live_ns.saturating_add(TICK_NS));
        self.lanes[index].live_ns = live_ns;
        self.at(index, &[live_ns])
    }

    /// The quarter-hours up to `now_ns` that the lane has not sent yet, at most
    /// `count` of them, as a device sends after an outage. A day of them holds the
    /// scales DAYS, HOURS and MINUTES. If none is left, a live body.
    pub fn quarter_hours(&mut self, lane: u32, now_ns: i64, count: u16) -> Body {
        let index = self.index(lane);
        let last = now_ns - now_ns.rem_euclid(QUARTER_HOUR_NS);
        let first = last.saturating_sub(QUARTER_HOUR_NS * (i64::from(count) - 1));
        let first = first.max(self.lanes[index].quarter_ns.saturating_add(QUARTER_HOUR_NS));
        let times: Vec<i64> = std::iter::successors(Some(first), |time| Some(time + QUARTER_HOUR_NS))
            .take_while(|&t| t <= last)
            .collect();
        if times.is_empty() {
            return self.live(lane, now_ns);
        }
        self.lanes[index].quarter_ns = last;
        self.at(index, &times)
    }

    /// A reading of every meter of a lane at exactly this instant, however late.
    pub fn late(&mut self, lane: u32, time_ns: i64) -> Body {
        let index = self.index(lane);
        self.at(index, &[time_ns - time_ns.rem_euclid(TICK_NS)])
    }

    /// The keys of an earlier body, with other values.
    pub fn correction(&mut self, body: &Body) -> Body {
        let mut readings = body.readings.clone();
        for (_, value) in readings.iter_mut().flat_map(|reading| &mut reading.values) {
            *value = (*value + f64::from(self.rng.u8(1..))).round();
        }
        Body::new(body.lane, readings)
    }

    pub(crate) fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    fn index(&self, lane: u32) -> usize {
        lane as usize % self.lanes.len()
    }

    fn at(&mut self, index: usize, times: &[i64]) -> Body {
        let mut readings = Vec::with_capacity(times.len() * self.lanes[index].meters.len());
        for &time_ns in times {
            for meter in &mut self.lanes[index].meters {
                let values = meter.measure(self.options.values, &mut self.rng);
                readings.push(Reading { meter: meter.id, time_ns, values });
            }
        }
        Body::new(u32::try_from(index).unwrap_or(u32::MAX), readings)
    }
}

impl Meter {
    fn random(rng: &mut Rng) -> Self {
        Self { id: rng.u128(1..).to_be_bytes(), energy_wh: f64::from(rng.u32(..10_000_000)) / 10.0 }
    }

    fn measure(&mut self, values: u8, rng: &mut Rng) -> Vec<([u8; 6], f64)> {
        self.energy_wh += f64::from(rng.u8(..100)) / 10.0;
        (0..values).map(|index| (register(index), self.value(index, rng))).collect()
    }

    /// The import counter rises; nothing is exported; the rest varies.
    fn value(&self, index: u8, rng: &mut Rng) -> f64 {
        match index {
            0 => (self.energy_wh * 10.0).round() / 10.0,
            1 => 0.0,
            2 => f64::from(rng.u32(..500_000)) / 100.0,
            3..=5 => f64::from(rng.u16(22_000..24_000)) / 100.0,
            _ => f64::from(rng.u16(..1_600)) / 100.0,
        }
    }
}

/// The register of a meter's value: the usual ones first, then made-up ones of the
/// manufacturer's range.
fn register(index: u8) -> [u8; 6] {
    const USUAL: [(u8, u8, u8); 18] = [
        (1, 8, 0),
        (2, 8, 0),
        (1, 7, 0),
        (32, 7, 0),
        (52, 7, 0),
        (72, 7, 0),
        (31, 7, 0),
        (51, 7, 0),
        (71, 7, 0),
        (21, 7, 0),
        (41, 7, 0),
        (61, 7, 0),
        (16, 7, 0),
        (1, 8, 1),
        (1, 8, 2),
        (2, 8, 1),
        (2, 8, 2),
        (13, 7, 0),
    ];
    match USUAL.get(usize::from(index)) {
        Some(&(c, d, e)) => [1, 0, c, d, e, 255],
        None => [1, 0, 128, 7, index, 255],
    }
}

#[cfg(test)]
mod tests;
