//! The properties of a reading that tell which readings are missing.

use super::judged::Judged;
use crate::reading::{Flags, MeterId, QUARTER_HOUR_NS, UnixNanos, registry};

/// A reading without its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenReading {
    /// The meter.
    pub meter: MeterId,
    /// When it was measured.
    pub at: UnixNanos,
    /// Whether one of its registers is a counter; always false between quarter-hours, where
    /// it is not needed.
    pub has_counter: bool,
    /// Whether it was fetched by gap repair.
    pub is_repair: bool,
    /// Whether it is a row of an interval, which a cloud may bring beside what a device sends: its first
    /// register decides.
    pub is_row: bool,
}

impl SeenReading {
    /// The properties of a judged reading; `None` if its meter sends it only when something happens, so
    /// that no reading is missing in its silence, and if it is a test.
    pub fn of(reading: &Judged<'_>) -> Option<Self> {
        if reading.flags.contains(Flags::TEST) || is_occasional(reading) {
            return None;
        }
        let is_at_quarter_hour = reading.at.0.rem_euclid(QUARTER_HOUR_NS) == 0;
        Some(Self {
            meter: reading.meter,
            at: reading.at,
            has_counter: is_at_quarter_hour && reading.samples().any(|sample| registry::is_counter(sample.obis)),
            is_repair: reading.flags.contains(Flags::GAP_REPAIR),
            is_row: reading.samples().next().is_some_and(|first| registry::is_of_interval(first.obis)),
        })
    }
}

/// Whether the reading is one of an event: by its first register, or a switch position alone.
fn is_occasional(reading: &Judged<'_>) -> bool {
    let mut samples = reading.samples();
    match samples.next() {
        Some(first) if first.obis == registry::SWITCH => samples.next().is_none(),
        first => first.is_some_and(|first| registry::is_occasional(first.obis)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Limits, Sample};
    use crate::wire::batch::{Original, encode};
    use crate::wire::{PayloadFormat, readings};

    /// Whether a reading with these registers may be missed.
    fn is_seen(codes: &[&str]) -> bool {
        is_seen_with(Flags::NONE, codes)
    }

    fn is_seen_with(flags: Flags, codes: &[&str]) -> bool {
        let samples: Vec<Sample> =
            codes.iter().map(|code| Sample { obis: code.parse().unwrap(), value: 1.0 }).collect();
        let at = UnixNanos(QUARTER_HOUR_NS * 2_000_000);
        let reading = (MeterId::named("test", "a"), at, flags, samples);
        let body = encode([reading], &Original::default());
        let reading = readings(PayloadFormat::ReadingBatch, &body).unwrap().next().unwrap();
        SeenReading::of(&Judged::new(reading, &Limits::DEFAULT, at).unwrap()).is_some()
    }

    #[test]
    fn the_silence_of_meters_that_send_only_when_something_happens_is_none() {
        for codes in [
            // Pulses of a gas and water sensor, with its temperature, humidity and battery.
            &["1-1:82.29.0", "0-0:96.9.0", "0-0:96.9.2", "0-0:96.6.1"][..],
            &["8-1:129.5.0", "7-2:129.5.0", "0-0:96.9.0"],
            // A plug.
            &["0-0:96.3.10"],
            &["0-0:128.23.1"],
            // Presence.
            &["0-0:128.23.18"],
            // An appliance that was switched on.
            &["0-0:128.23.2", "0-0:128.23.3"],
        ] {
            assert!(!is_seen(codes), "{codes:?}");
        }
        for codes in [
            &["1-0:36.7.0"][..],
            &["1-0:1.8.0", "0-0:96.3.10"],
            &["0-0:96.3.10", "1-0:1.8.0"],
            &["0-0:96.9.0"],
            &["1-1:82.8.0"],
            &[],
        ] {
            assert!(is_seen(codes), "{codes:?}");
            assert!(is_seen_with(Flags::ESTIMATED, codes), "{codes:?}");
            assert!(!is_seen_with(Flags::TEST, codes), "a test fills no gap: {codes:?}");
        }
    }
}
