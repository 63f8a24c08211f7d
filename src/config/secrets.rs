//! Reads secrets from the file or environment variable that the configuration names, never
//! from the configuration itself.
//!
//! Under a service manager the file may be a credential instead (`$CREDENTIALS_DIRECTORY`,
//! systemd's `LoadCredential=`): a copy that only the service can read. The configuration names
//! the original either way, so that `meterline check` reads the same secret outside of the unit.

use super::section::Section;
use crate::base::file::{read_secret, secret_text};
use crate::secret::Secret;
use std::path::{Path, PathBuf};

/// The keys that name a secret. A secret in clear text is refused with a hint.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecretKeys {
    pub(super) clear: &'static str,
    pub(super) file: &'static str,
    pub(super) variable: &'static str,
}

pub(super) const PASSWORD: SecretKeys =
    SecretKeys { clear: "password", file: "password_file", variable: "password_env" };
pub(super) const SECOND_PASSWORD: SecretKeys =
    SecretKeys { clear: "second_password", file: "second_password_file", variable: "second_password_env" };
pub(super) const API_KEY: SecretKeys = SecretKeys { clear: "api_key", file: "api_key_file", variable: "api_key_env" };
pub(super) const CLIENT_SECRET: SecretKeys =
    SecretKeys { clear: "client_secret", file: "client_secret_file", variable: "client_secret_env" };
pub(super) const PIN: SecretKeys = SecretKeys { clear: "pin", file: "pin_file", variable: "pin_env" };
pub(super) const KEY: SecretKeys = SecretKeys { clear: "key", file: "key_file", variable: "key_env" };
pub(super) const AUTHENTICATION_KEY: SecretKeys =
    SecretKeys { clear: "authentication_key", file: "authentication_key_file", variable: "authentication_key_env" };
pub(super) const TOKEN: SecretKeys = SecretKeys { clear: "token", file: "token_file", variable: "token_env" };

pub(super) const USERNAME: SecretKeys =
    SecretKeys { clear: "username", file: "username_file", variable: "username_env" };
pub(super) const LOCATION: SecretKeys =
    SecretKeys { clear: "location", file: "location_file", variable: "location_env" };

/// Checks a user name of HTTP Basic authentication.
pub(super) fn check_username(section: &mut Section<'_>, key: &'static str, user: &str) {
    if user.contains(':') {
        section.fault(key, "must not contain a colon, because HTTP Basic authentication does not allow it");
    }
}

/// Returns the secret that the section names.
pub(super) fn secret(section: &mut Section<'_>, keys: SecretKeys) -> Option<Secret> {
    secret_and_file(section, keys).map(|(secret, _)| secret)
}

/// Returns the secret and its file; without a file if it comes from a variable.
pub(super) fn secret_and_file(section: &mut Section<'_>, keys: SecretKeys) -> Option<(Secret, Option<PathBuf>)> {
    section.refuse(
        keys.clear,
        format!(
            "secrets are not allowed in this file: write the secret to another file and name that file in {}",
            keys.file
        ),
    );
    from_file_or_variable(section, keys)
}

/// The same where the text may also stand in the configuration itself.
pub(super) fn from_file_or_variable(section: &mut Section<'_>, keys: SecretKeys) -> Option<(Secret, Option<PathBuf>)> {
    let file: Option<PathBuf> = section.get(keys.file);
    let variable: Option<String> = section.get(keys.variable);
    match (file, variable) {
        (Some(_), Some(_)) => {
            section.fault(keys.variable, format!("is given together with {}; remove one of them", keys.file));
            None
        }
        (Some(path), None) => from_file(section, keys.file, &path).map(|secret| (secret, Some(path))),
        (None, Some(name)) => from_variable(section, keys.variable, &name).map(|secret| (secret, None)),
        (None, None) => None,
    }
}

fn from_variable(section: &Section<'_>, key: &'static str, name: &str) -> Option<Secret> {
    let Some(text) = section.secret_variable(name) else {
        section.fault(key, format!("the environment variable {name} is not set, or is not UTF-8 text"));
        return None;
    };
    section.note_content(key, text.as_bytes());
    let secret = secret_text(&text).map(Secret::new);
    if secret.is_none() {
        section.fault(key, format!("the environment variable {name} is empty"));
    }
    secret
}

fn from_file(section: &Section<'_>, key: &'static str, path: &Path) -> Option<Secret> {
    let read = match credential_of(section, path) {
        Some(credential) => read_secret(&credential),
        None => read_secret(path),
    };
    match read {
        Ok(text) => {
            section.note_content(key, text.as_bytes());
            Some(Secret::new(text))
        }
        Err(error) => {
            section.fault(key, format!("cannot read {}: {error}", path.display()));
            None
        }
    }
}

