//! Contexts: what a device said elsewhere and its messages do not repeat, such as a channel map.
//! A batch names the version with which it was decoded, so that a later decoder uses the same.
//!
//! Knows no vendor; a context is bytes of a device of a source. The version is made of the content, so
//! a context that comes back has its old version, and is the newest again. Invariants: no version is kept
//! before it is on disk; its callers journal it before. At most [`VERSIONS_MAX`] of each device are kept; the ones written
//! first are removed first. Of at most [`DEVICES_MAX`] devices; the one that was kept or used longest ago is forgotten first.

use crate::base::file::{Rights, read_at_most, refuse_beyond, replace_all, sync_directory_of};
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
/// Devices with contexts.
pub const DEVICES_MAX: usize = if cfg!(test) { 300 } else { 100_000 };
/// Versions that are known to be in the journal and could not be written yet.
const RECORDED_MAX: usize = 10_000;
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
    versions: Mutex<LruCache<Uuid, Versions>>,
    /// Versions that are in the journal and could not be written yet.
    recorded: Mutex<LruCache<Key, ()>>,
    recent: Mutex<LruCache<Key, Arc<[u8]>>>,
}

/// The kept versions of a device.
#[derive(Debug, Default, Clone)]
struct Versions {
    /// In the order in which they were written first.
    written: Vec<Uuid>,
    /// Another than the one written last if it came back.
    newest: Option<Uuid>,
}

/// Device and version.
type Key = (Uuid, Uuid);

