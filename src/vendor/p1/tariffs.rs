//! The total of import and export, for a meter that sends two tariffs and no total.
//!
//! Swiss meters send their tariffs under channel 1 (`1-1:1.8.1`); their total is of this channel, too.

use super::unit::Quantity;
use crate::reading::Obis;
use crate::vendor::decimal::Decimal;

/// The two tariffs of import and export, for a meter without a total.
#[derive(Debug, Default)]
pub(super) struct Tariffs {
    import: [Total; CHANNELS],
    export: [Total; CHANNELS],
}

/// The channels 0 and 1 of electricity.
const CHANNELS: usize = 2;

#[derive(Debug, Default, Clone, Copy)]
struct Total {
    tariffs: [Option<Decimal>; 2],
    /// A total or a third tariff was sent: the sum of two would be wrong.
    is_known: bool,
}

impl Tariffs {
    /// Notes that the meter sends this register, also if it cannot be read.
    pub(super) fn note_sent(&mut self, obis: Obis) {
        match (self.total(obis), obis.0[4]) {
            (Some((totals, _)), 0) => totals.iter_mut().for_each(|total| total.is_known = true),
            (Some((totals, channel)), 3..) => totals[channel].is_known = true,
            _ => {}
        }
    }

    /// The totals of the direction of this register, and its channel; `None` for another register.
    fn total(&mut self, obis: Obis) -> Option<(&mut [Total; CHANNELS], usize)> {
        let [1, channel @ 0..=1, c @ 1..=2, 8, _, 255] = obis.0 else { return None };
        Some((if c == 1 { &mut self.import } else { &mut self.export }, usize::from(channel)))
    }

    /// Notes a value of this register.
    pub(super) fn note(&mut self, obis: Obis, quantity: Quantity) {
        let Some((totals, channel)) = self.total(obis) else { return };
        let (total, tariff) = (&mut totals[channel], obis.0[4]);
        match (usize::from(tariff).checked_sub(1).and_then(|index| total.tariffs.get_mut(index)), quantity.unit) {
            (Some(place), Some(unit)) => *place = Some(quantity.number.shifted(unit.power())),
            _ => total.is_known = true,
        }
    }

    /// The totals in Wh, with the codes of their parts.
    pub(super) fn totals(&self) -> impl Iterator<Item = (Obis, f64, &'static str)> {
        let total = |(total, code, raw_code): (&Total, [u8; 6], &'static str)| {
            let [Some(first), Some(second)] = total.tariffs else { return None };
            let sum = (first + second)?;
            (!total.is_known).then(|| (Obis(code), sum.to_f64(), raw_code))
        };
        let ([import, import_1], [export, export_1]) = (&self.import, &self.export);
        [
            (import, [1, 0, 1, 8, 0, 255], "1-0:1.8.1+1-0:1.8.2"),
            (export, [1, 0, 2, 8, 0, 255], "1-0:2.8.1+1-0:2.8.2"),
            (import_1, [1, 1, 1, 8, 0, 255], "1-1:1.8.1+1-1:1.8.2"),
            (export_1, [1, 1, 2, 8, 0, 255], "1-1:2.8.1+1-1:2.8.2"),
        ]
        .into_iter()
        .filter_map(total)
    }
}
