//! The file operations that the journal needs, on one directory.
//!
//! Two implementations: the real directory, and in tests a disk that loses, tears and
//! refuses writes. A name or a length is durable only after `sync_names`, contents only
//! after `sync`. Knows nothing of the format.

use crate::base::file::refuse_beyond;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

#[cfg(test)]
pub(crate) mod faulty;
mod real;

pub(crate) use real::RealDisk;

/// A directory of flat files.
pub(crate) trait Disk: Debug + Send + Sync {
    /// Its path, for messages.
    fn path(&self) -> &Path;
    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
    /// A file's length, without opening it.
    fn bytes_len(&self, name: &str) -> io::Result<u64>;
    /// Device and inode of the file that has this name now.
    fn identity(&self, name: &str) -> io::Result<(u64, u64)>;
    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file, and creates it if it does not exist.
    fn open_or_create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Renames a file, replacing the target.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Creates a second name for a file; the name must be free.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_names(&self) -> io::Result<()>;
}

/// A shared disk.
pub(crate) type SharedDisk = Arc<dyn Disk>;

/// An open file.
pub(crate) trait DiskFile: Debug + Send + Sync {
    /// Reads into the buffer; fewer bytes only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all bytes.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the contents durable.
    fn sync(&self) -> io::Result<()>;
    /// Reserves room for `bytes_len` zeros, so that writes within cannot run out of space.
    fn reserve(&self, bytes_len: u64) -> io::Result<()>;
    /// Truncates or extends the file.
    fn set_len(&self, bytes_len: u64) -> io::Result<()>;
    /// Its length.
    fn bytes_len(&self) -> io::Result<u64>;
    /// Locks the file until it is dropped; false if another process holds the lock.
    fn try_lock(&self) -> io::Result<bool>;
    /// Device and inode, which differ for a copy of the file.
    fn identity(&self) -> io::Result<(u64, u64)>;
}

/// All bytes of a file; `None` if it does not exist, an error beyond `bytes_max`.
pub(crate) fn read_whole(disk: &dyn Disk, name: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = file.bytes_len()?;
    if len > bytes_max {
        return Err(io::Error::other(format!("{name} has {len} bytes, the limit is {bytes_max}")));
    }
    let mut bytes = vec![0; super::block::in_memory(len)];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Replaces a file atomically: a crash leaves the old or the new one. `bytes_max` is the bound
/// with which the file is read.
pub(crate) fn replace(disk: &dyn Disk, name: &str, bytes: &[u8], bytes_max: u64) -> io::Result<()> {
    refuse_beyond(bytes, bytes_max)?;
    let temporary = format!("{name}{TEMPORARY_SUFFIX}");
    let made = write_new(disk, &temporary, bytes).and_then(|()| disk.rename(&temporary, name));
    if made.is_err() {
        remove_quietly(disk, &temporary);
    }
    made.and_then(|()| disk.sync_names())
}

/// Truncates a file durably: space that a crash could take back does not count.
pub(crate) fn cut(disk: &dyn Disk, name: &str, bytes_len: u64) -> io::Result<()> {
    // Uses a new handle: a handle whose sync failed is not synced again.
    let file = disk.open(name)?;
    file.set_len(bytes_len)?;
    file.sync()
}

/// The suffix of a file's name until it is complete and durable.
pub(crate) const TEMPORARY_SUFFIX: &str = ".new";

/// Removes a file if it exists.
pub(crate) fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes a file; a failure is only logged, because the next open removes it.
pub(crate) fn remove_quietly(disk: &dyn Disk, name: &str) {
    if let Err(error) = remove_if_there(disk, name) {
        tracing::warn!(file = name, %error, "cannot remove a file that is no longer needed; the next start tries again");
    }
}

fn write_new(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let file = disk.open_or_create(name)?;
    file.set_len(0)?;
    file.write_at(bytes, 0)?;
    file.sync()
}
