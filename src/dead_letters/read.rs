//! Reads dead letters without a lock, beside a running service.

use super::letter::{self, DeadLetter, LetterId, Settlement};
use super::{DeadLetterError, FORMAT_LETTER, FORMAT_SETTLED};
use crate::journal::{Sequence, inspect};
use std::collections::BTreeMap;
use std::path::Path;

/// A dead letter and the decision about it.
#[derive(Debug, Clone)]
pub struct StoredLetter {
    /// Its number.
    pub id: LetterId,
    /// The dead letter.
    pub letter: DeadLetter,
    /// The decision; `None` while it is open.
    pub settled: Option<Settlement>,
}

/// All dead letters of a directory that retention has not deleted, oldest first; none if
/// the directory does not exist. Bodies are read only of those that `wanted` accepts.
///
/// # Errors
/// When the directory cannot be read or is damaged.
pub fn read_all(directory: &Path, wanted: impl Fn(LetterId) -> bool) -> Result<Vec<StoredLetter>, DeadLetterError> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
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

/// One dead letter of a directory.
///
/// # Errors
/// When there is no such dead letter, or the directory cannot be read.
pub fn read_one(directory: &Path, id: LetterId) -> Result<StoredLetter, DeadLetterError> {
    if !directory.exists() {
        return Err(DeadLetterError::Unknown(id));
    }
    let inspection = inspect::open(directory)?;
    if !(inspection.view().oldest()..inspection.view().next()).contains(&Sequence(id.0)) {
        return Err(DeadLetterError::Unknown(id));
    }
    read_all(directory, |other| other == id)?
        .into_iter()
        .find(|found| found.id == id)
        .ok_or(DeadLetterError::Unknown(id))
}
