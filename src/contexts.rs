//! Contexts: what a device said elsewhere and its messages do not repeat, such as a channel map.
//! A batch names the version with which it was decoded, so that a later decoder uses the same.
//!
//! Knows no vendor; a context is bytes of a device of a source. The version is made of the content, so
//! a context that comes back has its old version, and is the newest again. Invariants: no version is kept
//! before it is on disk. At most [`VERSIONS_MAX`] of each device are kept; the ones written first are
//! removed first.

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
/// The name, after the device's, of the file that names the newest of several versions.
const NEWEST: &str = "newest";
/// Length of a version as text.
const VERSION_BYTES_MAX: u64 = 36;
/// The namespace of versions and of names of files.
const NAMESPACE: Uuid = Uuid::from_u128(0x5f2f_6a0c_34b1_4c0e_9a6e_0d6c_1f9b_7e21);

/// The kept contexts. A clone is the same store.
#[derive(Clone)]
pub struct Contexts(Arc<Inner>);

struct Inner {
    /// `None` for a store in memory alone.
    directory: Option<PathBuf>,
    /// Held while a context is written.
    writing: Mutex<()>,
    /// The versions of each device. Never locked across a write: async tasks read it.
    versions: Mutex<HashMap<Uuid, Versions>>,
    recent: Mutex<LruCache<Key, Arc<[u8]>>>,
}

/// The kept versions of a device.
#[derive(Debug, Default)]
struct Versions {
    /// In the order in which they were written first.
    written: Vec<Uuid>,
    /// Another than the one written last if it came back.
    newest: Option<Uuid>,
    /// Those that are not known to be in the journal.
    unrecorded: Vec<Uuid>,
}

/// Device and version.
type Key = (Uuid, Uuid);

/// A context that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its version.
    pub version: String,
    /// Whether the journal has it, as far as is known: it was kept before the start, or [`Contexts::recorded`] said
    /// so.
    pub is_recorded: bool,
}

impl Versions {
    /// Notes the newest version, which is on disk. Returns those that are to be removed.
    fn note(&mut self, version: Uuid) -> Vec<Uuid> {
        self.newest = Some(version);
        if !self.written.contains(&version) {
            self.written.push(version);
            self.unrecorded.push(version);
        }
        let beyond = self.written.len().saturating_sub(VERSIONS_MAX);
        let removed: Vec<Uuid> = self.written.drain(..beyond).collect();
        self.unrecorded.retain(|version| !removed.contains(version));
        removed
    }
}

/// The version of a context.
pub fn version_of(context: &[u8]) -> String {
    version_id(context).to_string()
}

fn version_id(context: &[u8]) -> Uuid {
    Uuid::new_v5(&NAMESPACE, context)
}

impl Contexts {
    /// The store in this data directory. Nothing is created before the first context.
    pub fn of(data_directory: &Path) -> Self {
        let directory = data_directory.join(DIRECTORY);
        Self::new(listed(&directory), Some(directory))
    }

    fn new(versions: HashMap<Uuid, Versions>, directory: Option<PathBuf>) -> Self {
        let recent = Mutex::new(LruCache::new(NonZeroUsize::new(RECENT_MAX).unwrap_or(NonZeroUsize::MIN)));
        Self(Arc::new(Inner { directory, writing: Mutex::default(), versions: Mutex::new(versions), recent }))
    }

    /// Keeps a context of a source's device as its newest; it is synced on return. A source of one device has
    /// no id.
    ///
    /// # Errors
    /// When it is larger than [`CONTEXT_BYTES_MAX`] or cannot be written. The same context may be kept again.
    pub fn keep(&self, source: &str, device: &str, context: &[u8]) -> io::Result<Kept> {
        let (device, version) = (device_key(source, device), version_id(context));
        let _writing = self.0.writing.lock();
        let known = |own: &Versions| (own.written.contains(&version), own.newest == Some(version));
        // The only version of a device needs no name.
        let (is_written, is_named) = self.0.versions.lock().get(&device).map_or((false, true), known);
        if !is_written {
            self.write(device, version, context)?;
        }
        if !is_named {
            self.write_newest(device, version)?;
        }
        let (removed, is_recorded) = {
            let mut versions = self.0.versions.lock();
            let own = versions.entry(device).or_default();
            (own.note(version), !own.unrecorded.contains(&version))
        };
        for version in removed {
            self.remove(device, version);
        }
        Ok(Kept { version: version.to_string(), is_recorded })
    }

