//! Reads secrets from the file or environment variable that the configuration names, never
//! from the configuration itself.

use super::section::Section;
use crate::secret::Secret;
use std::path::{Path, PathBuf};

/// The maximum size of a secret. It bounds memory if the path names a large file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

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
    if section.get::<String>(keys.clear).is_some() {
        section.fault(
            keys.clear,
            format!(
                "secrets are not allowed in this file: write the secret to another file and name that file in {}",
                keys.file
            ),
        );
    }
    let file: Option<PathBuf> = section.get(keys.file);
    let variable: Option<String> = section.get(keys.variable);
    match (file, variable) {
        (Some(_), Some(_)) => {
            section.fault(keys.variable, format!("is given together with {}; remove one of them", keys.file));
            None
        }
        (Some(path), None) => from_file(section, keys.file, &path).map(|secret| (secret, Some(path))),
        (None, Some(name)) => match section.secret_variable(&name) {
            Some(text) => Some((Secret::new(text), None)),
            None => {
                section.fault(keys.variable, format!("the environment variable {name} is not set"));
                None
            }
        },
        (None, None) => None,
    }
}

fn from_file(section: &Section<'_>, key: &'static str, path: &Path) -> Option<Secret> {
    let read = std::fs::metadata(path).and_then(|metadata| {
        if metadata.len() > SECRET_BYTES_MAX {
            return Err(std::io::Error::other(format!("it is larger than {SECRET_BYTES_MAX} bytes")));
        }
        std::fs::read_to_string(path)
    });
    match read {
        Ok(text) if text.trim_end_matches(['\r', '\n']).is_empty() => {
            section.fault(key, format!("the file {} is empty", path.display()));
            None
        }
        Ok(text) => Some(Secret::new(text.trim_end_matches(['\r', '\n']))),
        Err(error) => {
            section.fault(key, format!("cannot read {}: {error}", path.display()));
            None
        }
    }
}
