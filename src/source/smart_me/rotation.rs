//! The rotation of a webhook password on disk: the configured password file and, beside it,
//! a file with the previous password.
//!
//! Invariant: after a crash at any moment, every password that smart-me may present is
//! still readable. The previous one is written first and removed last.

use crate::base::file::{Rights, SECRET_BYTES_MAX, read_secret, replace, sync_directory_of, with_suffix};
use crate::secret::{Secret, random};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Suffix of the file with the previous password.
const PREVIOUS: &str = ".before";
/// Random bytes of a password.
const PASSWORD_BYTES: usize = 32;

/// The file that holds an account's webhook password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordFile(PathBuf);

/// The passwords on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passwords {
    /// The password that smart-me should present.
    pub present: Secret,
    /// The previous password, which smart-me may still present during a rotation.
    pub before: Option<Secret>,
}

/// Why an account's password cannot be rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRotatable {
    /// The account has no webhook.
    #[error("it has no [[webhook.account]], so there is no password to rotate")]
    NoWebhook,
    /// It has no password.
    #[error("its path is open: give it a username and a password_file first")]
    Open,
    /// It comes from an environment variable.
    #[error(
        "its password comes from an environment variable, which meterline cannot change: put it into a file and set password_file"
    )]
    Variable,
    /// It already has a second pair; only two are supported.
    #[error("it already has a second pair: remove second_username and its password from the configuration first")]
    SecondPair,
}

impl PasswordFile {
    /// The file that the configuration names.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Reads both passwords.
    ///
    /// # Errors
    /// When a file cannot be read or is empty.
    pub fn read(&self) -> io::Result<Passwords> {
        let present = read(&self.0)?;
        let before = match read(&self.before()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            other => Some(other?),
        };
        Ok(Passwords { present, before })
    }

    /// Whether a rotation is in progress.
    pub fn is_rotating(&self) -> bool {
        self.before().exists()
    }

    /// Creates a new password and keeps the previous one; a rotation in progress continues
    /// with its passwords. Returns whether a new password was created.
    ///
    /// # Errors
    /// When a file cannot be read or written; the passwords on disk stay valid.
    pub fn begin(&self) -> io::Result<bool> {
        let Passwords { present, before } = self.read()?;
        if before.is_some_and(|before| before != present) {
            return Ok(false);
        }
        // Follows a link: its target is replaced, not the link.
        let file = fs::canonicalize(&self.0)?;
        let rights = Rights::of(&file)?;
        replace(&self.before(), present.expose().as_bytes(), SECRET_BYTES_MAX, rights.private())
            .map_err(|error| named(&self.before(), &error))?;
        #[cfg(feature = "test-faults")]
        crate::faults::die_at(DIES_AT, 1);
        let password = URL_SAFE_NO_PAD.encode(random::<PASSWORD_BYTES>()?);
        replace(&file, password.as_bytes(), SECRET_BYTES_MAX, rights).map_err(|error| named(&file, &error))?;
        #[cfg(feature = "test-faults")]
        crate::faults::die_at(DIES_AT, 2);
        Ok(true)
    }

    /// Removes the previous password.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn retire(&self) -> io::Result<()> {
        match fs::remove_file(self.before()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(&self.before(), &error)),
            _ => sync_directory_of(&self.0),
        }
    }

    fn before(&self) -> PathBuf {
        with_suffix(&self.0, PREVIOUS)
    }
}

/// The action of the running service that reloads the passwords from disk. Its answer is the
/// number of requests with the second pair.
pub const RELOAD_CREDENTIALS: &str = "reload-credentials";
/// The action of the running service that replaces the registration by one with the present
/// password. Its answer is the list of steps done.
pub const REPLACE_REGISTRATION: &str = "replace-registration";

/// The switch of test builds that kills the command after a step of the rotation.
#[cfg(feature = "test-faults")]
pub const DIES_AT: &str = "rotation-dies-at";

fn read(path: &Path) -> io::Result<Secret> {
    read_secret(path).map(Secret::new).map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use tempfile::TempDir;

    fn file() -> (TempDir, PasswordFile) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        fs::write(&path, "old\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        (directory, PasswordFile::new(path))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn both_passwords_are_readable_until_the_previous_one_is_removed() {
        let (_directory, file) = file();
        assert_eq!(file.read().unwrap(), Passwords { present: Secret::new("old"), before: None });
        assert!(file.begin().unwrap());
        let passwords = file.read().unwrap();
        assert_eq!(passwords.before, Some(Secret::new("old")));
        assert!(passwords.present.expose().len() >= 43 && file.is_rotating());
        assert_eq!((mode(&file.0), mode(&file.before())), (0o640, 0o600));
        assert!(!file.begin().unwrap(), "it goes on");
        assert_eq!(file.read().unwrap(), passwords);
        file.retire().unwrap();
        assert_eq!(file.read().unwrap(), Passwords { before: None, ..passwords.clone() });
        assert!(file.begin().unwrap());
        assert_ne!(file.read().unwrap().present, passwords.present);
    }

    #[test]
    fn a_rotation_continues_after_a_kill_and_a_link_stays_a_link() {
        let (directory, file) = file();
        fs::write(file.before(), "old").unwrap();
        assert!(file.begin().unwrap());
        assert_eq!(file.read().unwrap().before, Some(Secret::new("old")));
        let link = directory.path().join("link");
        symlink(&file.0, &link).unwrap();
        let linked = PasswordFile::new(link.clone());
        assert!(linked.begin().unwrap());
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(linked.read().unwrap().present, file.read().unwrap().present);
    }

    #[test]
    fn an_unreadable_or_unwritable_file_changes_nothing_and_is_named() {
        let (_directory, file) = file();
        fs::create_dir(with_suffix(&file.before(), ".new")).unwrap();
        assert!(file.begin().unwrap_err().to_string().contains("password.before"));
        assert_eq!(file.read().unwrap(), Passwords { present: Secret::new("old"), before: None });
        fs::write(&file.0, "\n").unwrap();
        assert!(file.begin().unwrap_err().to_string().contains("is empty"));
    }
}
