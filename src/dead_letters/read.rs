//! Reading the letters without a lock, beside a running service.

use super::letter::{self, DeadLetter, LetterId, Settlement};
use super::{DeadLetterError, FORMAT_LETTER, FORMAT_SETTLED};
use crate::journal::{Sequence, inspect};
use std::collections::BTreeMap;
use std::path::Path;

/// A letter and what was decided about it.
#[derive(Debug, Clone)]
pub struct StoredLetter {
    /// Its number.
    pub id: LetterId,
    /// The letter.
    pub letter: DeadLetter,
    /// What was decided; `None` while it is open.
    pub settled: Option<Settlement>,
}

/// Every letter of a directory that retention has not taken, oldest first; the
/// bodies of those that `wanted` does not want are left empty.
///
/// # Errors
/// When the directory cannot be read or is damaged.
pub fn read_all(directory: &Path, wanted: impl Fn(LetterId) -> bool) -> Result<Vec<StoredLetter>, DeadLetterError> {
    let inspection = inspect::open(directory)?;
    let mut found = BTreeMap::new();
    let mut reader = inspection.view().reader(inspection.view().oldest())?;
    while let Some(record) = reader.read()? {
        let id = LetterId(record.sequence.0);
        match record.header.format {
            FORMAT_LETTER => {
                let mut letter = DeadLetter::decode(record.payload).map_err(|why| DeadLetterError::Invalid(id, why))?;
                if !wanted(id) {
                    letter.body = Vec::new();
                }
                found.insert(id, StoredLetter { id, letter, settled: None });
            }
            FORMAT_SETTLED => {
                let (id, how) = letter::decode_settlement(record.payload)
                    .map_err(|why| DeadLetterError::Invalid(LetterId(record.sequence.0), why))?;
                if let Some(found) = found.get_mut(&id) {
                    found.settled = Some(how);
                }
            }
            _ => {}
        }
    }
    Ok(found.into_values().collect())
}

/// One letter of a directory.
///
/// # Errors
/// When there is none of that number, or the directory cannot be read.
pub fn read_one(directory: &Path, id: LetterId) -> Result<StoredLetter, DeadLetterError> {
    let inspection = inspect::open(directory)?;
    if !(inspection.view().oldest()..inspection.view().next()).contains(&Sequence(id.0)) {
        return Err(DeadLetterError::Unknown(id));
    }
    read_all(directory, |other| other == id)?
        .into_iter()
        .find(|found| found.id == id)
        .ok_or(DeadLetterError::Unknown(id))
}
