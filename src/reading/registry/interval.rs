//! Intervals that vendors sum over, and the codes that name them.
//!
//! A row of an hour and a row of five minutes hold the same quantity over different times. Group E of
//! their codes (0 or, in OBIS's manufacturer range, 130 to 138) names the interval, so that one never
//! replaces the other: `1-0:1.29.0` five minutes, `1-0:1.29.130` an hour. [`series`] are sums without
//! a published code.

use super::quantity::{Kind, Unit};
use crate::reading::Obis;
use std::fmt;

const MINUTE_NS: i64 = 60 * 1_000_000_000;

/// The interval of a sum or mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interval {
    /// The device's recording interval; Smappee's is five minutes.
    Recording,
    /// Ten minutes.
    TenMinutes,
    /// Fifteen minutes.
    QuarterHour,
    /// Twenty minutes.
    TwentyMinutes,
    /// Thirty minutes.
    HalfHour,
    /// An hour.
    Hour,
    /// A day of the place's calendar.
    Day,
    /// A month of the calendar.
    Month,
    /// A quarter of a year.
    Quarter,
    /// A year.
    Year,
}

impl Interval {
    /// Every interval with its group E and its name.
    const ALL: [(Self, u8, &'static str); 10] = [
        (Self::Recording, 0, ""),
        (Self::Hour, 130, ", hour"),
        (Self::Day, 131, ", day"),
        (Self::Month, 132, ", month"),
        (Self::Quarter, 133, ", quarter of a year"),
        (Self::TenMinutes, 134, ", 10 minutes"),
        (Self::QuarterHour, 135, ", 15 minutes"),
        (Self::TwentyMinutes, 136, ", 20 minutes"),
        (Self::HalfHour, 137, ", 30 minutes"),
        (Self::Year, 138, ", year"),
    ];

    /// Group E of its codes.
    pub fn group(self) -> u8 {
        self.listed().1
    }

    /// The interval of a group E.
    pub fn of_group(group: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == group).map(|(interval, ..)| *interval)
    }

    /// Whether a sum's time is the end or the start of the interval. The end of a day and longer depends
    /// on the place's time zone, so their time is the start.
    pub fn kind(self) -> Kind {
        match self {
            Self::Day | Self::Month | Self::Quarter | Self::Year => Kind::IntervalStartingAt,
            _ => Kind::IntervalEndingAt,
        }
    }

    /// Its length, unless it depends on the calendar. The recording interval is five minutes.
    pub fn length_ns(self) -> Option<i64> {
        let minutes = match self {
            Self::Recording => 5,
            Self::TenMinutes => 10,
            Self::QuarterHour => 15,
            Self::TwentyMinutes => 20,
            Self::HalfHour => 30,
            Self::Hour => 60,
            Self::Day | Self::Month | Self::Quarter | Self::Year => return None,
        };
        Some(minutes * MINUTE_NS)
    }

    /// The end of its names; empty for the recording interval.
    pub(super) fn suffix(self) -> &'static str {
        self.listed().2
    }

    fn listed(self) -> (Self, u8, &'static str) {
        Self::ALL.into_iter().find(|(known, ..)| *known == self).unwrap_or((self, 0, ""))
    }
}

/// A sum or mean of an interval without a published code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    name: &'static str,
    /// The input of the device; 0 for the device itself.
    input: u8,
    interval: Interval,
}

/// The series of a code, its unit and kind.
pub(super) fn series(code: Obis) -> Option<(Series, Unit, Kind)> {
    let [a, input, c, d, e, 255] = code.0 else { return None };
    let interval = Interval::of_group(e)?;
    let (name, unit) = match (a, input, c, d) {
        (0, 0, 129, 1) => ("energy used by the house in the interval", Unit::WattHour),
        (0, 0, 129, 2) => ("energy of photovoltaics of the interval", Unit::WattHour),
        (0, 0, 129, 3) => ("energy of what is always on in the interval", Unit::WattHour),
        (0, 0, 129, 4) => ("cost of the interval", Unit::Unknown),
        (0, 0, 129, 6) => ("temperature, average of the interval", Unit::DegreeCelsius),
        (0, 0, 129, 7) => ("relative humidity, average of the interval", Unit::One),
        (0, 0, 129, 8) => ("battery level, average of the interval", Unit::One),
        (0, 0, 129, 11) => ("voltage L1-L2, average of the interval", Unit::Volt),
        (0, 0, 129, 12) => ("voltage L2-L3, average of the interval", Unit::Volt),
        (0, 0, 129, 13) => ("voltage L3-L1, average of the interval", Unit::Volt),
        (7, 1..=64, 129, 5) => ("gas volume of the interval", Unit::CubicMetre),
        (8, 1..=64, 129, 5) => ("cold water volume of the interval", Unit::CubicMetre),
        (1, 1..=64, 82, 29) => ("pulses of the interval", Unit::One),
        _ => return None,
    };
    Some((Series { name, input, interval }, unit, interval.kind()))
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.interval.suffix())?;
        if self.input > 0 { write!(f, ", input {}", self.input) } else { Ok(()) }
    }
}
