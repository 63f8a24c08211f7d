//! Checks of an account for the operator, without a request and with one.

use super::account::{Account, Login};
use super::client::Client;
use super::devices::Devices;
use super::error::ApiError;
use super::login::Access;
use super::registrar::REGISTRATIONS;
use super::rotation::PasswordFile;
use crate::base::{Finding, Level};
use std::path::Path;
use std::time::Duration;

/// The maximum wait for an answer, all retries included. A person waits for it.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(20);

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

    /// Asks smart-me whether it accepts the login and allows the calls that the service
    /// makes. `None` without a login, which [`Account::login_state`] reports.
    pub async fn connect(&self, access: Access) -> Option<Finding> {
        let client = Client::new(self.clone(), access, CONNECT_WAIT_MAX);
        let registrations = self.wanted.as_ref().map(|_| REGISTRATIONS);
        for path in [Devices::path(self.reach)].into_iter().chain(registrations) {
            match client.get(path).await {
                Ok(_) => {}
                Err(ApiError::LoggedOut(_)) => return None,
                Err(error) => {
                    return Some(Finding::new(Level::Fault, format!("account '{}': {error}", self.name)));
                }
            }
        }
        Some(Finding::new(Level::Good, format!("smart-me accepts the login of account '{}'", self.name)))
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
