//! The configuration of a smart-me account.

use super::polling::Polling;
use super::rotation::{NotRotatable, PasswordFile};
use crate::http::{CaFile, web_address};
use crate::secret::Secret;
use crate::vendor::smart_me::NewRegistration;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

/// A smart-me account.
#[derive(Debug, Clone)]
pub struct Account {
    /// The name of its source and of its webhook account, if any.
    pub name: String,
    /// The address of the API.
    pub api: ApiUrl,
    /// The authorities that it trusts instead of the built-in ones.
    pub ca_file: Option<CaFile>,
    /// The login.
    pub login: Login,
    /// Largest number of requests in any minute, with retries and token requests. The vendor
    /// publishes no limit; careful clients in the field stay below 30.
    pub requests_per_minute: NonZeroUsize,
    /// The registration it should have; `None` if our public address is unknown.
    pub wanted: Option<WantedRegistration>,
    /// The devices that it sees.
    pub reach: Reach,
    /// The polling of its devices; `None` for no polling.
    pub polling: Option<Polling>,
    /// The file of its webhook password, or why it cannot be rotated.
    pub password: Result<PasswordFile, NotRotatable>,
    /// Whether gap repair is on.
    pub repair: bool,
    /// How often the registration is checked and repaired; `None` for never.
    pub reconcile_every: Option<Duration>,
}

/// The devices that an account sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Its own devices.
    #[default]
    Own,
    /// The devices of all its customers: a gold partner's account, with separate API calls.
    Partner,
}

/// The base URL of the API, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl(String);

impl ApiUrl {
    /// The vendor's API.
    pub const STANDARD: &str = "https://api.smart-me.com";

    /// Parses a URL.
    ///
    /// # Errors
    /// A sentence that names a valid form.
    pub fn parse(text: &str) -> Result<Self, String> {
        match web_address(text).filter(|uri| uri.query().is_none()) {
            Some(_) => Ok(Self(text.trim_end_matches('/').to_owned())),
            None => Err(format!("is not a valid URL, such as {:?}", Self::STANDARD)),
        }
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The login method of an account.
#[derive(Debug, Clone)]
pub enum Login {
    /// A key created in the portal: the vendor's recommendation.
    ApiKey(Secret),
    /// User name and password of the portal; the vendor has announced its removal.
    Basic {
        /// The user name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// An OAuth 2.0 device application: client credentials.
    Client {
        /// The client's id.
        id: String,
        /// Its secret.
        secret: Secret,
        /// The requested claims.
        scopes: Vec<String>,
    },
    /// An OAuth 2.0 application that a person logs in with once: its refresh token is
    /// sealed in the data directory.
    User {
        /// The application's id.
        id: String,
        /// Its secret; public applications have none.
        secret: Option<Secret>,
        /// The requested claims.
        scopes: Vec<String>,
        /// The key that seals the refresh token; created by the first login.
        key_file: PathBuf,
    },
}

/// The one registration that an account should have.
#[derive(Clone)]
pub struct WantedRegistration {
    /// The URL that smart-me posts to. Its path may be a secret.
    pub url: String,
    /// The only wanted meter; `None` for all devices of the user.
    pub meter: Option<Uuid>,
    /// The user name and password that smart-me presents: the first pair of the webhook account.
    pub credentials: Option<(String, Secret)>,
}

impl WantedRegistration {
    /// The registration to create.
    pub fn as_new(&self) -> NewRegistration<'_> {
        let credentials = self.credentials.as_ref().map(|(user, password)| (user.as_str(), password));
        NewRegistration { meter: self.meter, url: &self.url, credentials }
    }

    /// Whether this is our URL, in any notation.
    pub fn is_at(&self, url: &str) -> bool {
        match (parts(&self.url), parts(url)) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.url == url,
        }
    }
}

impl fmt::Debug for WantedRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WantedRegistration")
            .field("origin", &origin(&self.url))
            .field("meter", &self.meter)
            .finish_non_exhaustive()
    }
}

/// Scheme, host, port and path: two URLs are the same if these are.
fn parts(url: &str) -> Option<(String, String, u16, String)> {
    let uri = web_address(url)?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    Some((scheme, uri.host()?.to_ascii_lowercase(), port, uri.path().to_owned()))
}

/// A URL for display: without the path, which may be a secret.
pub fn origin(url: &str) -> String {
    match parts(url) {
        Some((scheme, host, port, _)) => format!("{scheme}://{host}:{port}/…"),
        None => "(not a URL)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(url: &str) -> WantedRegistration {
        WantedRegistration { url: url.to_owned(), meter: None, credentials: Some(("u".into(), Secret::new("hunter2"))) }
    }

    #[test]
    fn a_url_is_ours_in_any_notation() {
        let ours = wanted("https://Meter.example/smart-me/4f1c");
        assert!(ours.is_at("https://meter.example:443/smart-me/4f1c"));
        for other in [
            "https://meter.example/smart-me/4F1C",
            "http://meter.example/smart-me/4f1c",
            "https://meter.example:8443/smart-me/4f1c",
            "https://meter.example/smart-me/4f1c/",
            "https://meter.example.evil/smart-me/4f1c",
            "",
        ] {
            assert!(!ours.is_at(other), "{other}");
        }
    }

    #[test]
    fn possible_secrets_are_not_shown() {
        let shown = format!("{:?}", wanted("https://meter.example/secret-path"));
        assert!(shown.contains("meter.example") && !shown.contains("secret") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn only_web_addresses_are_taken() {
        for wrong in ["", "api.smart-me.com", "ftp://a", "https://", "https://a/?x=1"] {
            assert!(ApiUrl::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(ApiUrl::parse("https://a/api/").unwrap().to_string(), "https://a/api");
    }
}
