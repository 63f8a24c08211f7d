//! The values that people look at first in a meter: power or flow, and the counters of its energy or volume.

use crate::reading::Obis;

/// The role of a register among the main values of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MainValue {
    /// Power, import positive, or flow.
    Rate,
    /// Power of export, positive.
    RateOut,
    /// Power of a phase, import positive.
    RateOfPhase,
    /// Power of export of a phase, positive.
    RateOutOfPhase,
    /// The counter of import, or of another medium's energy or volume.
    Counter,
    /// The counter of import in one tariff.
    CounterOfTariff,
    /// The counter of export.
    CounterOut,
    /// The counter of export in one tariff.
    CounterOutOfTariff,
    /// A state of the room, such as the temperature, of devices that measure nothing else.
    Climate,
}

impl MainValue {
    /// Whether it is a counter.
    pub fn is_counter(self) -> bool {
        matches!(self, Self::Counter | Self::CounterOfTariff | Self::CounterOut | Self::CounterOutOfTariff)
    }
}

/// The role of a register, if it is a main value.
pub fn main_value(code: Obis) -> Option<MainValue> {
    Some(match code.0 {
        [1, _, 1 | 16, 7, 0, 255] | [0, 0, 128, 2 | 10, 0, 255] => MainValue::Rate,
        [1, _, 2, 7, 0, 255] => MainValue::RateOut,
        [1, _, 21 | 41 | 61 | 36 | 56 | 76, 7, 0, 255] => MainValue::RateOfPhase,
        [1, _, 22 | 42 | 62, 7, 0, 255] => MainValue::RateOutOfPhase,
        [1, _, 1, 8, 0, 255] | [0, 0, 128, 26, 0, 255] | [5..=9, _, 1 | 3, 0, 0, 255] => MainValue::Counter,
        [4, 0, 128, 0, 0, 255] | [15, 0, 128, 0, 0, 255] | [0, 0, 128, 8 | 9, 0, 255] => MainValue::Counter,
        [1, _, 2, 8, 0, 255] | [0, 0, 128, 27, 0, 255] => MainValue::CounterOut,
        [1, _, 1, 8, 1..=8, 255] => MainValue::CounterOfTariff,
        [1, _, 2, 8, 1..=8, 255] => MainValue::CounterOutOfTariff,
        [0, _, 96, 9, _, 255] => MainValue::Climate,
        _ => return None,
    })
}

/// The rank of a register among all registers of a meter: 0 for most, higher for those that people look at first.
pub fn prominence(code: Obis) -> u8 {
    match main_value(code) {
        Some(MainValue::Rate | MainValue::RateOut) => 5,
        Some(MainValue::Counter | MainValue::CounterOut) => 4,
        Some(MainValue::RateOfPhase | MainValue::RateOutOfPhase) => 3,
        Some(MainValue::CounterOfTariff | MainValue::CounterOutOfTariff) => 2,
        Some(MainValue::Climate) => 1,
        None => 0,
    }
}
