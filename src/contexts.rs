//! Contexts: what a device said elsewhere and its messages do not repeat, such as a channel map.
//! A batch names the version with which it was decoded, so that a later decoder uses the same.
//!
//! Knows no vendor; a context is bytes of a device of a source. The version is made of the content, so
//! a context that comes back has its old version. Invariants: a context is on disk before a batch names
//! it. At most [`VERSIONS_MAX`] of each device are kept; the ones written first are removed first.

use crate::base::file::{Rights, read_at_most, refuse_beyond, replace, sync_directory_of};
use lru::LruCache;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// The directory's name in the data directory.
pub const DIRECTORY: &str = "contexts";
/// Largest context.
pub const CONTEXT_BYTES_MAX: usize = 256 << 10;
/// Versions kept for each device.
pub const VERSIONS_MAX: usize = if cfg!(test) { 4 } else { 256 };
/// Contexts kept in memory.
const RECENT_MAX: usize = 64;
/// The namespace of versions and of names of files.
const NAMESPACE: Uuid = Uuid::from_u128(0x5f2f_6a0c_34b1_4c0e_9a6e_0d6c_1f9b_7e21);

/// The kept contexts. A clone is the same store.
#[derive(Clone)]
pub struct Contexts(Arc<Inner>);

struct Inner {
    /// `None` for a store in memory alone.
    directory: Option<PathBuf>,
    /// The versions of each device, oldest first. Locked while a context is written.
    versions: Mutex<HashMap<Uuid, Vec<Uuid>>>,
    recent: Mutex<LruCache<Key, Arc<[u8]>>>,
}

/// Device and version.
type Key = (Uuid, Uuid);

/// A context that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its version.
    pub version: String,
    /// Whether it was not kept before.
    pub is_new: bool,
}

impl Contexts {
    /// The store in this data directory. Nothing is created before the first context.
    pub fn of(data_directory: &Path) -> Self {
        let directory = data_directory.join(DIRECTORY);
        Self::new(listed(&directory), Some(directory))
    }

    fn new(versions: HashMap<Uuid, Vec<Uuid>>, directory: Option<PathBuf>) -> Self {
        let recent = Mutex::new(LruCache::new(NonZeroUsize::new(RECENT_MAX).unwrap_or(NonZeroUsize::MIN)));
        Self(Arc::new(Inner { directory, versions: Mutex::new(versions), recent }))
    }

    /// Keeps a context of a source's device; it is synced on return. A source of one device has no id.
    ///
    /// # Errors
    /// When it is larger than [`CONTEXT_BYTES_MAX`] or cannot be written.
    pub fn keep(&self, source: &str, device: &str, context: &[u8]) -> io::Result<Kept> {
        let (device, version) = (device_key(source, device), Uuid::new_v5(&NAMESPACE, context));
        let mut versions = self.0.versions.lock();
        let own = versions.entry(device).or_default();
        let is_new = !own.contains(&version);
        if is_new {
            self.write(device, version, context)?;
            while own.len() >= VERSIONS_MAX {
                self.remove(device, own.remove(0));
            }
            own.push(version);
        }
        Ok(Kept { version: version.to_string(), is_new })
    }

    /// The context of this version, or without a version the oldest one of the device: a message that
    /// came before it is read by it as well. `None` if it is not kept, or cannot be read.
    pub fn get(&self, source: &str, device: &str, version: &str) -> Option<Arc<[u8]>> {
        let device = device_key(source, device);
        let version = match version {
            "" => self.0.versions.lock().get(&device)?.first().copied(),
            // A version of a record is no path.
            version => Uuid::parse_str(version).ok(),
        };
        let key = (device, version?);
        if let Some(known) = self.0.recent.lock().get(&key) {
            return Some(Arc::clone(known));
        }
        let path = self.0.directory.as_ref()?.join(file_name(key));
        let context: Arc<[u8]> = read_at_most(&path, CONTEXT_BYTES_MAX as u64).ok().flatten()?.into();
        self.0.recent.lock().put(key, Arc::clone(&context));
        Some(context)
    }

    /// The version of a device that was written last, and its context.
    pub fn newest(&self, source: &str, device: &str) -> Option<(String, Arc<[u8]>)> {
        let version = self.0.versions.lock().get(&device_key(source, device))?.last()?.to_string();
        let context = self.get(source, device, &version)?;
        Some((version, context))
    }

