//! The list of series: which registers each meter has.

use rusqlite::Connection;

/// Meters whose listed registers are remembered. Of others each sample is listed again, which only costs time.
const METERS_MAX: usize = if cfg!(test) { 4 } else { 1 << 20 };
const ADD: &str = "INSERT OR IGNORE INTO series (meter, obis) VALUES (?1, ?2)";

/// The series that are surely listed: a bit for each register, in the order of the meters' numbers.
#[derive(Debug, Default)]
pub(super) struct Series {
    listed: Vec<u128>,
}

impl Series {
    /// Lists a series, if it is new.
    pub(super) fn add(&mut self, store: &Connection, meter: i64, obis: i64) -> rusqlite::Result<()> {
        let place = usize::try_from(meter).ok().filter(|place| *place < METERS_MAX);
        let bit = u32::try_from(obis).ok().and_then(|place| 1_u128.checked_shl(place));
        if let Some((place, bit)) = place.zip(bit) {
            if self.listed.len() <= place {
                self.listed.resize(place + 1, 0);
            }
            if self.listed[place] & bit != 0 {
                return Ok(());
            }
            self.listed[place] |= bit;
        }
        store.prepare_cached(ADD)?.execute([meter, obis]).map(drop)
    }
}