impl Versions {
    /// Notes the newest version. Returns those that are to be removed.
    fn note(&mut self, version: Uuid) -> Vec<Uuid> {
        self.newest = Some(version);
        if !self.written.contains(&version) {
            self.written.push(version);
        }
        let beyond = self.written.len().saturating_sub(VERSIONS_MAX);
        self.written.drain(..beyond).collect()
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

    fn new(versions: LruCache<Uuid, Versions>, directory: Option<PathBuf>) -> Self {
        let (versions, writing) = (Mutex::new(versions), Mutex::default());
        let recorded = Mutex::new(LruCache::sparse(bound(RECORDED_MAX)));
        let recent = Mutex::new(LruCache::sparse(bound(RECENT_MAX)));
        Self(Arc::new(Inner { directory, writing, versions, recorded, recent }))
    }

    /// Keeps contexts of a source's devices, each as the newest of its device in this order; they are synced on return.
    /// A source of one device has no id. Returns their versions.
    ///
    /// # Errors
    /// When one is larger than [`CONTEXT_BYTES_MAX`] or cannot be written. The same contexts may be kept again.
    pub fn keep(&self, source: &str, contexts: &[(String, Vec<u8>)]) -> io::Result<Vec<String>> {
        let key = |(device, context): &(String, Vec<u8>)| (device_key(source, device), version_id(context));
        let keys: Vec<Key> = contexts.iter().map(key).collect();
        let _writing = self.0.writing.lock();
        let mut after: HashMap<Uuid, Versions> = HashMap::new();
        let (mut new, mut removed): (HashMap<Key, &[u8]>, Vec<Key>) = (HashMap::new(), Vec::new());
        for ((device, version), (_, context)) in keys.iter().zip(contexts) {
            let versions = self.0.versions.lock();
            let own = after.entry(*device).or_insert_with(|| versions.peek(device).cloned().unwrap_or_default());
            if !own.written.contains(version) {
                new.insert((*device, *version), context);
            }
            removed.extend(own.note(*version).into_iter().map(|version| (*device, version)));
        }
        self.write(&new, &self.newly_named(&after))?;
        for (key, context) in new {
            self.0.recent.lock().put(key, context.into());
            self.0.recorded.lock().pop(&key);
        }
        // None of them is forgotten for another.
        for device in after.keys() {
            self.0.versions.lock().promote(device);
        }
        for (device, own) in after {
            let pushed = self.0.versions.lock().push(device, own);
            if let Some((forgotten, own)) = pushed.filter(|(it, _)| *it != device) {
                removed.extend(own.written.into_iter().map(|version| (forgotten, version)));
                self.remove_file(newest_file, forgotten);
            }
        }
        for key in removed {
            self.0.recent.lock().pop(&key);
            self.remove_file(|directory, key| directory.join(file_name(key)), key);
        }
        Ok(keys.into_iter().map(|(_, version)| version.to_string()).collect())
    }

    /// Notes that a message names a context of this device.
    pub fn used(&self, source: &str, device: &str) {
        self.0.versions.lock().promote(&device_key(source, device));
    }

    /// The devices that change and whose newest version needs a name. The only version of a device needs none.
    fn newly_named(&self, after: &HashMap<Uuid, Versions>) -> Vec<Key> {
        let versions = self.0.versions.lock();
        let changes = |device, own: &Versions| {
            versions.peek(device).is_none_or(|before| (&before.written, before.newest) != (&own.written, own.newest))
        };
        let named = after.iter().filter(|(device, own)| own.written.len() > 1 && changes(device, own));
        named.filter_map(|(device, own)| Some((*device, own.newest?))).collect()
    }

    /// Whether the journal lacks this version: it was neither kept nor [`Self::recorded`].
    pub fn is_unrecorded(&self, source: &str, device: &str, version: &str) -> bool {
        let (device, Ok(version)) = (device_key(source, device), Uuid::parse_str(version)) else { return true };
        let is_kept = self.0.versions.lock().peek(&device).is_some_and(|own| own.written.contains(&version));
        !is_kept && !self.0.recorded.lock().contains(&(device, version))
    }

    /// Notes that the journal has this version, which is not kept yet.
    pub fn recorded(&self, source: &str, device: &str, version: &str) {
        if let Ok(version) = Uuid::parse_str(version) {
            self.0.recorded.lock().put((device_key(source, device), version), ());
        }
    }

    /// The context of this version, or without a version the oldest one of the device: a message that
    /// came before it is read by it as well. `None` if it is not kept, or cannot be read.
    pub fn get(&self, source: &str, device: &str, version: &str) -> Option<Arc<[u8]>> {
        let device = device_key(source, device);
        let version = match version {
            "" => self.0.versions.lock().peek(&device)?.written.first().copied(),
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
        let version = self.0.versions.lock().peek(&device_key(source, device))?.newest?.to_string();
        let context = self.get(source, device, &version)?;
        Some((version, context))
    }

    /// The context that was kept last of a device by the first of these sources that has one, with its version. `None`
    /// also if this version is `known`, which reads no file.
    pub fn newest_of(&self, sources: &[String], device: &str, known: &str) -> Option<(String, Arc<[u8]>)> {
        let (source, version) = {
            let versions = self.0.versions.lock();
            sources.iter().find_map(|source| Some((source, versions.peek(&device_key(source, device))?.newest?)))?
        };
        let version = version.to_string();
        if version == known {
            return None;
        }
        let context = self.get(source, device, &version)?;
        Some((version, context))
    }

    /// Stores new versions, and which ones are the newest.
    fn write(&self, new: &HashMap<Key, &[u8]>, newest: &[Key]) -> io::Result<()> {
        new.values().try_for_each(|context| refuse_beyond(context, CONTEXT_BYTES_MAX as u64))?;
        let Some(directory) = &self.0.directory else { return Ok(()) };
        if !directory.exists() {
            fs::create_dir_all(directory)?;
            sync_directory_of(directory)?;
        }
        let files: Vec<_> = new.iter().map(|(key, context)| (directory.join(file_name(*key)), *context)).collect();
        replace_all(&files, CONTEXT_BYTES_MAX as u64, Rights::PRIVATE)?;
        let names: Vec<_> = newest.iter().map(|(device, version)| (*device, version.to_string())).collect();
        let files: Vec<_> =
            names.iter().map(|(device, name)| (newest_file(directory, *device), name.as_bytes())).collect();
        replace_all(&files, VERSION_BYTES_MAX, Rights::PRIVATE)
    }

    /// Removes a file if it exists.
    fn remove_file<T>(&self, path: impl Fn(&Path, T) -> PathBuf, of: T) {
        let Some(path) = self.0.directory.as_deref().map(|directory| path(directory, of)) else { return };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %error, "an old context cannot be removed");
            }
            _ => {}
        }
    }
}

impl Default for Contexts {
    /// A store in memory.
    fn default() -> Self {
        Self::new(LruCache::sparse(bound(DEVICES_MAX)), None)
    }
}

