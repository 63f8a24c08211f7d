//! Secrets are made of the system's randomness, and small files that hold them replaced as a whole: at any moment, also after a
//! power cut, the file is the one before or the new one.

use ring::rand::{SecureRandom, SystemRandom};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Who may use a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rights {
    mode: u32,
    /// User and group; whoever writes it where absent.
    owner: Option<(u32, u32)>,
}

impl Rights {
    /// The writer's alone.
    pub(super) const PRIVATE: Self = Self { mode: 0o600, owner: None };

    /// Those of a file that is there.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { mode: metadata.mode() & 0o777, owner: Some((metadata.uid(), metadata.gid())) })
    }

    /// The same owner's alone.
    pub(super) fn private(self) -> Self {
        Self { mode: 0o600, ..self }
    }
}

/// Puts this in the file's place; it is on disk when this returns. The owner is kept
/// as far as the system lets us.
pub(super) fn replace(path: &Path, bytes: &[u8], rights: Rights) -> io::Result<()> {
    let new = beside(path, ".new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    if let Some((user, group)) = rights.owner {
        fchown(&file, Some(user), Some(group)).ok();
    }
    file.set_permissions(Permissions::from_mode(rights.mode))?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_directory_of(path)
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(bytes)
}

/// Syncs the names of the directory that a file lies in.
pub(super) fn sync_directory_of(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// The path with this at its end.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_rights_and_what_a_kill_left_is_no_hindrance() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        fs::write(beside(&path, ".new"), "ha").unwrap();
        let rights = Rights::of(&path).unwrap();
        replace(&path, b"new", rights).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(Rights::of(&path).unwrap(), rights);
        replace(&path, b"newer", rights.private()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
