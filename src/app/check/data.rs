//! Findings about the data directory: whether the service can create it or write in it, and
//! whether its volume has room for the journal.

use crate::app::finding::Finding;
use crate::base::{Level, human};
use crate::config::Config;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The name of the directory that is created to prove that one can be, and removed at once.
const PROBE: &str = ".meterline-check";

/// Returns the findings. Leaves nothing behind.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let directory = &config.data_directory;
    let existing = nearest_existing(directory);
    let found = usable(directory, &existing);
    let room = if found.level == Level::Good { volume(config, &existing) } else { None };
    std::iter::once(found).chain(room).collect()
}

/// Returns the directory, or the nearest one above it that exists.
fn nearest_existing(directory: &Path) -> PathBuf {
    let mut all = directory.ancestors().map(|above| match above.as_os_str().is_empty() {
        true => Path::new("."),
        false => above,
    });
    all.find(|above| !is_missing(above)).unwrap_or(directory).to_owned()
}

fn is_missing(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn usable(directory: &Path, existing: &Path) -> Finding {
    let shown = directory.display();
    let fault = |why: String| Finding::new("data", Level::Fault, why);
    let probed = probe(existing);
    match (directory == existing, probed) {
        (true, _) if directory.is_file() => {
            fault(format!("{shown} is not a directory; set data_directory to a directory"))
        }
        (true, Ok(())) => Finding::new("data", Level::Good, format!("{shown} exists")),
        (true, Err(error)) => fault(format!("{shown} is not writable: {error}; make the service's user its owner")),
        (false, Ok(())) => Finding::new("data", Level::Good, format!("{shown} will be created at the first start")),
        (false, Err(error)) => fault(format!(
            "{shown} cannot be created, because {} is not writable: {error}; set data_directory to a directory that \
             the service's user can create",
            existing.display()
        )),
    }
}

/// Creates and removes a directory. Only that shows whether one can be created: modes and
/// owners say nothing about read-only volumes, quotas and virtual file systems.
fn probe(directory: &Path) -> io::Result<()> {
    let probe = directory.join(format!("{PROBE}-{}", std::process::id()));
    std::fs::create_dir(&probe)?;
    std::fs::remove_dir(&probe)
}

/// Compares the volume with the journal's cap.
fn volume(config: &Config, existing: &Path) -> Option<Finding> {
    let volume = rustix::fs::statvfs(existing).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(volume.f_frsize);
    let (size, cap) = (bytes(volume.f_blocks), config.journal.cap_bytes);
    let room = bytes(volume.f_bavail).saturating_add(journal_bytes(&config.journal_directory()));
    (room < cap).then(|| {
        Finding::new(
            "data",
            Level::Warning,
            format!(
                "journal.cap is {}, but the volume of {} has {} and at most {} of it for the journal, so that a full \
                 volume stops the sinks and the webhook before the cap does: lower journal.cap, or use a larger volume",
                human::bytes(cap),
                existing.display(),
                human::bytes(size),
                human::bytes(room)
            ),
        )
    })
}

fn journal_bytes(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|metadata| metadata.len()).sum()
}