fn bound(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
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

/// The kept versions of a directory. The device that was kept last comes last.
fn listed(directory: &Path) -> LruCache<Uuid, Versions> {
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
    let mut versions: LruCache<Uuid, Versions> = LruCache::sparse(bound(DEVICES_MAX));
    for (_, (device, version)) in found {
        let own = versions.get_or_insert_mut(device, Versions::default);
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

    fn keep(contexts: &Contexts, source: &str, device: &str, context: &[u8]) -> io::Result<String> {
        let kept = contexts.keep(source, &[(device.to_owned(), context.to_vec())])?;
        assert_eq!(kept, [version_of(context)]);
        Ok(kept.concat())
    }

    #[test]
    fn a_context_is_found_by_its_version_also_after_a_restart_and_only_by_its_device() {
        let directory = tempfile::tempdir().unwrap();
        let contexts = Contexts::of(directory.path());
        assert_eq!(contexts.get("a/b", "", NONE), None);
        let map = version_of(b"map 1");
        assert!(contexts.is_unrecorded("a/b", "", &map));
        contexts.recorded("a/b", "7", &map);
        assert!(contexts.is_unrecorded("a/b", "", &map), "that was another device");
        contexts.recorded("a/b", "", &map);
        assert!(!contexts.is_unrecorded("a/b", "", &map));
        assert_eq!(contexts.get("a/b", "", &map), None, "it is not kept yet");
        assert!(Contexts::of(directory.path()).is_unrecorded("a/b", "", &map));
        let kept = keep(&contexts, "a/b", "", b"map 1").unwrap();
        let again = Contexts::of(directory.path());
        for contexts in [&contexts, &again] {
            assert_eq!(contexts.get("a/b", "", &kept).as_deref(), Some(&b"map 1"[..]));
            assert_eq!(contexts.get("c", "", &kept), None);
            assert_eq!(contexts.get("a/b", "7", &kept), None);
            assert_eq!(contexts.get("a/b", "", "../meters.json"), None);
            assert!(!contexts.is_unrecorded("a/b", "", &map));
        }
        keep(&again, "a/b", "", b"map 1").unwrap();
        assert!(again.is_unrecorded("a/b", "7", &map));
        assert_eq!(again.newest("a/b", "").unwrap(), (kept, b"map 1".as_slice().into()));
        assert_eq!(again.newest("c", ""), None);
        // Without a directory it is kept in memory.
        let in_memory = Contexts::default();
        let kept = keep(&in_memory, "a/b", "", b"map 2").unwrap();
        assert_eq!(in_memory.get("a/b", "", &kept).as_deref(), Some(&b"map 2"[..]));
    }

    #[test]
    fn the_newest_context_of_another_source_is_given_once_and_of_several_sources_the_first_has_the_word() {
        let contexts = Contexts::default();
        let sources = ["a", "b"].map(str::to_owned);
        assert_eq!(contexts.newest_of(&sources, "7", ""), None);
        keep(&contexts, "c", "7", b"of no such source").unwrap();
        keep(&contexts, "a", "8", b"of another device").unwrap();
        assert_eq!(contexts.newest_of(&sources, "7", ""), None);
        let of_b = keep(&contexts, "b", "7", b"map 1").unwrap();
        assert_eq!(contexts.newest_of(&sources, "7", ""), Some((of_b.clone(), b"map 1".as_slice().into())));
        assert_eq!(contexts.newest_of(&sources, "7", &of_b), None, "known");
        let of_a = keep(&contexts, "a", "7", b"map 2").unwrap();
        assert_eq!(contexts.newest_of(&sources, "7", &of_b), Some((of_a.clone(), b"map 2".as_slice().into())));
        keep(&contexts, "b", "7", b"map 3").unwrap();
        assert_eq!(contexts.newest_of(&sources, "7", &of_a), None);
    }

    #[test]
    fn contexts_of_many_devices_are_kept_at_once_and_of_each_device_the_last_is_the_newest() {
        let directory = tempfile::tempdir().unwrap();
        let contexts = Contexts::of(directory.path());
        keep(&contexts, "a", "3", b"map 0").unwrap();
        let map = |device: usize, map: &str| (device.to_string(), map.as_bytes().to_vec());
        let mut all: Vec<_> = (0..100).map(|device| map(device, "map 1")).collect();
        all.extend([map(1, "map 2"), map(2, "map 2"), map(2, "map 1"), map(3, "map 0")]);
        let versions = contexts.keep("a", &all).unwrap();
        assert_eq!(versions, all.iter().map(|(_, bytes)| version_of(bytes)).collect::<Vec<_>>());
        for contexts in [&contexts, &Contexts::of(directory.path())] {
            for device in 0..100 {
                let (_, newest) = contexts.newest("a", &device.to_string()).unwrap();
                let expected = ["map 1", "map 2", "map 1", "map 0"].get(device).unwrap_or(&"map 1");
                assert_eq!(&*newest, expected.as_bytes(), "{device}");
            }
            assert!(contexts.get("a", "2", &version_of(b"map 2")).is_some());
        }
        let files = fs::read_dir(directory.path().join(DIRECTORY)).unwrap().count();
        assert_eq!(files, 100 + 3 + 3, "contexts, further versions, names of the newest of several");
        // One that cannot be kept: none is, and the same may be kept again.
        let too_large = [map(200, "map 1"), ("201".to_owned(), vec![0; CONTEXT_BYTES_MAX + 1])];
        contexts.keep("a", &too_large).unwrap_err();
        assert!(contexts.newest("a", "200").is_none());
    }

    #[test]
    fn of_too_many_devices_the_least_recently_kept_one_is_forgotten_with_its_files() {
        let directory = tempfile::tempdir().unwrap();
        let contexts = Contexts::of(directory.path());
        for device in ["old", "kept again"] {
            keep(&contexts, "a", device, b"map 1").unwrap();
            keep(&contexts, "a", device, b"map 2").unwrap();
        }
        keep(&contexts, "a", "kept again", b"map 1").unwrap();
        let all: Vec<_> = (1..DEVICES_MAX).map(|device| (device.to_string(), b"map".to_vec())).collect();
        contexts.keep("a", &all).unwrap();
        for contexts in [&contexts, &Contexts::of(directory.path())] {
            assert_eq!(contexts.newest("a", "old"), None);
            assert_eq!(contexts.get("a", "old", &version_of(b"map 2")), None);
            assert_eq!(&*contexts.newest("a", "kept again").unwrap().1, b"map 1");
            assert!(all.iter().all(|(device, _)| contexts.newest("a", device).is_some()));
        }
        let files = fs::read_dir(directory.path().join(DIRECTORY)).unwrap().count();
        assert_eq!(files, DEVICES_MAX - 1 + 3);
    }

    #[test]
    fn devices_that_are_kept_again_or_used_are_not_forgotten_for_new_ones() {
        let directory = tempfile::tempdir().unwrap();
        let contexts = Contexts::of(directory.path());
        let keep_all = |devices: std::ops::Range<usize>, bytes: &[u8]| {
            contexts.keep("a", &devices.map(|it| (it.to_string(), bytes.to_vec())).collect::<Vec<_>>()).unwrap();
        };
        keep_all(0..DEVICES_MAX, b"map");
        (0..50).for_each(|device: usize| contexts.used("a", &device.to_string()));
        keep_all(DEVICES_MAX..DEVICES_MAX + 200, b"map");
        let is_there = |device: usize| contexts.newest("a", &device.to_string()).is_some();
        assert_eq!((0..DEVICES_MAX).filter(|device| is_there(*device)).count(), DEVICES_MAX - 200);
        assert!((0..50).all(is_there), "they were used");
        // At once with more new ones.
        let (old, new) = (0..50, DEVICES_MAX + 200..DEVICES_MAX * 2);
        let all: Vec<_> = new.chain(old).map(|it| (it.to_string(), b"map".to_vec())).collect();
        contexts.keep("a", &all).unwrap();
        assert!((0..50).all(is_there), "they were kept again");
        let files = fs::read_dir(directory.path().join(DIRECTORY)).unwrap().count();
        assert_eq!(files, DEVICES_MAX);
    }

    #[test]
    fn of_too_many_versions_the_oldest_is_removed_and_one_too_large_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let contexts = Contexts::of(directory.path());
        let versions: Vec<_> = (0..=VERSIONS_MAX)
            .map(|number| {
                let kept = keep(&contexts, "a", "", format!("map {number}").as_bytes()).unwrap();
                let key = (device_key("a", ""), kept.parse().unwrap());
                let file = directory.path().join(DIRECTORY).join(file_name(key));
                let written = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
                fs::File::open(file).unwrap().set_modified(written).unwrap();
                kept
            })
            .collect();
        for contexts in [&contexts, &Contexts::of(directory.path())] {
            let is_kept: Vec<_> = versions.iter().map(|version| contexts.get("a", "", version).is_some()).collect();
            assert_eq!(is_kept, [false, true, true, true, true]);
            assert_eq!(contexts.get("a", "", "").as_deref(), Some(&b"map 1"[..]), "the oldest");
            assert_eq!(contexts.get("b", "", ""), None);
        }
        let error = keep(&contexts, "a", "", &vec![0; CONTEXT_BYTES_MAX + 1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(contexts.is_unrecorded("a", "", &version_of(b"map 0")));
    }

    #[test]
    fn a_context_that_comes_back_is_the_newest_again_and_the_one_written_first_stays_the_oldest() {
        let directory = tempfile::tempdir().unwrap();
        let keep_it = |context: &str| {
            let contexts = Contexts::of(directory.path());
            let kept = keep(&contexts, "a", "", context.as_bytes()).unwrap();
            let file = directory.path().join(DIRECTORY).join(file_name((device_key("a", ""), kept.parse().unwrap())));
            keep(&contexts, "b", "", b"of another source").unwrap();
            for contexts in [&contexts, &Contexts::of(directory.path())] {
                assert_eq!(contexts.newest("a", "").unwrap(), (kept.clone(), context.as_bytes().into()));
                assert_eq!(contexts.get("a", "", "").as_deref(), Some(&b"map 1"[..]), "the oldest");
            }
            file
        };
        for (number, context) in
            ["map 1", "map 2", "map 1", "map 1", "map 2", "map 1", "map 3", "map 2"].iter().enumerate()
        {
            let written = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
            let file = keep_it(context);
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
