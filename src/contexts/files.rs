//! The files of contexts: one for each device and version, and one that names the newest of several versions.
//!
//! Invariant: what was written is synced.

use crate::base::checked::{checked_line, with_checksum};
use crate::base::file::{Rights, read_at_most, refuse_beyond, replace_all, sync_directory_of};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use uuid::Uuid;

/// The directory's name in the data directory.
pub const DIRECTORY: &str = "contexts";
/// Largest context.
pub const CONTEXT_BYTES_MAX: usize = 256 << 10;
/// The name, after the device's, of the file that names the newest of several versions.
pub(super) const NEWEST: &str = "newest";
/// The largest file that names a version.
const NAME_BYTES_MAX: u64 = 64;

/// Device and version.
pub(super) type Key = (Uuid, Uuid);

/// The files in a directory; none without one.
#[derive(Debug, Default)]
pub(super) struct Files(Option<PathBuf>);

impl Files {
    /// The contexts in this data directory. Nothing is created before the first context.
    pub(super) fn of(data_directory: &Path) -> Self {
        Self(Some(data_directory.join(DIRECTORY)))
    }

    /// The devices and versions in the order of their writing.
    pub(super) fn listed(&self) -> Vec<Key> {
        let mut found = Vec::new();
        for entry in self.0.iter().flat_map(fs::read_dir).flatten().flatten() {
            let name = entry.file_name();
            let Some((device, rest)) = name.to_str().and_then(|name| name.split_once('_')) else { continue };
            if let (Ok(device), Ok(version)) = (Uuid::parse_str(device), Uuid::parse_str(rest)) {
                let written = entry.metadata().and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
                found.push((written, (device, version)));
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, key)| key).collect()
    }

    /// A context.
    pub(super) fn read(&self, key: Key) -> Option<Vec<u8>> {
        read_at_most(&context_in(self.0.as_ref()?, key), CONTEXT_BYTES_MAX as u64).ok().flatten()
    }

    /// The version that is named as the newest one.
    pub(super) fn read_name(&self, device: Uuid) -> Option<Uuid> {
        let bytes = read_at_most(&name_in(self.0.as_ref()?, device), NAME_BYTES_MAX).ok().flatten()?;
        let text = String::from_utf8(bytes).ok()?;
        Uuid::parse_str(checked_line(text.strip_suffix('\n')?)?).ok()
    }

    /// Stores new versions, and the names of the newest ones.
    ///
    /// # Errors
    /// When a version is larger than [`CONTEXT_BYTES_MAX`] or cannot be written.
    pub(super) fn write(&self, new: &HashMap<Key, &[u8]>, newest: &[Key]) -> io::Result<()> {
        new.values().try_for_each(|context| refuse_beyond(context, CONTEXT_BYTES_MAX as u64))?;
        let Some(directory) = &self.0 else { return Ok(()) };
        if !directory.exists() {
            fs::create_dir_all(directory)?;
            sync_directory_of(directory)?;
        }
        let files: Vec<_> = new.iter().map(|(key, context)| (context_in(directory, *key), *context)).collect();
        replace_all(&files, CONTEXT_BYTES_MAX as u64, Rights::PRIVATE)?;
        let names: Vec<_> =
            newest.iter().map(|(device, version)| (*device, with_checksum(&version.to_string()))).collect();
        let files: Vec<_> = names.iter().map(|(device, name)| (name_in(directory, *device), name.as_bytes())).collect();
        replace_all(&files, NAME_BYTES_MAX, Rights::PRIVATE)
    }

    /// Removes a context.
    pub(super) fn remove(&self, key: Key) {
        self.0.iter().for_each(|directory| remove(&context_in(directory, key)));
    }

    /// Removes the name of a device's newest version.
    pub(super) fn remove_name(&self, device: Uuid) {
        self.0.iter().for_each(|directory| remove(&name_in(directory, device)));
    }
}

/// The file of a context.
pub(super) fn context_in(directory: &Path, (device, version): Key) -> PathBuf {
    directory.join(format!("{device}_{version}"))
}

fn name_in(directory: &Path, device: Uuid) -> PathBuf {
    directory.join(format!("{device}_{NEWEST}"))
}

/// Removes a file if it exists.
fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "an old context cannot be removed");
        }
        _ => {}
    }
}
