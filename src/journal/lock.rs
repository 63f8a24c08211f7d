//! The directory's lock, and the journal's identity in the lock file.
//!
//! The lock file contains its own device and inode, and the journal id for new segments.
//! In a copied directory device and inode differ, so the copy writes its next segments
//! under a new id. A lost or torn file has the same effect, which is always safe: two
//! directories only must not share an id. A device number that changes with a reboot
//! costs a new id each time, no more.

use super::JournalId;
use super::disk::{Disk, DiskFile};
use crate::base::checked::{checked_line, with_checksum};
use std::io;
use uuid::Uuid;

pub(super) const LOCK_FILE: &str = "lock";
const BYTES_MAX: usize = 1024;

/// The lock, held until this is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: Box<dyn DiskFile>,
    pub(super) journal: JournalId,
    /// Whether the id is new.
    pub(super) is_new_journal: bool,
}

impl Lock {
    /// Takes the lock; `None` if another process holds it.
    pub(super) fn take(disk: &dyn Disk) -> io::Result<Option<Self>> {
        let file = disk.open_or_create(LOCK_FILE)?;
        if !file.try_lock()? {
            return Ok(None);
        }
        let identity = file.identity()?;
        if let Some(journal) = recorded_journal(&*file, identity)? {
            return Ok(Some(Self { file, journal, is_new_journal: false }));
        }
        let journal = JournalId(Uuid::new_v4());
        record(&*file, identity, journal)?;
        disk.sync_names()?;
        Ok(Some(Self { file, journal, is_new_journal: true }))
    }

    /// Device and inode of the open file.
    pub(super) fn identity(&self) -> io::Result<(u64, u64)> {
        self.file.identity()
    }

    /// Sets a new journal id for new segments. Needed for a directory restored in place from
    /// a copy, which keeps device and inode.
    pub(super) fn renew(&mut self) -> io::Result<JournalId> {
        self.journal = JournalId(Uuid::new_v4());
        record(&*self.file, self.file.identity()?, self.journal)?;
        Ok(self.journal)
    }
}

fn recorded_journal(file: &dyn DiskFile, identity: (u64, u64)) -> io::Result<Option<JournalId>> {
    let mut bytes = [0; BYTES_MAX];
    let read = file.read_at(&mut bytes, 0)?;
    let text = String::from_utf8_lossy(&bytes[..read]);
    Ok(text.lines().next().and_then(checked_line).and_then(|line| parse(line, identity)))
}

fn parse(line: &str, (device, inode): (u64, u64)) -> Option<JournalId> {
    let own = line.strip_prefix(&format!("device {device} inode {inode} journal "))?;
    own.parse().ok().map(JournalId)
}

fn record(file: &dyn DiskFile, (device, inode): (u64, u64), journal: JournalId) -> io::Result<()> {
    let line = with_checksum(&format!("device {device} inode {inode} journal {journal}"));
    file.set_len(0)?;
    file.write_at(line.as_bytes(), 0)?;
    file.sync()
}
