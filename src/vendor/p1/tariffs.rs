//! The total of import and export, for a meter that sends two tariffs and no total.

use super::unit::Quantity;
use crate::reading::Obis;
use crate::vendor::decimal::Decimal;

/// The two tariffs of import and export, for a meter without a total.
#[derive(Debug, Default)]
pub(super) struct Tariffs {
    import: Total,
    export: Total,
}

#[derive(Debug, Default)]
struct Total {
    tariffs: [Option<Decimal>; 2],
    /// A total or a third tariff was sent: the sum of two would be wrong.
    is_known: bool,
}

impl Tariffs {
    /// Notes that the meter sends this register, also if it cannot be read.
    pub(super) fn note_sent(&mut self, obis: Obis) {
        match obis.0 {
            [1, 0, 1, 8, 0 | 3.., 255] => self.import.is_known = true,
            [1, 0, 2, 8, 0 | 3.., 255] => self.export.is_known = true,
            _ => {}
        }
    }

    /// Notes a value of this register.
    pub(super) fn note(&mut self, obis: Obis, quantity: Quantity) {
        let (total, tariff) = match obis.0 {
            [1, 0, 1, 8, tariff, 255] => (&mut self.import, tariff),
            [1, 0, 2, 8, tariff, 255] => (&mut self.export, tariff),
            _ => return,
        };
        match (usize::from(tariff).checked_sub(1).and_then(|index| total.tariffs.get_mut(index)), quantity.unit) {
            (Some(place), Some(unit)) => *place = Some(quantity.number.shifted(unit.power())),
            _ => total.is_known = true,
        }
    }

    /// The totals in Wh, with the codes of their parts.
    pub(super) fn totals(&self) -> impl Iterator<Item = (Obis, f64, &'static str)> {
        let total = |c, total: &Total, raw_code: &'static str| {
            let [Some(first), Some(second)] = total.tariffs else { return None };
            let sum = (first + second)?;
            (!total.is_known).then(|| (Obis([1, 0, c, 8, 0, 255]), sum.to_f64(), raw_code))
        };
        let import = total(1, &self.import, "1-0:1.8.1+1-0:1.8.2");
        import.into_iter().chain(total(2, &self.export, "1-0:2.8.1+1-0:2.8.2"))
    }
}
