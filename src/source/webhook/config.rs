//! The configuration of the webhook.

use super::bounds::Bounds;
use super::credentials::{CREDENTIALS_MAX, Credentials};
use super::heads::HEADS_FILE;
use super::tls::TlsFiles;
use crate::ingest::SourceOptions;
use crate::wire::PayloadFormat;
use ipnet::IpNet;
use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The webhook's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The listen address.
    pub listen: SocketAddr,
    /// The certificate; `None` for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Networks of trusted proxies: only they are served, and their forwarded client addresses
    /// are used. Empty: there is no proxy, and all addresses are served.
    pub behind_proxy: Vec<IpNet>,
    /// The accounts that may post.
    pub accounts: Vec<Account>,
    /// The bounds.
    pub bounds: Bounds,
    /// The file of recent request heads; `None` records none.
    pub heads: Option<PathBuf>,
}

/// A sender, or an account of a vendor's cloud.
#[derive(Clone)]
pub struct Account {
    /// The name: the source of all its samples.
    pub name: String,
    /// The path, compared byte by byte; may be long and unguessable.
    pub path: String,
    /// Valid pairs, at most two. Without a pair the path is open, which is allowed on
    /// loopback only.
    pub credentials: Vec<Credentials>,
    /// The options of its source.
    pub source: SourceOptions,
    /// The format of its bodies.
    pub format: PayloadFormat,
}

/// An invalid configuration. Never holds a path or a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no account.
    #[error("the webhook has no account; add one, or disable the webhook")]
    NoAccount,
    /// Two accounts with one name.
    #[error("two webhook accounts are called '{0}'; give each a name of its own")]
    NameTwice(String),
    /// Two accounts on one path.
    #[error("the webhook accounts '{0}' and another have the same path; give each a path of its own")]
    PathTwice(String),
    /// The path is not valid in a request.
    #[error("the path of webhook account '{0}' must begin with '/' and hold only visible ASCII without '?' and '#'")]
    PathForm(String),
    /// An open path on a network address.
    #[error(
        "webhook account '{0}' has no credentials, but {1} is not a loopback address; give it a user name and a password, or listen on 127.0.0.1"
    )]
    OpenToNetwork(String, SocketAddr),
    /// More pairs than supported.
    #[error(
        "webhook account '{0}' has more than {CREDENTIALS_MAX} pairs of credentials; configure at most the current and the next pair"
    )]
    CredentialsTooMany(String),
    /// An invalid bound.
    #[error("{0}")]
    Bound(&'static str),
}

impl Config {
    /// A configuration with the default bounds.
    pub fn new(listen: SocketAddr, accounts: Vec<Account>) -> Self {
        Self { listen, tls: None, behind_proxy: Vec::new(), accounts, bounds: Bounds::default(), heads: None }
    }

    /// Records request heads in this directory.
    #[must_use]
    pub fn heads_in(self, directory: &Path) -> Self {
        Self { heads: Some(directory.join(HEADS_FILE)), ..self }
    }

    /// Whether the webhook listens: not without an account.
    pub fn is_listening(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// All faults of this configuration.
    pub fn faults(&self) -> Vec<ConfigError> {
        let mut faults: Vec<_> = self.bounds.faults().map(ConfigError::Bound).collect();
        if self.accounts.is_empty() {
            faults.push(ConfigError::NoAccount);
        }
        let (mut names, mut paths) = (HashSet::new(), HashSet::new());
        for account in &self.accounts {
            let name = || account.name.clone();
            if !names.insert(&account.name) {
                faults.push(ConfigError::NameTwice(name()));
            }
            if !paths.insert(&account.path) {
                faults.push(ConfigError::PathTwice(name()));
            }
            if !is_path(&account.path) {
                faults.push(ConfigError::PathForm(name()));
            }
            if account.credentials.is_empty() && !self.listen.ip().is_loopback() {
                faults.push(ConfigError::OpenToNetwork(name(), self.listen));
            }
            if account.credentials.len() > CREDENTIALS_MAX {
                faults.push(ConfigError::CredentialsTooMany(name()));
            }
        }
        faults
    }
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'))
}

impl fmt::Debug for Account {
    /// Without the path, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("credentials", &self.credentials.len())
            .field("source", &self.source)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
