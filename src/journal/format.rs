//! Which format a journal is written in.
//!
//! A program reads every format up to its newest and writes the one that the
//! directory says: so a newer program that opens an older directory goes on writing
//! what the older one can read, and the upgrade can be taken back, until
//! [`finalize`] raises the directory's format for good. A new directory begins with
//! the newest. Invariant: no segment has a higher format than its directory, and
//! the directory's never goes down.

use super::OpenError;
use super::disk::{self, Disk, RealDisk};
use super::ledger::{checked_line, with_checksum};
use super::lock::Lock;
use std::fmt;
use std::io;
use std::path::Path;

const FILE: &str = "format";
const FILE_BYTES_MAX: u64 = 4096;

/// A format of segments; numbers are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FormatVersion(pub u16);

impl FormatVersion {
    /// That of directories that say nothing.
    pub const FIRST: Self = Self(1);

    /// The newest that this program can read and write.
    #[must_use]
    pub fn newest() -> Self {
        #[cfg(feature = "test-faults")]
        if let Some(number) = crate::faults::number("journal-format").and_then(|number| u16::try_from(number).ok()) {
            return Self(number);
        }
        Self::FIRST
    }
}

impl fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The format that a directory is written in; one that `is_new` gets the newest. A
/// directory that an older program made and has nothing in yet is not new.
///
/// # Errors
/// One that this program is too old for, a damaged file, a failing disk.
pub(super) fn of_directory(disk: &dyn Disk, is_new: bool) -> Result<FormatVersion, OpenError> {
    let io = |source| io_error(disk, source);
    let stored = match disk::read_whole(disk, FILE, FILE_BYTES_MAX).map_err(io)? {
        Some(bytes) => {
            Some(parse(&bytes).ok_or_else(|| io(io::Error::other("it is damaged; restore it from a copy")))?)
        }
        None => None,
    };
    let newest = FormatVersion::newest();
    match stored {
        Some(format) if format > newest => {
            Err(OpenError::Finalized { directory: disk.path().to_owned(), format: format.0, newest: newest.0 })
        }
        Some(format) => Ok(format),
        None if newest > FormatVersion::FIRST && is_new => {
            store(disk, newest).map_err(io)?;
            Ok(newest)
        }
        None => Ok(FormatVersion::FIRST),
    }
}

/// Raises the directory's format to the newest of this program, for good: an older
/// program refuses it from then on. Returns what it was and what it is.
///
/// # Errors
/// A directory in use, or one that this program is too old for, a failing disk; nothing is changed then.
pub fn finalize(directory: &Path) -> Result<(FormatVersion, FormatVersion), OpenError> {
    let disk = RealDisk::create(directory).map_err(|source| OpenError::Io {
        directory: directory.to_owned(),
        what: "the directory cannot be opened".to_owned(),
        source,
    })?;
    let locked = Lock::take(&disk).map_err(|source| io_error(&disk, source))?;
    let _lock = locked.ok_or_else(|| OpenError::Locked { directory: directory.to_owned() })?;
    let (before, newest) = (of_directory(&disk, false)?, FormatVersion::newest());
    if before < newest {
        store(&disk, newest).map_err(|source| io_error(&disk, source))?;
    }
    Ok((before, newest))
}

fn store(disk: &dyn Disk, format: FormatVersion) -> io::Result<()> {
    disk::replace(disk, FILE, with_checksum(&format!("format {format}")).as_bytes())
}

fn parse(bytes: &[u8]) -> Option<FormatVersion> {
    let text = std::str::from_utf8(bytes).ok()?;
    let number = checked_line(text.strip_suffix('\n')?)?.strip_prefix("format ")?;
    number.parse().ok().map(FormatVersion)
}

fn io_error(disk: &dyn Disk, source: io::Error) -> OpenError {
    OpenError::Io { directory: disk.path().to_owned(), what: "its file `format` cannot be used".to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::FaultyDisk;

    #[test]
    fn a_directory_that_says_nothing_has_the_first_and_a_stored_one_is_read_back() {
        let disk = FaultyDisk::new(1);
        assert_eq!(of_directory(&disk, true).unwrap(), FormatVersion::FIRST);
        store(&disk, FormatVersion::FIRST).unwrap();
        disk.restart_after_power_cut();
        assert_eq!(of_directory(&disk, true).unwrap(), FormatVersion::FIRST);
    }

    #[test]
    fn a_directory_that_was_finalized_by_a_newer_program_is_refused_in_one_sentence() {
        let disk = FaultyDisk::new(1);
        store(&disk, FormatVersion(7)).unwrap();
        let error = of_directory(&disk, true).unwrap_err().to_string();
        assert!(error.contains("format 7") && error.contains("start the newer program again"), "{error}");
    }

    #[test]
    fn a_damaged_file_is_refused() {
        for at in [0, 10, 15] {
            let disk = FaultyDisk::new(1);
            store(&disk, FormatVersion::FIRST).unwrap();
            disk.damage(FILE, at, b"~");
            assert!(of_directory(&disk, true).is_err(), "{at}");
        }
    }
}