    fn write(&self, device: Uuid, version: Uuid, context: &[u8]) -> io::Result<()> {
        refuse_beyond(context, CONTEXT_BYTES_MAX as u64)?;
        if let Some(directory) = &self.0.directory {
            fs::create_dir_all(directory)?;
            sync_directory_of(directory)?;
            let path = directory.join(file_name((device, version)));
            replace(&path, context, CONTEXT_BYTES_MAX as u64, Rights::PRIVATE)?;
        }
        self.0.recent.lock().put((device, version), context.into());
        Ok(())
    }

    fn remove(&self, device: Uuid, version: Uuid) {
        self.0.recent.lock().pop(&(device, version));
        let Some(directory) = &self.0.directory else { return };
        if let Err(error) = fs::remove_file(directory.join(file_name((device, version)))) {
            tracing::warn!(%version, %error, "an old context cannot be removed");
        }
    }
}

impl Default for Contexts {
    /// A store in memory.
    fn default() -> Self {
        Self::new(HashMap::new(), None)
    }
}

/// The key of a device. Names of sources may have characters that names of files cannot.
fn device_key(source: &str, device: &str) -> Uuid {
    Uuid::new_v5(&Uuid::new_v5(&NAMESPACE, source.as_bytes()), device.as_bytes())
}

fn file_name((device, version): Key) -> String {
    format!("{device}_{version}")
}

/// The kept versions of a directory, in the order in which they were written.
fn listed(directory: &Path) -> HashMap<Uuid, Vec<Uuid>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let key = name.to_str().and_then(|name| name.split_once('_'));
        let key = key.and_then(|(device, version)| Some((device.parse().ok()?, version.parse().ok()?)));
        let written = entry.metadata().and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        found.extend(key.map(|key: Key| (written, key)));
    }
    found.sort_unstable();
    let mut versions: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for (_, (device, version)) in found {
        versions.entry(device).or_default().push(version);
    }
    versions
}

impl fmt::Debug for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contexts").field("directory", &self.0.directory).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &str = "00000000-0000-0000-0000-000000000000";

    #[test]
    fn a_context_is_found_by_its_version_also_after_a_restart_and_only_by_its_device() {
        let directory = tempfile::tempdir().unwrap();
        let contexts = Contexts::of(directory.path());
        assert_eq!(contexts.get("a/b", "", NONE), None);
        let kept = contexts.keep("a/b", "", b"map 1").unwrap();
        assert!(kept.is_new);
        assert_eq!(contexts.keep("a/b", "", b"map 1").unwrap(), Kept { is_new: false, ..kept.clone() });
        let again = Contexts::of(directory.path());
        for contexts in [&contexts, &again] {
            assert_eq!(contexts.get("a/b", "", &kept.version).as_deref(), Some(&b"map 1"[..]));
            assert_eq!(contexts.get("c", "", &kept.version), None);
            assert_eq!(contexts.get("a/b", "7", &kept.version), None);
            assert_eq!(contexts.get("a/b", "", "../meters.json"), None);
        }
        assert!(!again.keep("a/b", "", b"map 1").unwrap().is_new);
        assert!(again.keep("a/b", "7", b"map 1").unwrap().is_new);
        assert_eq!(again.newest("a/b", "").unwrap(), (kept.version, b"map 1".as_slice().into()));
        assert_eq!(again.newest("c", ""), None);
        // Without a directory it is kept in memory.
        let in_memory = Contexts::default();
        let kept = in_memory.keep("a/b", "", b"map 2").unwrap();
        assert_eq!(in_memory.get("a/b", "", &kept.version).as_deref(), Some(&b"map 2"[..]));
    }

    #[test]
    fn of_too_many_versions_the_oldest_is_removed_and_one_too_large_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let contexts = Contexts::of(directory.path());
        let versions: Vec<_> = (0..=VERSIONS_MAX)
            .map(|number| {
                let kept = contexts.keep("a", "", format!("map {number}").as_bytes()).unwrap();
                let key = (device_key("a", ""), kept.version.parse().unwrap());
                let file = directory.path().join(DIRECTORY).join(file_name(key));
                let written = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
                fs::File::open(file).unwrap().set_modified(written).unwrap();
                kept.version
            })
            .collect();
        for contexts in [&contexts, &Contexts::of(directory.path())] {
            let is_kept: Vec<_> = versions.iter().map(|version| contexts.get("a", "", version).is_some()).collect();
            assert_eq!(is_kept, [false, true, true, true, true]);
            assert_eq!(contexts.get("a", "", "").as_deref(), Some(&b"map 1"[..]), "the oldest");
            assert_eq!(contexts.get("b", "", ""), None);
        }
        let error = contexts.keep("a", "", &vec![0; CONTEXT_BYTES_MAX + 1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(contexts.keep("a", "", b"map 0").unwrap().is_new);
    }
}
