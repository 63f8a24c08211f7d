//! From the device's OBIS codes to registers.
//!
//! One quantity has one code over all vendors: the device uses D = 4, elsewhere the running average of a
//! demand period, for its momentary values.

use crate::reading::Obis;
use crate::reading::registry::{Unit, entry};
use std::borrow::Cow;

/// The group D of momentary values of this device.
const MOMENTARY: u8 = 4;
/// The group D of momentary values elsewhere.
pub(super) const INSTANTANEOUS: u8 = 7;
/// The group D of energies.
const ENERGY: u8 = 8;

/// The register of a code. `has_instantaneous`: the same message has the code with D = 7, too, so D = 4
/// is an average.
pub(super) fn register(code: Obis, has_instantaneous: bool) -> Obis {
    let Obis([1, b, c, d, e, f]) = code else { return code };
    let d = if d == MOMENTARY && !has_instantaneous { INSTANTANEOUS } else { d };
    let c = match (c, d) {
        (_, ENERGY) => c,
        // The power factor of export. In IEC 62056-6-1 these are import plus export.
        (15, _) => 84,
        (35, _) => 85,
        (55, _) => 86,
        (75, _) => 87,
        _ => c,
    };
    Obis([1, b, c, d, e, f])
}

/// The code with D = 7 in place of D = 4; `None` for another D.
pub(super) fn instantaneous(code: Obis) -> Option<Obis> {
    let Obis([a, b, c, MOMENTARY, e, f]) = code else { return None };
    Some(Obis([a, b, c, INSTANTANEOUS, e, f]))
}

/// The unit of a register, if its values are known to be in thousandths of it: of electricity.
pub(super) fn unit(register: Obis) -> Option<Unit> {
    entry(register).filter(|entry| entry.code.0[0] == 1).map(|entry| entry.unit)
}

/// The code as the device's documents write it.
pub(super) fn raw_code(code: Obis) -> Cow<'static, str> {
    let [1, 0, c, d, 0, 255] = code.0 else { return Cow::Owned(code.to_string()) };
    match NAMES.binary_search_by_key(&(c, d), |(c, d, _)| (*c, *d)).ok().and_then(|at| NAMES.get(at)) {
        Some((.., name)) => Cow::Borrowed(name),
        None => Cow::Owned(code.to_string()),
    }
}

macro_rules! names {
    ($($c:literal: $($d:literal)+;)+) => {
        [$($(($c, $d, concat!("1-0:", $c, ".", $d, ".0*255")),)+)+]
    };
}

/// Written forms of the codes that these devices send, so that none is made for a frame; sorted.
const NAMES: [(u8, u8, &str); 66] = names![
    1: 4 8; 2: 4 8; 3: 4 8; 4: 4 8; 9: 4 8; 10: 4 8; 13: 4; 14: 4; 15: 4;
    21: 4 8; 22: 4 8; 23: 4 8; 24: 4 8; 29: 4 8; 30: 4 8; 31: 4; 32: 4; 33: 4; 34: 4; 35: 4;
    41: 4 8; 42: 4 8; 43: 4 8; 44: 4 8; 49: 4 8; 50: 4 8; 51: 4; 52: 4; 53: 4; 54: 4; 55: 4;
    61: 4 8; 62: 4 8; 63: 4 8; 64: 4 8; 69: 4 8; 70: 4 8; 71: 4; 72: 4; 73: 4; 74: 4; 75: 4;
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_forms_are_sorted_and_equal_the_codes() {
        assert!(NAMES.is_sorted());
        for (c, d, name) in NAMES {
            let code = Obis([1, 0, c, d, 0, 255]);
            assert_eq!(code.to_string(), name);
            assert!(matches!(raw_code(code), Cow::Borrowed(known) if known == name));
            assert!(unit(register(code, false)).is_some(), "{name} has a unit");
        }
    }

    #[test]
    fn momentary_values_and_power_factors_of_export_have_the_common_codes() {
        let of = |code: &str, average| register(code.parse().unwrap(), average).to_string();
        assert_eq!(of("1-0:1.4.0", false), "1-0:1.7.0*255");
        assert_eq!(of("1-0:1.4.0", true), "1-0:1.4.0*255");
        assert_eq!(of("1-0:1.7.0", true), "1-0:1.7.0*255");
        for (c, expected) in [(15, 84), (35, 85), (55, 86), (75, 87)] {
            assert_eq!(of(&format!("1-0:{c}.4.0"), false), format!("1-0:{expected}.7.0*255"));
            assert_eq!(of(&format!("1-0:{c}.6.0"), false), format!("1-0:{expected}.6.0*255"));
            assert_eq!(of(&format!("1-0:{c}.8.0"), false), format!("1-0:{c}.8.0*255"));
        }
        assert_eq!(of("7-0:3.4.0", false), "7-0:3.4.0*255");
    }
}
