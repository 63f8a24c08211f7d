//! A disk on which the replacement of one file waits for the test.

use super::super::disk::{Disk, DiskFile};
use super::super::*;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Far above the time that anything here takes.
const WAIT_MAX: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Gate {
    is_closed: bool,
    is_reached: bool,
}

/// The disk; clones are the same.
#[derive(Debug, Clone)]
pub(super) struct GatedDisk {
    disk: FaultyDisk,
    file: &'static str,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

impl GatedDisk {
    pub(super) fn new(file: &'static str) -> Self {
        Self { disk: FaultyDisk::new(1), file, gate: Arc::default() }
    }

    /// From now on a replacement of the file waits.
    pub(super) fn close(&self) {
        self.gate.0.lock().is_closed = true;
    }

    pub(super) fn open(&self) {
        self.gate.0.lock().is_closed = false;
        self.gate.1.notify_all();
    }

    /// Waits until a replacement of the file waits.
    pub(super) fn wait_until_reached(&self) {
        let (gate, changed) = &*self.gate;
        changed.wait_while_for(&mut gate.lock(), |gate| !gate.is_reached, WAIT_MAX);
        assert!(gate.lock().is_reached, "{} is never replaced", self.file);
    }
}

impl Disk for GatedDisk {
    fn path(&self) -> &Path {
        self.disk.path()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.disk.names()
    }

    fn bytes_len(&self, name: &str) -> io::Result<u64> {
        Disk::bytes_len(&self.disk, name)
    }

    fn identity(&self, name: &str) -> io::Result<(u64, u64)> {
        self.disk.identity(name)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Disk::open(&self.disk, name)
    }

    fn open_or_create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open_or_create(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if to == self.file {
            let (gate, changed) = &*self.gate;
            let mut gate = gate.lock();
            gate.is_reached |= gate.is_closed;
            changed.notify_all();
            changed.wait_while(&mut gate, |gate| gate.is_closed);
        }
        self.disk.rename(from, to)
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.link(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.disk.sync_names()
    }
}

/// The result of `read`, if it returns.
pub(super) fn answer<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(read()).ok());
    receiver.recv_timeout(WAIT_MAX).ok()
}
