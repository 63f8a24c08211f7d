//! A disk in memory with the faults of a real one: at a power cut, unsynced data is lost
//! in part and in any order, and sectors tear; a failed sync drops the data it should have
//! written; operations fail on request.

use super::{Disk, DiskFile};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

mod image;
mod state;

use image::Image;
use state::{Failing, Fate, FaultyState, File, NameChange, fault};

/// The unit of an atomic write.
const SECTOR: usize = 512;

/// The kinds of changing operations, for faults that hit one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Write,
    Sync,
    Reserve,
    SetLen,
    Create,
    Rename,
    Remove,
    SyncNames,
}

/// A disk with faults, for tests. Clones are the same disk.
#[derive(Debug, Clone)]
pub(crate) struct FaultyDisk {
    state: Arc<Mutex<FaultyState>>,
}

impl FaultyDisk {
    pub(crate) fn new(seed: u64) -> Self {
        let state = FaultyState {
            device: 1,
            live: BTreeMap::new(),
            durable: BTreeMap::new(),
            name_changes: Vec::new(),
            files: BTreeMap::new(),
            run: 0,
            is_dead: false,
            operations: 0,
            dies_at: None,
            failing: Vec::new(),
            space_bytes: u64::MAX,
            reads: 0,
            opens: 0,
            random: fastrand::Rng::with_seed(seed),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The next `times` operations of a kind fail.
    pub(crate) fn fail(&self, operation: Operation, times: u32) {
        self.state().failing.push(Failing { operation, skip: 0, times });
    }

    /// The operation of a kind after the next `skip` of that kind fails.
    pub(crate) fn fail_one_after(&self, operation: Operation, skip: u32) {
        self.state().failing.push(Failing { operation, skip, times: 1 });
    }

    /// Ends all faults.
    pub(crate) fn heal(&self) {
        self.state().failing.clear();
    }

    /// Sets the volume's size; writes beyond it fail with "no space left".
    pub(crate) fn set_space(&self, bytes: u64) {
        self.state().space_bytes = bytes;
    }

    /// All operations fail after the next `operations` changing ones.
    pub(crate) fn die_after(&self, operations: u64) {
        let mut state = self.state();
        state.dies_at = Some(state.operations + operations);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    /// All operations fail from now on.
    pub(crate) fn die(&self) {
        self.state().is_dead = true;
    }

    /// Restarts the machine after a power cut: unsynced data survives in part.
    pub(crate) fn restart_after_power_cut(&self) {
        let state = &mut *self.state();
        let mut names = state.durable.clone();
        for change in std::mem::take(&mut state.name_changes) {
            if state.random.bool() {
                change.apply(&mut names);
            }
        }
        state.live.clone_from(&names);
        state.durable = names;
        for file in state.files.values_mut() {
            file.image.cut_power(&mut state.random);
        }
        state.revive();
    }

    /// Restarts the process after a kill: the machine kept running, so no written data is lost.
    pub(crate) fn restart_after_kill(&self) {
        self.state().revive();
    }

    /// Another disk with the same files.
    pub(crate) fn copy(&self) -> Self {
        let copy = self.fork();
        copy.state().device += 1;
        copy
    }

    /// The same disk at this moment, for another course of events.
    pub(crate) fn fork(&self) -> Self {
        let state = self.state();
        let mut files = state.files.clone();
        files.values_mut().for_each(|file| file.locked_in_run = None);
        let fork = Self::new(7);
        {
            let mut other = fork.state();
            other.device = state.device;
            other.live.clone_from(&state.live);
            other.durable.clone_from(&state.live);
            other.files = files;
        }
        fork
    }

    /// Changes bytes of a file durably, unnoticed by its readers.
    pub(crate) fn damage(&self, name: &str, offset: u64, bytes: &[u8]) {
        let mut state = self.state();
        let inode = state.live[name];
        state.files.get_mut(&inode).unwrap().image.damage(usize::try_from(offset).unwrap(), bytes);
    }

    /// The numbers of opened files and of read calls so far.
    pub(crate) fn opens_and_reads(&self) -> (u64, u64) {
        let state = self.state();
        (state.opens, state.reads)
    }

    fn state(&self) -> MutexGuard<'_, FaultyState> {
        self.state.lock()
    }

    fn handle(&self, inode: u64) -> Box<dyn DiskFile> {
        Box::new(Handle { disk: self.clone(), inode, run: self.state().run, holds_lock: AtomicBool::new(false) })
    }
}

impl Disk for FaultyDisk {
    fn path(&self) -> &Path {
        Path::new("faulty")
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let state = self.state();
        state.check_alive()?;
        Ok(state.live.keys().cloned().collect())
    }

    fn bytes_len(&self, name: &str) -> io::Result<u64> {
        let state = self.state();
        state.check_alive()?;
        let inode = state.inode(name)?;
        Ok(u64::try_from(state.files[&inode].image.len()).unwrap())
    }

    fn identity(&self, name: &str) -> io::Result<(u64, u64)> {
        let state = self.state();
        state.check_alive()?;
        Ok((state.device, state.inode(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let inode = {
            let mut state = self.state();
            state.check_alive()?;
            state.opens += 1;
            state.inode(name)?
        };
        Ok(self.handle(inode))
    }

    fn open_or_create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        match self.open(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        let inode = {
            let mut state = self.state();
            let inode = state.files.keys().last().map_or(1, |last| last + 1);
            state.files.insert(inode, File::default());
            state.change_name(Operation::Create, NameChange::Create(name.to_owned(), inode))?;
            inode
        };
        Ok(self.handle(inode))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.inode(from)?;
        state.change_name(Operation::Rename, NameChange::Rename(from.to_owned(), to.to_owned(), inode))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.inode(from)?;
        if state.live.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.change_name(Operation::Create, NameChange::Create(to.to_owned(), inode))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.check_alive()?;
        state.inode(name)?;
        state.change_name(Operation::Remove, NameChange::Remove(name.to_owned()))
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.state();
        match state.fate(Operation::SyncNames)? {
            Fate::Fails => Err(fault(Operation::SyncNames)),
            Fate::Succeeds => {
                state.durable = state.live.clone();
                state.name_changes.clear();
                Ok(())
            }
        }
    }
}

#[derive(Debug)]
struct Handle {
    disk: FaultyDisk,
    inode: u64,
    run: u64,
    holds_lock: AtomicBool,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if *self.holds_lock.get_mut() && state.run == self.run {
            state.files.get_mut(&self.inode).unwrap().locked_in_run = None;
        }
    }
}

impl Handle {
    /// The state; an error if the handle's process was restarted.
    fn state(&self) -> io::Result<MutexGuard<'_, FaultyState>> {
        let state = self.disk.state();
        state.check_alive()?;
        if state.run == self.run { Ok(state) } else { Err(io::Error::other("a handle of an earlier run")) }
    }

    fn change(
        &self,
        operation: Operation,
        change: impl FnOnce(&mut Image, bool, &mut fastrand::Rng),
    ) -> io::Result<()> {
        let state = &mut *self.state()?;
        let succeeds = matches!(state.fate(operation)?, Fate::Succeeds);
        let file = state.files.get_mut(&self.inode).unwrap();
        change(&mut file.image, succeeds, &mut state.random);
        if succeeds { Ok(()) } else { Err(fault(operation)) }
    }
}

impl DiskFile for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state()?;
        state.reads += 1;
        Ok(state.files[&self.inode].image.read(buffer, usize::try_from(offset).unwrap()))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        self.state()?.check_space(self.inode, offset + bytes.len())?;
        self.change(Operation::Write, |image, succeeds, random| {
            let sectors = bytes.len().div_ceil(SECTOR);
            let written = if succeeds { bytes.len() } else { bytes.len().min(random.usize(0..=sectors) * SECTOR) };
            image.write(&bytes[..written], offset);
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.change(Operation::Sync, |image, succeeds, random| image.sync(succeeds, random))
    }

    fn reserve(&self, bytes_len: u64) -> io::Result<()> {
        let len = usize::try_from(bytes_len).unwrap();
        self.state()?.check_space(self.inode, len)?;
        self.change(Operation::Reserve, |image, succeeds, _| {
            if succeeds {
                image.set_len(len.max(image.len()));
            }
        })
    }

    fn set_len(&self, bytes_len: u64) -> io::Result<()> {
        self.change(Operation::SetLen, |image, succeeds, _| {
            if succeeds {
                image.set_len(usize::try_from(bytes_len).unwrap());
            }
        })
    }

    fn bytes_len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.state()?.files[&self.inode].image.len()).unwrap())
    }

    fn try_lock(&self) -> io::Result<bool> {
        let run = self.run;
        let mut state = self.state()?;
        let file = state.files.get_mut(&self.inode).unwrap();
        let is_free = file.locked_in_run != Some(run);
        file.locked_in_run = Some(run);
        self.holds_lock.fetch_or(is_free, Ordering::Relaxed);
        Ok(is_free)
    }

    fn identity(&self) -> io::Result<(u64, u64)> {
        Ok((self.state()?.device, self.inode))
    }
}
