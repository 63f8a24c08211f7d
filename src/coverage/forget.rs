//! Removes a meter from the coverage of a data directory that no service uses.

use super::file::{self, CoverageError, FILE};
use crate::reading::MeterId;
use std::path::Path;

/// Removes a meter and its gaps from the stored coverage.
///
/// # Errors
/// A file that cannot be read or written; it is then as it was.
pub fn forget(data_directory: &Path, meter: MeterId) -> Result<(), CoverageError> {
    let file = data_directory.join(FILE);
    let Some(mut known) = file::load(&file, usize::MAX)? else { return Ok(()) };
    let Some(position) = known.position else { return Ok(()) };
    known.remove(meter);
    let first = file::first_part(&known, position);
    file::write_parts(&file, first, |number| file::meters_part(&known, number), || file::last_part(&known))?;
    Ok(())
}
