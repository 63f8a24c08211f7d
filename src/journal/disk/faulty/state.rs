//! The state of a faulty disk: names, files, and scheduled faults.

use super::Operation;
use super::image::Image;
use std::collections::BTreeMap;
use std::io;

#[derive(Debug)]
pub(super) struct FaultyState {
    pub(super) device: u64,
    /// The names that processes see, and those that survive a power cut for certain.
    pub(super) live: BTreeMap<String, u64>,
    pub(super) durable: BTreeMap<String, u64>,
    /// Changes of names since the last sync of the directory.
    pub(super) name_changes: Vec<NameChange>,
    pub(super) files: BTreeMap<u64, File>,
    /// Counts up at every restart; handles of earlier runs are dead.
    pub(super) run: u64,
    pub(super) is_dead: bool,
    pub(super) operations: u64,
    pub(super) dies_at: Option<u64>,
    pub(super) failing: Vec<Failing>,
    pub(super) space_bytes: u64,
    pub(super) reads: u64,
    pub(super) opens: u64,
    pub(super) random: fastrand::Rng,
}

#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) image: Image,
    pub(super) locked_in_run: Option<u64>,
}

#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Create(String, u64),
    Remove(String),
    Rename(String, String, u64),
}

/// Scheduled faults: operations of a kind that fail after some that succeed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failing {
    pub(super) operation: Operation,
    pub(super) skip: u32,
    pub(super) times: u32,
}

impl Failing {
    fn next(&mut self) -> Fate {
        if self.skip > 0 {
            self.skip -= 1;
            return Fate::Succeeds;
        }
        self.times -= 1;
        Fate::Fails
    }
}

/// The fate of a changing operation.
pub(super) enum Fate {
    Succeeds,
    Fails,
}

impl NameChange {
    pub(super) fn apply(self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Create(name, inode) => {
                names.insert(name, inode);
            }
            Self::Remove(name) => {
                names.remove(&name);
            }
            Self::Rename(from, to, inode) => {
                if names.get(&from) == Some(&inode) {
                    names.remove(&from);
                }
                names.insert(to, inode);
            }
        }
    }
}

impl FaultyState {
    pub(super) fn revive(&mut self) {
        self.run += 1;
        self.is_dead = false;
        self.dies_at = None;
        self.failing.clear();
        self.files.values_mut().for_each(|file| file.locked_in_run = None);
    }

    pub(super) fn check_alive(&self) -> io::Result<()> {
        if self.is_dead { Err(io::Error::other("the machine is off")) } else { Ok(()) }
    }

    /// Whether a changing operation succeeds.
    pub(super) fn fate(&mut self, operation: Operation) -> io::Result<Fate> {
        self.check_alive()?;
        self.operations += 1;
        if self.dies_at.is_some_and(|at| self.operations > at) {
            self.is_dead = true;
            return Ok(Fate::Fails);
        }
        let failing = self.failing.iter_mut().find(|it| it.operation == operation && it.times > 0);
        Ok(failing.map_or(Fate::Succeeds, Failing::next))
    }

    pub(super) fn inode(&self, name: &str) -> io::Result<u64> {
        self.live.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn change_name(&mut self, operation: Operation, change: NameChange) -> io::Result<()> {
        match self.fate(operation)? {
            Fate::Fails => Err(fault(operation)),
            Fate::Succeeds => {
                change.clone().apply(&mut self.live);
                self.name_changes.push(change);
                Ok(())
            }
        }
    }

    pub(super) fn check_space(&self, inode: u64, len: usize) -> io::Result<()> {
        let used: usize =
            self.live.values().filter(|other| **other != inode).map(|other| self.files[other].image.len()).sum();
        let grows = len > self.files[&inode].image.len();
        let fits = u64::try_from(used + len).is_ok_and(|bytes| bytes <= self.space_bytes);
        if grows && !fits { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

pub(super) fn fault(operation: Operation) -> io::Error {
    io::Error::other(format!("{operation:?} fails"))
}
