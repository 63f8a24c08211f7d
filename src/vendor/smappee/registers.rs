//! The registers of Smappee's values.
//!
//! One table for all ways to a value. Group E names the interval of sums and means ([`Interval`]).

use crate::reading::Obis;
use crate::reading::registry::Interval;

/// A phase: 0 to 2 for L1 to L3.
pub(super) type Phase = u8;

/// Group C is this much higher for each next phase.
const PHASE_STEP: u8 = 20;
/// Group D: mean of the last interval; sum of the interval.
const MEAN: u8 = 5;
const SUM: u8 = 29;
/// Group C of sums without a published code.
const SERIES: u8 = 129;

pub(super) const TEMPERATURE: Obis = Obis([0, 0, 96, 9, 0, 255]);
pub(super) const HUMIDITY: Obis = Obis([0, 0, 96, 9, 2, 255]);
pub(super) const BATTERY: Obis = Obis([0, 0, 96, 6, 1, 255]);
pub(super) const SWITCH: Obis = Obis([0, 0, 96, 3, 10, 255]);
pub(super) const CONNECTION: Obis = Obis([0, 0, 128, 23, 1, 255]);
pub(super) const POWER_CHANGE: Obis = Obis([0, 0, 128, 23, 2, 255]);
pub(super) const POWER_AFTER_CHANGE: Obis = Obis([0, 0, 128, 23, 3, 255]);

/// Energy from the grid in the interval.
pub(super) fn import(interval: Interval) -> Obis {
    electricity(1, SUM, interval)
}

/// Energy to the grid in the interval.
pub(super) fn export(interval: Interval) -> Obis {
    electricity(2, SUM, interval)
}

/// Signed energy of the interval: import minus export, of a phase or in all.
pub(super) fn energy(phase: Option<Phase>, interval: Interval) -> Obis {
    electricity(phase.map_or(16, |phase| 36 + PHASE_STEP * phase), SUM, interval)
}

/// Reactive energy of the interval, of a phase or in all.
pub(super) fn reactive_energy(phase: Option<Phase>, interval: Interval) -> Obis {
    electricity(phase.map_or(3, |phase| 23 + PHASE_STEP * phase), SUM, interval)
}

/// Mean voltage of a phase in the interval.
pub(super) fn voltage(phase: Phase, interval: Interval) -> Obis {
    electricity(32 + PHASE_STEP * phase, MEAN, interval)
}

/// Mean voltage between two phases in the interval: L1-L2, L2-L3, L3-L1.
pub(super) fn line_voltage(line: u8, interval: Interval) -> Obis {
    Obis([0, 0, SERIES, 11 + line, interval.group(), 255])
}

/// Energy that the house used in the interval, from the grid and from its own production.
pub(super) fn house(interval: Interval) -> Obis {
    Obis([0, 0, SERIES, 1, interval.group(), 255])
}

/// Energy of photovoltaics in the interval.
pub(super) fn solar(interval: Interval) -> Obis {
    Obis([0, 0, SERIES, 2, interval.group(), 255])
}

/// Energy of devices that are always on in the interval.
pub(super) fn always_on(interval: Interval) -> Obis {
    Obis([0, 0, SERIES, 3, interval.group(), 255])
}

/// Cost of the interval in the site's currency.
pub(super) fn cost(interval: Interval) -> Obis {
    Obis([0, 0, SERIES, 4, interval.group(), 255])
}

/// Gas volume of the interval at an input, from 1.
pub(super) fn gas(input: u8, interval: Interval) -> Obis {
    Obis([7, input, SERIES, 5, interval.group(), 255])
}

/// Water volume of the interval at an input, from 1.
pub(super) fn water(input: u8, interval: Interval) -> Obis {
    Obis([8, input, SERIES, 5, interval.group(), 255])
}

/// Pulses of the interval at an input, from 1.
pub(super) fn pulses(input: u8, interval: Interval) -> Obis {
    Obis([1, input, 82, SUM, interval.group(), 255])
}

fn electricity(c: u8, d: u8, interval: Interval) -> Obis {
    Obis([1, 0, c, d, interval.group(), 255])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::registry::entry;

    #[test]
    fn every_register_has_a_name_and_a_unit_for_every_interval() {
        let intervals = (0..=255).filter_map(Interval::of_group);
        let mut all = vec![TEMPERATURE, HUMIDITY, BATTERY, SWITCH, CONNECTION, POWER_CHANGE, POWER_AFTER_CHANGE];
        for interval in intervals {
            all.extend([import, export, house, solar, always_on, cost].map(|code| code(interval)));
            for phase in 0..3 {
                all.extend([energy(Some(phase), interval), reactive_energy(Some(phase), interval)]);
                all.extend([voltage(phase, interval), line_voltage(phase, interval)]);
            }
            all.extend([energy(None, interval), reactive_energy(None, interval)]);
            all.extend([gas(1, interval), water(2, interval), pulses(1, interval)]);
        }
        let unknown: Vec<_> = all.iter().filter(|code| entry(**code).is_none()).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "no code has two meanings");
    }
}
