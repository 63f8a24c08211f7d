//! The configuration of an account.

use crate::http::CaFile;
use crate::secret::Secret;
use hyper::Uri;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// A configured account.
#[derive(Debug, Clone)]
pub struct Account {
    /// The name of the source.
    pub name: String,
    /// The address of the cloud, without path.
    pub url: Uri,
    /// The authorities that it trusts instead of the built-in ones.
    pub ca_file: Option<CaFile>,
    /// The login.
    pub credentials: Credentials,
    /// The key file that seals the refresh token.
    pub key_file: PathBuf,
    /// Numbers of the wanted locations; `None` for all that the account sees.
    pub locations: Option<Vec<String>>,
    /// The polling interval; rows are of five minutes.
    pub every: Duration,
    /// How far back the past is fetched at first.
    pub backfill: Duration,
    /// Largest number of requests in any minute. The vendor publishes no limit.
    pub requests_per_minute: NonZeroUsize,
}

/// The login of an account: an application's id with its secret, and a user's name with the password.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The application's id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: Secret,
}

impl Account {
    /// Whether a location is wanted.
    pub(super) fn wants(&self, location: &str) -> bool {
        self.locations.as_ref().is_none_or(|wanted| wanted.iter().any(|id| id == location))
    }
}
