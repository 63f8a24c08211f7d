//! Accounts and how they log in.

use super::devices::CloudDevice;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// An account of the cloud.
#[derive(Debug, Clone)]
pub struct CloudAccount {
    /// Its name in the tests.
    pub name: String,
    /// Ways to log in.
    pub logins: Vec<CloudLogin>,
    /// What a key or client may do, like `realtimeapi.readwrite`.
    pub claims: Vec<String>,
    /// Its devices.
    pub devices: Vec<CloudDevice>,
    /// Whether it is a gold partner's, who sees the devices of all customers (here: its own).
    pub is_partner: bool,
    /// Whether it is a Professional account, which may read the past.
    pub is_professional: bool,
}

/// A way to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloudLogin {
    /// `Authorization: ApiKey <key>`.
    ApiKey(String),
    /// User name and password.
    Basic(String, String),
    /// Id and secret of an OAuth device application.
    Client(String, String),
}

impl CloudAccount {
    /// An account that may do what meterline needs.
    #[must_use]
    pub fn new(name: &str, logins: Vec<CloudLogin>) -> Self {
        let claims = ["device.read", "realtimeapi.readwrite"].map(str::to_owned).to_vec();
        Self { name: name.to_owned(), logins, claims, devices: Vec::new(), is_partner: false, is_professional: true }
    }

    /// The same without a claim.
    #[must_use]
    pub fn without(mut self, claim: &str) -> Self {
        self.claims.retain(|has| has != claim);
        self
    }

    /// Whether this header is one of its keys or passwords.
    pub(super) fn is(&self, header: &str) -> bool {
        self.logins.iter().any(|login| match login {
            CloudLogin::ApiKey(key) => header == format!("ApiKey {key}"),
            CloudLogin::Basic(user, password) => header == basic(user, password),
            CloudLogin::Client(..) => false,
        })
    }

    /// Whether these are the id and secret of one of its clients, in either of the
    /// two ways that OAuth 2.0 allows.
    pub(super) fn has_client(&self, header: Option<&str>, form: &dyn Fn(&str) -> Option<String>) -> bool {
        self.logins.iter().any(|login| match login {
            CloudLogin::Client(id, secret) => {
                header == Some(&basic(id, secret))
                    || (form("client_id").as_deref() == Some(id) && form("client_secret").as_deref() == Some(secret))
            }
            _ => false,
        })
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