/// The credential made of this file, if there is one: systemd names it after the file, or after
/// its directory and the file (`LoadCredential=credentials:/etc/meterline/credentials`).
fn credential_of(section: &Section<'_>, path: &Path) -> Option<PathBuf> {
    let credentials = PathBuf::from(section.secret_variable("CREDENTIALS_DIRECTORY")?);
    let file = path.file_name()?.to_str()?;
    let directory = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let of_directory = directory.map(|directory| format!("{directory}_{file}"));
    let names = of_directory.into_iter().chain([file.to_owned()]);
    names.map(|name| credentials.join(name)).find(|credential| credential.is_file())
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Faults, parse};
    use crate::secret::Secret;
    use crate::source::smart_me::Login;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::path::Path;

    /// An account whose API key is named by this line.
    fn with_key(line: &str, variable: Option<&str>) -> Result<Config, Faults> {
        let environment = variable.map(|text| ("SECRET".to_owned(), text.to_owned())).into_iter().collect();
        parse("m.toml", &format!("[[smart_me]]\naccount = \"a\"\n{line}\n"), &environment)
    }

    fn from_file(path: &Path) -> Result<Config, Faults> {
        with_key(&format!("api_key_file = {:?}", path.display().to_string()), None)
    }

    fn from_variable(text: &str) -> Result<Config, Faults> {
        with_key("api_key_env = \"SECRET\"", Some(text))
    }

    fn key(config: &Config) -> &Secret {
        match &config.smart_me().next().unwrap().login {
            Login::ApiKey(key) => key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn files_and_variables_are_trimmed_alike_and_never_empty() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        for text in ["hunter2", "hunter2\n", "hunter2\r\n", "\u{feff}hunter2\n"] {
            std::fs::write(&path, text).unwrap();
            for config in [from_file(&path).unwrap(), from_variable(text).unwrap()] {
                assert_eq!(*key(&config), Secret::new("hunter2"), "{text:?}");
            }
        }
        // Spaces are part of a password.
        assert_eq!(*key(&from_variable(" hunter2 ").unwrap()), Secret::new(" hunter2 "));
        for empty in ["", "\n", "\r\n\n", "\u{feff}", "\u{feff}\n"] {
            std::fs::write(&path, empty).unwrap();
            for found in [from_file(&path).unwrap_err(), from_variable(empty).unwrap_err()] {
                assert!(found.to_string().contains("is empty"), "{empty:?}: {found}");
            }
        }
    }

    #[test]
    fn a_credential_is_read_instead_of_the_file_that_it_is_a_copy_of() {
        let credentials = tempfile::tempdir().unwrap();
        let environment = [("CREDENTIALS_DIRECTORY".to_owned(), credentials.path().display().to_string())].into();
        let read = |file: &str| {
            let text = format!("[[smart_me]]\naccount = \"a\"\napi_key_file = \"{file}\"\n");
            parse("m.toml", &text, &environment)
        };
        std::fs::write(credentials.path().join("one"), "by its name").unwrap();
        std::fs::write(credentials.path().join("secrets_two"), "by its directory").unwrap();
        for (file, secret) in [
            ("/etc/meterline/one", "by its name"),
            ("one", "by its name"),
            ("/etc/meterline/secrets/two", "by its directory"),
        ] {
            assert_eq!(*key(&read(file).unwrap()), Secret::new(secret), "{file}");
        }
        // Another file is read at its place.
        let found = read("/etc/meterline/two").unwrap_err().to_string();
        assert!(found.contains("/etc/meterline/two") && found.contains("No such file"), "{found}");
        let elsewhere = credentials.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::write(elsewhere.join("three"), "at its place").unwrap();
        assert_eq!(*key(&read(elsewhere.join("three").to_str().unwrap()).unwrap()), Secret::new("at its place"));
    }

    #[test]
    fn only_a_regular_file_of_bounded_size_is_read_and_the_fault_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        mknodat(CWD, file("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::fs::write(file("long"), "x".repeat(64 * 1024 + 1)).unwrap();
        std::fs::write(file("binary"), b"hunter2\xff").unwrap();
        let cases = [
            (file("fifo"), "regular file"),
            ("/dev/zero".into(), "regular file"),
            (directory.path().to_owned(), "regular file"),
            (file("long"), "longer than"),
            (file("binary"), "UTF-8"),
            (file("missing"), "No such file"),
        ];
        for (path, says) in cases {
            let found = from_file(&path).unwrap_err().to_string();
            assert!(found.contains(says) && found.contains(&path.display().to_string()), "{says}: {found}");
            assert!(!found.contains("hunter2"), "{found}");
        }
        let found = with_key("api_key_env = \"SECRET\"", None).unwrap_err().to_string();
        assert!(found.contains("SECRET is not set"), "{found}");
    }
}
