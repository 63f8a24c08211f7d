//! Small files: atomic replacement and bounded reads.
//!
//! Except by [`read_any`] only regular files are read: a pipe or a device has no end, and
//! opening a pipe without a writer would wait forever. Invariant: at any moment, also after a power cut, a replaced file is the complete old
//! file or the complete new one, if one process at a time replaces it.

use rustix::fs::OFlags;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;

/// The maximum size of a secret.
pub const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Suffix of a file that is being written.
const NEW: &str = ".new";
/// Files that are written at once by [`replace_all`]: a file system syncs them together.
const WRITERS: usize = 16;

/// Mode and owner of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    mode: u32,
    /// User and group; `None` for the process's own.
    owner: Option<(u32, u32)>,
}

impl Rights {
    /// Mode 0600, owned by this process.
    pub const PRIVATE: Self = Self { mode: 0o600, owner: None };

    /// The rights of an existing file.
    ///
    /// # Errors
    /// When the file's metadata cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { mode: metadata.mode() & 0o777, owner: Some((metadata.uid(), metadata.gid())) })
    }

    /// The same owner with mode 0600.
    #[must_use]
    pub fn private(self) -> Self {
        Self { mode: 0o600, ..self }
    }
}

/// Replaces a file's contents and syncs them. Keeps the owner if this process may set it.
/// `bytes_max` is the bound with which the file is read.
///
/// # Errors
/// When the contents exceed the bound, or the new file cannot be written, synced or renamed;
/// then the old file stays.
pub fn replace(path: &Path, bytes: &[u8], bytes_max: u64, rights: Rights) -> io::Result<()> {
    refuse_beyond(bytes, bytes_max)?;
    replace_with(path, rights, |file| file.write_all(bytes))
}

/// Replaces files of one directory, many at once, and syncs them: it takes less time than one after the other.
///
/// # Errors
/// As [`replace`]; some of the files may be replaced then.
pub fn replace_all(files: &[(PathBuf, &[u8])], bytes_max: u64, rights: Rights) -> io::Result<()> {
    let put_each = |files: &[(PathBuf, &[u8])]| {
        files.iter().try_for_each(|(path, bytes)| {
            refuse_beyond(bytes, bytes_max)?;
            put(path, rights, |file| file.write_all(bytes))
        })
    };
    let share = files.len().div_ceil(WRITERS).max(1);
    thread::scope(|scope| {
        let spawn = |files| thread::Builder::new().spawn_scoped(scope, move || put_each(files));
        let writers: Vec<_> = files.chunks(share).map(spawn).collect();
        let panicked = |_| Err(io::Error::other("the writer of a file panicked"));
        writers.into_iter().try_for_each(|writer| writer?.join().unwrap_or_else(panicked))
    })?;
    files.first().map_or(Ok(()), |(path, _)| sync_directory_of(path))
}

/// Refuses contents that a later read with this bound would refuse.
///
/// # Errors
/// `FileTooLarge` beyond the bound.
pub fn refuse_beyond(bytes: &[u8], bytes_max: u64) -> io::Result<()> {
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= bytes_max) {
        return Ok(());
    }
    let why = format!("it would have {} bytes, its bound is {bytes_max}", bytes.len());
    Err(io::Error::new(io::ErrorKind::FileTooLarge, why))
}

/// The same with contents that `write` writes part by part.
///
/// # Errors
/// When [`replace`] or `write` fails; then the old file stays.
pub fn replace_with(path: &Path, rights: Rights, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    put(path, rights, write)?;
    sync_directory_of(path)
}

/// Removes the new file that a failed [`replace_with`] left.
pub fn remove_new(path: &Path) {
    fs::remove_file(with_suffix(path, NEW)).ok();
}

/// Replaces a file and syncs its contents, not its name.
fn put(path: &Path, rights: Rights, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let new = with_suffix(path, NEW);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    write(&mut file)?;
    if let Some((user, group)) = rights.owner {
        fchown(&file, Some(user), Some(group)).ok();
    }
    file.set_permissions(Permissions::from_mode(rights.mode))?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// Reads a regular file of at most `bytes_max` bytes; `None` if it does not exist.
///
/// # Errors
/// When the file cannot be read or is not a regular file; `InvalidData` when it is longer.
pub fn read_at_most(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    match read(path, bytes_max) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Reads a regular file of at most `bytes_max` bytes.
///
/// # Errors
/// As [`read_at_most`], and `NotFound` when it does not exist.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    // Opened like this, a pipe does not wait for a writer.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    read_bounded(file, bytes_max)
}

/// Reads a file of at most `bytes_max` bytes, also a pipe, such as the shell's `<(...)`. Only
/// for what a user names on the command line.
///
/// # Errors
/// When the file cannot be read; `InvalidData` when it is longer.
pub fn read_any(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    read_bounded(File::open(path)?, bytes_max)
}

fn read_bounded(file: File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= bytes_max) {
        Ok(bytes)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is longer than {bytes_max} bytes")))
    }
}

/// The text that a file contains.
///
/// # Errors
/// `InvalidData` when it is not UTF-8.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Reads a secret: a regular file of at most [`SECRET_BYTES_MAX`] bytes, trimmed like
/// [`secret_text`].
///
/// # Errors
/// As [`read`], and `InvalidData` when it is empty or not UTF-8. The error names no path.
pub fn read_secret(path: &Path) -> io::Result<String> {
    let text = text(read(path, SECRET_BYTES_MAX)?)?;
    secret_text(&text).map(str::to_owned).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is empty"))
}

/// The text of a secret without what editors and shells add: a byte order mark, line ends.
/// `None` if nothing is left.
pub fn secret_text(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\r', '\n']);
    (!text.is_empty()).then_some(text)
}

/// Syncs the directory of a file, so that the file's name is on disk.
///
/// # Errors
/// When the directory cannot be opened or synced.
pub fn sync_directory_of(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// The path with `suffix` appended.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod traced_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_rights_also_after_a_kill_in_the_middle() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        fs::write(with_suffix(&path, NEW), "ha").unwrap();
        let rights = Rights::of(&path).unwrap();
        replace(&path, b"new", 9, rights).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(Rights::of(&path).unwrap(), rights);
        replace(&path, b"newer", 9, rights.private()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_its_reader_would_refuse_is_not_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        replace(&path, b"abc", 3, Rights::PRIVATE).unwrap();
        let error = replace(&path, b"abcd", 3, Rights::PRIVATE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_at_most(&path, 3).unwrap().as_deref(), Some(b"abc".as_slice()));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn many_files_are_replaced_at_once_and_one_that_is_too_long_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let texts: Vec<String> = (0..100).map(|number| format!("{number:03}")).collect();
        let path = |text: &str| directory.path().join(text);
        fs::write(path("007"), "x").unwrap();
        let files: Vec<_> = texts.iter().map(|text| (path(text), text.as_bytes())).collect();
        for count in [0, 1, 100] {
            replace_all(&files[..count], 3, Rights::PRIVATE).unwrap();
        }
        assert!(texts.iter().all(|text| fs::read_to_string(path(text)).unwrap() == *text));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 100);
        let error = replace_all(&[(path("000"), b"000"), (path("long"), b"long")], 3, Rights::PRIVATE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(!path("long").exists());
    }

    #[test]
    fn a_longer_file_than_allowed_is_an_error_and_a_missing_one_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        assert_eq!(read_at_most(&path, 3).unwrap(), None);
        fs::write(&path, "abc").unwrap();
        assert_eq!(read_at_most(&path, 3).unwrap().as_deref(), Some(b"abc".as_slice()));
        assert_eq!(read_at_most(&path, 2).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
