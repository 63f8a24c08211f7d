//! What is configured of an account at smart-me.

use super::devices::Polling;
use super::rotation::{NotRotatable, PasswordFile};
use crate::http::web_address;
use crate::secret::Secret;
use crate::vendor::smart_me::NewRegistration;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

/// An account and how to ask for its data.
#[derive(Debug, Clone)]
pub struct Account {
    /// The name of its source: of its webhook account, where it has one.
    pub name: String,
    /// Where the API is.
    pub api: ApiUrl,
    /// Who is asking.
    pub login: Login,
    /// Requests in any minute at most, repeats and tokens included. The vendor
    /// publishes no number; 30 is what careful clients in the field stay under.
    pub requests_per_minute: NonZeroUsize,
    /// The registration it should have; `None` where our public address is not known.
    pub wanted: Option<Wanted>,
    /// Whose devices it sees.
    pub reach: Reach,
    /// How its devices are asked for; `None` for not at all.
    pub polling: Option<Polling>,
    /// Where its webhook password lies, where that can be rotated.
    pub password: Result<PasswordFile, NotRotatable>,
    /// Whether what is missing of its meters is fetched.
    pub repair: bool,
    /// How often the registration is put right; `None` for never.
    pub reconcile_every: Option<Duration>,
}

/// Whose devices an account sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Its own.
    #[default]
    Own,
    /// Those of all its customers: a gold partner's account, with calls of its own.
    Partner,
}

/// The base address of the API, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl(String);

impl ApiUrl {
    /// The vendor's.
    pub const STANDARD: &str = "https://api.smart-me.com";

    /// Reads an address.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        match web_address(text).filter(|uri| uri.query().is_none()) {
            Some(_) => Ok(Self(text.trim_end_matches('/').to_owned())),
            None => Err(format!("is no address, like {:?}", Self::STANDARD)),
        }
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an account proves who it is.
#[derive(Debug, Clone)]
pub enum Login {
    /// A key made in the portal: what the vendor recommends.
    ApiKey(Secret),
    /// User name and password of the portal: announced for removal by the vendor.
    Basic {
        /// The user name.
        user: String,
        /// Its password.
        password: Secret,
    },
    /// A device application of OAuth 2.0: client credentials.
    Client {
        /// The client's id.
        id: String,
        /// Its secret.
        secret: Secret,
        /// The claims that are asked for.
        scopes: Vec<String>,
    },
    /// An application of OAuth 2.0 that a person logs in with, once: its refresh token
    /// is kept sealed in the data directory.
    User {
        /// The application's id.
        id: String,
        /// Its secret; public applications have none.
        secret: Option<Secret>,
        /// The claims that are asked for.
        scopes: Vec<String>,
        /// The key that the refresh token is sealed with; made by the first login.
        key_file: PathBuf,
    },
}

/// The registration an account should have: exactly one.
#[derive(Clone)]
pub struct Wanted {
    /// The address smart-me posts to. Its path may be a secret.
    pub url: String,
    /// The only meter wanted; all devices of the user where absent.
    pub meter: Option<Uuid>,
    /// What smart-me presents there: the first pair of the webhook account.
    pub credentials: Option<(String, Secret)>,
}

impl Wanted {
    /// As it is registered.
    #[must_use]
    pub fn as_new(&self) -> NewRegistration<'_> {
        let credentials = self.credentials.as_ref().map(|(user, password)| (user.as_str(), password));
        NewRegistration { meter: self.meter, url: &self.url, credentials }
    }

    /// Whether this is our address, however it is written.
    #[must_use]
    pub fn is_at(&self, url: &str) -> bool {
        match (parts(&self.url), parts(url)) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.url == url,
        }
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted").field("origin", &origin(&self.url)).field("meter", &self.meter).finish_non_exhaustive()
    }
}

/// Scheme, host, port and path: what makes two addresses one.
fn parts(url: &str) -> Option<(String, String, u16, String)> {
    let uri = web_address(url)?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    Some((scheme, uri.host()?.to_ascii_lowercase(), port, uri.path().to_owned()))
}

/// An address as it may be shown: without the path, which may be a secret.
#[must_use]
pub fn origin(url: &str) -> String {
    match parts(url) {
        Some((scheme, host, port, _)) => format!("{scheme}://{host}:{port}/…"),
        None => "(no address)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(url: &str) -> Wanted {
        Wanted { url: url.to_owned(), meter: None, credentials: Some(("u".into(), Secret::new("hunter2"))) }
    }

    #[test]
    fn an_address_is_ours_however_it_is_written() {
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
    fn what_may_be_a_secret_is_not_shown() {
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
