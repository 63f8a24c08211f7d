//! The unit of a meter's register: of the registry, or, where its vendor publishes none, as the operator states it.
//!
//! A stated unit is a label: values are stored and shown as they were sent, and never converted.
//! Invariant: no statement changes a unit that the registry knows.

use super::registry::{self, Unit};
use super::{MeterId, Obis};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The units of registers. Clones share the statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Units(Arc<BTreeMap<(Obis, Option<MeterId>), Unit>>);

impl Units {
    /// States the unit of a register of this meter, or of every meter without a statement of its own.
    ///
    /// # Errors
    /// The unit that the registry has for the register, or that is stated already.
    pub fn state(&mut self, register: Obis, meter: Option<MeterId>, unit: Unit) -> Result<(), Unit> {
        let known = registry::unit(register);
        if known != Unit::Unknown {
            return Err(known);
        }
        match self.0.get(&(register, meter)) {
            Some(stated) => Err(*stated),
            None => {
                Arc::make_mut(&mut self.0).insert((register, meter), unit);
                Ok(())
            }
        }
    }

    /// The unit of a meter's register.
    pub fn of(&self, meter: MeterId, register: Obis) -> Unit {
        let known = registry::unit(register);
        if known != Unit::Unknown || self.0.is_empty() {
            return known;
        }
        let stated = |meter| self.0.get(&(register, meter)).copied();
        stated(Some(meter)).or_else(|| stated(None)).unwrap_or(Unit::Unknown)
    }

    /// Its symbol; `?` if it is unknown.
    pub fn symbol(&self, meter: MeterId, register: Obis) -> &'static str {
        self.of(meter, register).symbol()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLD_WATER: Obis = Obis([8, 0, 1, 0, 0, 255]);
    const IMPORT: Obis = Obis([1, 0, 1, 8, 0, 255]);

    #[test]
    fn a_stated_unit_is_of_its_meter_or_of_all_others_and_never_in_place_of_a_known_one() {
        let [own, other] = ["own", "other"].map(|name| MeterId::named("test", name));
        let mut units = Units::default();
        assert_eq!(units.symbol(own, COLD_WATER), "?");
        units.state(COLD_WATER, None, Unit::Litre).unwrap();
        units.state(COLD_WATER, Some(own), Unit::CubicMetre).unwrap();
        assert_eq!([own, other].map(|meter| units.of(meter, COLD_WATER)), [Unit::CubicMetre, Unit::Litre]);
        assert_eq!(units.state(COLD_WATER, None, Unit::CubicMetre), Err(Unit::Litre));
        assert_eq!(units.state(IMPORT, None, Unit::KilowattHour), Err(Unit::WattHour));
        assert_eq!(units.of(own, IMPORT), Unit::WattHour);
        assert_eq!(units.of(own, Obis([6, 0, 1, 0, 0, 255])), Unit::Unknown);
    }
}
