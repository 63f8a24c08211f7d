//! Contexts: what a device said elsewhere and its messages do not repeat, such as a channel map.
//! A batch names the version with which it was decoded, so that a later decoder uses the same.
//!
//! Knows no vendor; a context is bytes of a device of a source. The version is made of the content, so
//! a context that comes back has its old version, and is the newest again. Invariants: no version is kept
//! before it is on disk; its callers journal it before. At most [`VERSIONS_MAX`] of each device are kept; the ones written
//! first are removed first. Of at most [`DEVICES_MAX`] devices; the one that was kept or used longest ago is forgotten first.

mod files;

pub use files::{CONTEXT_BYTES_MAX, DIRECTORY};

use files::{Files, Key};
use lru::LruCache;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// Versions kept for each device.
pub const VERSIONS_MAX: usize = if cfg!(test) { 4 } else { 256 };
/// Devices with contexts.
pub const DEVICES_MAX: usize = if cfg!(test) { 300 } else { 100_000 };
/// Versions that are known to be in the journal and could not be written yet.
const RECORDED_MAX: usize = 10_000;
/// Contexts kept in memory.
const RECENT_MAX: usize = 64;
/// The namespace of versions and of devices.
const NAMESPACE: Uuid = Uuid::from_u128(0x5f2f_6a0c_34b1_4c0e_9a6e_0d6c_1f9b_7e21);

/// The kept contexts. A clone is the same store.
#[derive(Clone)]
pub struct Contexts(Arc<Inner>);

struct Inner {
    files: Files,
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
        Self::new(Files::of(data_directory))
    }

    fn new(files: Files) -> Self {
        let (versions, writing) = (Mutex::new(versions_of(&files)), Mutex::default());
        let recorded = Mutex::new(LruCache::sparse(bound(RECORDED_MAX)));
        let recent = Mutex::new(LruCache::sparse(bound(RECENT_MAX)));
        Self(Arc::new(Inner { files, writing, versions, recorded, recent }))
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
        // One may have come back.
        removed.retain(|(device, version)| after.get(device).is_none_or(|own| !own.written.contains(version)));
        self.0.files.write(&new, &self.newly_named(&after))?;
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
                self.0.files.remove_name(forgotten);
            }
        }
        for key in removed {
            self.0.recent.lock().pop(&key);
            self.0.files.remove(key);
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
        let context: Arc<[u8]> = self.0.files.read(key)?.into();
        if version_id(&context) != key.1 {
            self.lose(key);
            return None;
        }
        self.0.recent.lock().put(key, Arc::clone(&context));
        Some(context)
    }

    /// Forgets a version whose file is damaged, so that it is kept again when it comes again.
    fn lose(&self, (device, version): Key) {
        tracing::error!(
            directory = DIRECTORY,
            file = %format!("{device}_{version}"),
            "a context is damaged and not used: messages that need it are not decoded; it is written again when its device \
             sends it, or restore the file from a copy and start again"
        );
        if let Some(own) = self.0.versions.lock().peek_mut(&device) {
            own.written.retain(|written| *written != version);
            own.newest = own.newest.filter(|newest| *newest != version).or(own.written.last().copied());
        }
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
}

impl Default for Contexts {
    /// A store in memory.
    fn default() -> Self {
        Self::new(Files::default())
    }
}

fn bound(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
}

/// The key of a device. Names of sources may have characters that names of files cannot.
fn device_key(source: &str, device: &str) -> Uuid {
    Uuid::new_v5(&Uuid::new_v5(&NAMESPACE, source.as_bytes()), device.as_bytes())
}

/// The kept versions of files. The device that was kept last comes last.
fn versions_of(files: &Files) -> LruCache<Uuid, Versions> {
    let mut versions: LruCache<Uuid, Versions> = LruCache::sparse(bound(DEVICES_MAX));
    for (device, version) in files.listed() {
        let own = versions.get_or_insert_mut(device, Versions::default);
        own.written.push(version);
        own.newest = Some(version);
    }
    for (device, own) in versions.iter_mut().filter(|(_, own)| own.written.len() > 1) {
        match files.read_name(*device).filter(|version| own.written.contains(version)) {
            Some(named) => own.newest = Some(named),
            None => tracing::warn!(
                directory = DIRECTORY,
                file = %format!("{device}_{}", files::NEWEST),
                "the file that names the newest context of a device is missing or damaged: the one written last counts as the \
                 newest until the device sends another"
            ),
        }
    }
    versions
}

impl fmt::Debug for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contexts").field("files", &self.0.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
