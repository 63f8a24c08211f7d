//! The meaning of a line's code.
//!
//! Most codes are the registers of the standard and are stored as they are. The others are
//! listed here, with the reason.

use crate::reading::Obis;

/// The channels of the M-Bus: gas, water, heat and others.
pub(super) const CHANNEL_MAX: u8 = 8;

/// The content of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The time of the telegram. The lowest number counts if there are several.
    Clock(u8),
    /// The time of the telegram without its date, and the date without the time (Iskra AM550).
    ClockTime,
    /// See [`Self::ClockTime`].
    ClockDate,
    /// An id of the meter. The lowest number counts if there are several.
    Id(u8),
    /// The version of the standard.
    Version,
    /// A line of an M-Bus channel.
    Channel(u8, ChannelLine),
    /// The log of long power failures: a time and a duration each.
    FailureLog,
    /// Peaks of earlier months: a period's end, the time of the peak, the peak.
    Peaks,
    /// A text or an unknown state; kept, not stored as a value.
    Text,
    /// A value of this register.
    Register(Obis),
}

/// The content of a line of an M-Bus channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChannelLine {
    /// The kind of the device.
    Kind,
    /// Its id.
    Id,
    /// Its counter. The lowest number counts if there are several: converted to standard
    /// temperature (NL), not converted (Belgium), the two-line form of DSMR 2.2 and 3.
    Counter(u8),
    /// The counter of cold in DSMR 3, beside the counter of heat.
    Cold,
    /// The position of its valve.
    Valve,
}

/// The register of a valve's position.
pub(super) const VALVE: Obis = Obis([0, 0, 24, 4, 0, 255]);
/// The register of a failure's duration, at its end.
pub(super) const FAILURE_DURATION: Obis = Obis([0, 0, 96, 7, 19, 255]);
/// The highest power of a quarter-hour.
pub(super) const PEAK: Obis = Obis([1, 0, 1, 6, 0, 255]);
/// The limit of the supply's current.
pub(super) const CURRENT_LIMIT: Obis = Obis([1, 0, 31, 4, 0, 255]);
/// The limit of the supply's power.
pub(super) const POWER_LIMIT: Obis = Obis([0, 0, 17, 0, 0, 255]);

/// The meaning of a code.
pub(super) fn meaning(code: Obis) -> Meaning {
    let [a, b, c, d, e, _] = code.0;
    match (a, b, c, d, e) {
        (0, 0, 1, 0, 0) => Meaning::Clock(0),
        // Warmtelink.
        (0, 0, 1, 1, 0) => Meaning::Clock(1),
        // Kamstrup.
        (0, 1, 1, 0, 0) => Meaning::Clock(2),
        (1, 0, 0, 9, 1) => Meaning::ClockTime,
        (1, 0, 0, 9, 2) => Meaning::ClockDate,
        (0, 0, 96, 1, 1) => Meaning::Id(0),
        // Luxembourg; Iskra; Groupe E.
        (0, 0, 42, 0, 0) => Meaning::Id(1),
        (0, 0, 96, 1, 0) | (1, 0, 96, 1, 0) => Meaning::Id(2),
        (0 | 1, 0, 0, 0, 0) => Meaning::Id(3),
        // Kamstrup in Norway.
        (1, 0 | 1, 0, 0, 5) => Meaning::Id(4),
        (1, 3, 0, 2, 8) | (0, 0, 96, 1, 4) => Meaning::Version,
        (0, 1..=CHANNEL_MAX, 24, 1, 0) => Meaning::Channel(b, ChannelLine::Kind),
        (0, 1..=CHANNEL_MAX, 96, 1, 0 | 1) => Meaning::Channel(b, ChannelLine::Id),
        (0, 1..=CHANNEL_MAX, 24, 2, 1) => Meaning::Channel(b, ChannelLine::Counter(0)),
        (0, 1..=CHANNEL_MAX, 24, 2, 3) => Meaning::Channel(b, ChannelLine::Counter(1)),
        (0, 1..=CHANNEL_MAX, 24, 3, 0) => Meaning::Channel(b, ChannelLine::Counter(2)),
        (0, 1..=CHANNEL_MAX, 24, 3, 1) => Meaning::Channel(b, ChannelLine::Cold),
        (0, 1..=CHANNEL_MAX, 24, 4, 0) => Meaning::Channel(b, ChannelLine::Valve),
        (1, 0, 99, 97, 0) => Meaning::FailureLog,
        (0, 0, 98, 1, 0) => Meaning::Peaks,
        // States and counts with a register of their own.
        (0, 0..=4, 96, 3, 10) | (0, 0, 96, 7, 9 | 21) | (0, 0, 96, 14, 0) | (0, 0, 17, 0, 0) => Meaning::Register(code),
        // Other service data is text: ids, messages, firmware.
        (0, ..) => Meaning::Text,
        (1, _, 0, d, _) if d != 4 => Meaning::Text,
        (1, _, 96..=99, ..) => Meaning::Text,
        // Ids and times of other media, from before DSMR 3.
        (5..=9, _, 0 | 23, ..) => Meaning::Text,
        _ => Meaning::Register(code),
    }
}