    /// Notes that the journal has this version.
    pub fn recorded(&self, source: &str, device: &str, version: &str) {
        if let Some(own) = self.0.versions.lock().get_mut(&device_key(source, device)) {
            own.unrecorded.retain(|unrecorded| unrecorded.to_string() != version);
        }
    }

    /// The context of this version, or without a version the oldest one of the device: a message that
    /// came before it is read by it as well. `None` if it is not kept, or cannot be read.
    pub fn get(&self, source: &str, device: &str, version: &str) -> Option<Arc<[u8]>> {
        let device = device_key(source, device);
        let version = match version {
            "" => self.0.versions.lock().get(&device)?.written.first().copied(),
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

    /// The version of a device that was kept last, and its context.
    pub fn newest(&self, source: &str, device: &str) -> Option<(String, Arc<[u8]>)> {
        let version = self.0.versions.lock().get(&device_key(source, device))?.newest?.to_string();
        let context = self.get(source, device, &version)?;
        Some((version, context))
    }

    /// The context that was kept last of a device by the first of these sources that has one, with its version. `None`
    /// also if this version is `known`, which reads no file.
    pub fn newest_of(&self, sources: &[String], device: &str, known: &str) -> Option<(String, Arc<[u8]>)> {
        let (source, version) = {
            let versions = self.0.versions.lock();
            sources.iter().find_map(|source| Some((source, versions.get(&device_key(source, device))?.newest?)))?
        };
        let version = version.to_string();
        if version == known {
            return None;
        }
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

    /// Stores which version is the newest.
    fn write_newest(&self, device: Uuid, version: Uuid) -> io::Result<()> {
        let Some(directory) = &self.0.directory else { return Ok(()) };
        replace(&newest_file(directory, device), version.to_string().as_bytes(), VERSION_BYTES_MAX, Rights::PRIVATE)
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

fn newest_file(directory: &Path, device: Uuid) -> PathBuf {
    directory.join(format!("{device}_{NEWEST}"))
}

/// The kept versions of a directory.
fn listed(directory: &Path) -> HashMap<Uuid, Versions> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some((device, rest)) = name.to_str().and_then(|name| name.split_once('_')) else { continue };
        if let (Ok(device), Ok(version)) = (Uuid::parse_str(device), Uuid::parse_str(rest)) {
            let written = entry.metadata().and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            found.push((written, (device, version)));
        }
    }
    found.sort_unstable();
    let mut versions: HashMap<Uuid, Versions> = HashMap::new();
    for (_, (device, version)) in found {
        let own = versions.entry(device).or_default();
        own.written.push(version);
        own.newest = Some(version);
    }
    for (device, own) in versions.iter_mut().filter(|(_, own)| own.written.len() > 1) {
        let named = read_version(&newest_file(directory, *device));
        own.newest = named.filter(|version| own.written.contains(version)).or(own.newest);
    }
    versions
}

/// The version in a file.
fn read_version(path: &Path) -> Option<Uuid> {
    let bytes = read_at_most(path, VERSION_BYTES_MAX).ok().flatten()?;
    Uuid::try_parse_ascii(&bytes).ok()
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
        assert!(!kept.is_recorded);
        assert_eq!(kept.version, version_of(b"map 1"));
        assert_eq!(contexts.keep("a/b", "", b"map 1").unwrap(), kept, "it is to be recorded still");
        contexts.recorded("a/b", "7", &kept.version);
        assert_eq!(contexts.keep("a/b", "", b"map 1").unwrap(), kept, "that was another device");
        contexts.recorded("a/b", "", &kept.version);
        assert_eq!(contexts.keep("a/b", "", b"map 1").unwrap(), Kept { is_recorded: true, ..kept.clone() });
        let again = Contexts::of(directory.path());
        for contexts in [&contexts, &again] {
            assert_eq!(contexts.get("a/b", "", &kept.version).as_deref(), Some(&b"map 1"[..]));
            assert_eq!(contexts.get("c", "", &kept.version), None);
            assert_eq!(contexts.get("a/b", "7", &kept.version), None);
            assert_eq!(contexts.get("a/b", "", "../meters.json"), None);
        }
        assert!(again.keep("a/b", "", b"map 1").unwrap().is_recorded);
        assert!(!again.keep("a/b", "7", b"map 1").unwrap().is_recorded);
        assert_eq!(again.newest("a/b", "").unwrap(), (kept.version, b"map 1".as_slice().into()));
        assert_eq!(again.newest("c", ""), None);
        // Without a directory it is kept in memory.
        let in_memory = Contexts::default();
        let kept = in_memory.keep("a/b", "", b"map 2").unwrap();
        assert_eq!(in_memory.get("a/b", "", &kept.version).as_deref(), Some(&b"map 2"[..]));
    }

    #[test]
    fn the_newest_context_of_another_source_is_given_once_and_of_several_sources_the_first_has_the_word() {
        let contexts = Contexts::default();
        let sources = ["a", "b"].map(str::to_owned);
        assert_eq!(contexts.newest_of(&sources, "7", ""), None);
        contexts.keep("c", "7", b"of no such source").unwrap();
        contexts.keep("a", "8", b"of another device").unwrap();
        assert_eq!(contexts.newest_of(&sources, "7", ""), None);
        let of_b = contexts.keep("b", "7", b"map 1").unwrap().version;
        assert_eq!(contexts.newest_of(&sources, "7", ""), Some((of_b.clone(), b"map 1".as_slice().into())));
        assert_eq!(contexts.newest_of(&sources, "7", &of_b), None, "known");
        let of_a = contexts.keep("a", "7", b"map 2").unwrap().version;
        assert_eq!(contexts.newest_of(&sources, "7", &of_b), Some((of_a.clone(), b"map 2".as_slice().into())));
        contexts.keep("b", "7", b"map 3").unwrap();
        assert_eq!(contexts.newest_of(&sources, "7", &of_a), None);
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
        assert!(!contexts.keep("a", "", b"map 0").unwrap().is_recorded);
    }

    #[test]
    fn a_context_that_comes_back_is_the_newest_again_and_the_one_written_first_stays_the_oldest() {
        let directory = tempfile::tempdir().unwrap();
        let keep = |context: &str| {
            let contexts = Contexts::of(directory.path());
            let kept = contexts.keep("a", "", context.as_bytes()).unwrap();
            let file =
                directory.path().join(DIRECTORY).join(file_name((device_key("a", ""), kept.version.parse().unwrap())));
            contexts.keep("b", "", b"of another source").unwrap();
            for contexts in [&contexts, &Contexts::of(directory.path())] {
                assert_eq!(contexts.newest("a", "").unwrap(), (kept.version.clone(), context.as_bytes().into()));
                assert_eq!(contexts.get("a", "", "").as_deref(), Some(&b"map 1"[..]), "the oldest");
            }
            file
        };
        for (number, context) in
            ["map 1", "map 2", "map 1", "map 1", "map 2", "map 1", "map 3", "map 2"].iter().enumerate()
        {
            let written = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
            let file = keep(context);
            if number == 0 || number == 1 || number == 6 {
                fs::File::open(file).unwrap().set_modified(written).unwrap();
            }
        }
        // A version that is not kept any more is not the newest.
        let newest = directory.path().join(DIRECTORY).join(format!("{}_{NEWEST}", device_key("a", "")));
        for text in [NONE, "", "no version", &"7".repeat(1000)] {
            fs::write(&newest, text).unwrap();
            assert_eq!(Contexts::of(directory.path()).newest("a", "").unwrap().0, version_of(b"map 3"), "{text}");
        }
    }
}
