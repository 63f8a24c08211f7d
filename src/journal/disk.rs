//! The one directory the journal lives in, as the few operations it needs.
//!
//! Two implementations exist: the real directory, and in tests a disk that
//! loses, tears and refuses writes. A name or a length is durable only after
//! `sync_names`, contents only after `sync`. Knows nothing of the format.

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
    /// Where it is, for messages.
    fn path(&self) -> &Path;
    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
    /// A file's length, without opening it.
    fn bytes_len(&self, name: &str) -> io::Result<u64>;
    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file, made empty where it does not exist.
    fn open_or_create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Gives a file a second name, which must be free.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_names(&self) -> io::Result<()>;
}

/// The disk as everybody shares it.
pub(crate) type SharedDisk = Arc<dyn Disk>;

/// An open file.
pub(crate) trait DiskFile: Debug + Send + Sync {
    /// Reads what is there; fewer bytes than asked only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all bytes.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the contents durable.
    fn sync(&self) -> io::Result<()>;
    /// Reserves room for `bytes_len` zeros, so that writes within cannot lack space.
    fn reserve(&self, bytes_len: u64) -> io::Result<()>;
    /// Cuts or lengthens the file.
    fn set_len(&self, bytes_len: u64) -> io::Result<()>;
    /// Its length.
    fn bytes_len(&self) -> io::Result<u64>;
    /// Takes the file's lock until it is dropped; false where another process has it.
    fn try_lock(&self) -> io::Result<bool>;
    /// Device and inode: a copy of the file has others.
    fn identity(&self) -> io::Result<(u64, u64)>;
}

/// All bytes of a file, `None` where it does not exist, an error beyond `bytes_max`.
pub(crate) fn read_whole(disk: &dyn Disk, name: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = file.bytes_len()?;
    if len > bytes_max {
        return Err(io::Error::other(format!("{name} has {len} bytes, more than the {bytes_max} it may have")));
    }
    let mut bytes = vec![0; super::block::in_memory(len)];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Puts a file in place as a whole: a crash leaves the old one or the new one.
pub(crate) fn replace(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}{TEMPORARY_SUFFIX}");
    let made = write_new(disk, &temporary, bytes).and_then(|()| disk.rename(&temporary, name));
    if made.is_err() {
        remove_quietly(disk, &temporary);
    }
    made.and_then(|()| disk.sync_names())
}

/// Cuts a file, durably: room that a crash could give back is not room.
pub(crate) fn cut(disk: &dyn Disk, name: &str, bytes_len: u64) -> io::Result<()> {
    // A handle of its own: one whose sync failed before is not synced again.
    let file = disk.open(name)?;
    file.set_len(bytes_len)?;
    file.sync()
}

/// What the name of a file ends in until it is complete and durable.
pub(crate) const TEMPORARY_SUFFIX: &str = ".new";

/// Removes a file whose staying does no harm: the next open removes it.
pub(crate) fn remove_quietly(disk: &dyn Disk, name: &str) {
    if let Err(error) = disk.remove(name)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(file = name, %error, "cannot remove a file that is not needed any more; the next start tries again");
    }
}

fn write_new(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let file = disk.open_or_create(name)?;
    file.set_len(0)?;
    file.write_at(bytes, 0)?;
    file.sync()
}
