//! Checks of an account that need no request.

use super::account::{Account, Login};
use super::client::Access;
use super::rotation::PasswordFile;
use crate::base::{Finding, Level};
use std::path::Path;

impl Account {
    /// Warnings about this account's configuration and an unfinished rotation.
    pub fn warnings(&self, data_directory: &Path) -> Vec<Finding> {
        let rotation = self.is_rotating().then(|| {
            Finding::new(
                Level::Warning,
                format!(
                    "the webhook password of account '{0}' is being rotated, and the old one is still valid: finish the \
                     rotation with `meterline smart-me rotate --account {0}`",
                    self.name
                ),
            )
        });
        rotation.into_iter().chain(self.login_warning(data_directory)).collect()
    }

    fn is_rotating(&self) -> bool {
        self.password.as_ref().is_ok_and(PasswordFile::is_rotating)
    }

    /// The state of a person's login; `None` for other login methods.
    pub fn login_state(&self, access: &Access) -> Option<Finding> {
        matches!(self.login, Login::User { .. }).then(|| match access.check_login() {
            Ok(()) => Finding::new(Level::Good, format!("account '{}' is logged in", self.name)),
            Err(error) => Finding::new(Level::Warning, error.to_string()),
        })
    }

    fn login_warning(&self, data_directory: &Path) -> Option<Finding> {
        let name = &self.name;
        match &self.login {
            Login::Basic { .. } => Some(Finding::new(
                Level::Warning,
                format!(
                    "account '{name}' logs in at smart-me with a username and password, which smart-me will no longer \
                     support: create a key in its portal and set api_key_file"
                ),
            )),
            Login::User { key_file, .. } if key_file.starts_with(data_directory) => Some(Finding::new(
                Level::Warning,
                format!(
                    "token_key_file of account '{name}' is in the data directory, so that a copy of the directory \
                     exposes the login: move it elsewhere"
                ),
            )),
            Login::ApiKey(_) | Login::Client { .. } | Login::User { .. } => None,
        }
    }
}
