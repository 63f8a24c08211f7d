//! A day in the life of a fleet, as a list of bodies: live readings, quarter-hours
//! stored during an outage, repeats, corrections, late data.

use crate::body::Body;
use crate::fleet::Fleet;

const SECOND_NS: i64 = 1_000_000_000;
const DAY_NS: i64 = 86_400 * SECOND_NS;

/// The composition of a list of bodies. Shares are in percent of the bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    /// Minimum number of readings, repeats included.
    pub readings: usize,
    /// The time of the newest reading; live time ends here.
    pub end_ns: i64,
    /// Share of bodies that repeat one of the lane's last bodies.
    pub repeats_percent: u8,
    /// Share of bodies that repeat one of the lane's last bodies with other values.
    pub corrections_percent: u8,
    /// Share of bodies measured up to `late_ns_max` before the live ones.
    pub late_percent: u8,
    /// The greatest age of late data.
    pub late_ns_max: i64,
}

impl Script {
    /// Some of everything: 5 % repeats, 5 % corrections, 10 % late by up to 20 days.
    #[must_use]
    pub fn mixed(readings: usize, end_ns: i64) -> Self {
        Self {
            readings,
            end_ns,
            repeats_percent: 5,
            corrections_percent: 5,
            late_percent: 10,
            late_ns_max: 20 * DAY_NS,
        }
    }

    /// Live readings only.
    #[must_use]
    pub fn live(readings: usize, end_ns: i64) -> Self {
        Self { repeats_percent: 0, corrections_percent: 0, late_percent: 0, ..Self::mixed(readings, end_ns) }
    }
}

impl Fleet {
    /// The bodies of a script, in the order to send them. The first lane begins
    /// with a day of quarter-hours, every other with two, so that all scales occur.
    pub fn script(&mut self, script: &Script) -> Vec<Body> {
        let mut bodies = Vec::new();
        let mut last: Vec<Option<Body>> = vec![None; self.lanes() as usize];
        let mut readings = 0;
        while readings < script.readings {
            for (lane, last) in (0..self.lanes()).zip(&mut last) {
                let behind = i64::try_from(script.readings.saturating_sub(readings)).unwrap_or(0);
                let now_ns = script.end_ns - behind * SECOND_NS / 10;
                let body = self.scripted(script, lane, now_ns, last.as_ref());
                readings += body.readings.len();
                *last = Some(body.clone());
                bodies.push(body);
                if readings >= script.readings {
                    break;
                }
            }
        }
        bodies
    }

    fn scripted(&mut self, script: &Script, lane: u32, now_ns: i64, last: Option<&Body>) -> Body {
        let Some(last) = last else {
            return self.quarter_hours(lane, now_ns, if lane == 0 { 97 } else { 2 });
        };
        let (repeats, corrections) = (script.repeats_percent, script.corrections_percent);
        match self.rng().u8(..100) {
            dice if dice < repeats => last.clone(),
            dice if dice < repeats + corrections => self.correction(last),
            dice if dice < repeats + corrections + script.late_percent => {
                let late_ns = self.rng().i64(0..script.late_ns_max.max(1));
                self.late(lane, now_ns - late_ns)
            }
            _ => self.live(lane, now_ns),
        }
    }
}
