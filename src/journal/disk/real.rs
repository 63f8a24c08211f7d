//! The real directory.

use super::{Disk, DiskFile};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A directory of the file system.
#[derive(Debug)]
pub(crate) struct RealDisk {
    directory: PathBuf,
    is_writable: bool,
}

impl RealDisk {
    /// The directory, created durably if it does not exist. Only its owner may access
    /// it: it contains people's meter readings.
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        if !directory.is_dir() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            if let Some(parent) = directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self { directory: directory.to_owned(), is_writable: true })
    }

    /// An existing directory, for reading only.
    pub(crate) fn read_only(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), is_writable: false }
    }
}

impl Disk for RealDisk {
    fn path(&self) -> &Path {
        &self.directory
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            // A name that is not UTF-8 is not ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn bytes_len(&self, name: &str) -> io::Result<u64> {
        Ok(std::fs::metadata(self.directory.join(name))?.len())
    }

    fn identity(&self, name: &str) -> io::Result<(u64, u64)> {
        let metadata = std::fs::metadata(self.directory.join(name))?;
        Ok((metadata.dev(), metadata.ino()))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(OpenOptions::new().read(true).write(self.is_writable).open(self.directory.join(name))?)))
    }

    fn open_or_create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        Ok(Box::new(RealFile(options.open(self.directory.join(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.directory.join(from), self.directory.join(to))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::hard_link(self.directory.join(from), self.directory.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.directory.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read_at(&mut buffer[filled..], offset + super::super::block::on_disk(filled)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn reserve(&self, bytes_len: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, bytes_len) {
            // Some file systems cannot reserve. A later write may then run out of space and is handled like any failed write.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => self.0.set_len(bytes_len),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(()),
        }
    }

    fn set_len(&self, bytes_len: u64) -> io::Result<()> {
        self.0.set_len(bytes_len)
    }

    fn bytes_len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn identity(&self) -> io::Result<(u64, u64)> {
        let metadata = self.0.metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }
}
