//! Accounts and their logins.

use super::devices::CloudDevice;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

/// An account of the cloud.
#[derive(Debug, Clone)]
pub struct CloudAccount {
    /// Its name in the tests.
    pub name: String,
    /// Ways to log in.
    pub logins: Vec<CloudLogin>,
    /// Rights of its keys and clients, like `realtimeapi.readwrite`.
    pub claims: Vec<String>,
    /// Its devices.
    pub devices: Vec<CloudDevice>,
    /// Whether it is a gold partner's, who sees the devices of all customers (here: its own).
    pub is_partner: bool,
    /// The customers of a partner.
    pub customers: Vec<CloudCustomer>,
    /// Whether it is a Professional account, which may read the past.
    pub is_professional: bool,
}

/// A customer of a gold partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudCustomer {
    /// Its user's id.
    pub id: i64,
    /// Its user's name.
    pub name: String,
    /// Its devices among the account's.
    pub devices: Vec<Uuid>,
    /// The folder that all of them are in.
    pub house: String,
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
    /// Id and, where it is confidential, secret of an OAuth application that persons log in with.
    Application(String, Option<String>),
}

/// An authenticated OAuth application.
pub(super) struct Client {
    pub(super) id: String,
    /// The application acts for itself: client credentials only.
    pub(super) is_service: bool,
}

impl CloudAccount {
    /// An account that may do what meterline needs.
    #[must_use]
    pub fn new(name: &str, logins: Vec<CloudLogin>) -> Self {
        let claims = ["device.read", "realtimeapi.readwrite", "partner.read"].map(str::to_owned).to_vec();
        Self {
            name: name.to_owned(),
            logins,
            claims,
            devices: Vec::new(),
            is_partner: false,
            customers: Vec::new(),
            is_professional: true,
        }
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
            CloudLogin::Client(..) | CloudLogin::Application(..) => false,
        })
    }

    /// The application whose id and secret these are, in either of the two ways that
    /// OAuth 2.0 allows.
    pub(super) fn client(&self, header: Option<&str>, form: &dyn Fn(&str) -> Option<String>) -> Option<Client> {
        self.logins.iter().find_map(|login| {
            let (id, secret, is_service) = match login {
                CloudLogin::Client(id, secret) => (id, Some(secret), true),
                CloudLogin::Application(id, secret) => (id, secret.as_ref(), false),
                CloudLogin::ApiKey(_) | CloudLogin::Basic(..) => return None,
            };
            let is_in_header = secret.is_some_and(|secret| header == Some(&basic(id, secret)));
            let is_in_form = form("client_id").as_ref() == Some(id) && form("client_secret").as_ref() == secret;
            (is_in_header || is_in_form).then(|| Client { id: id.clone(), is_service })
        })
    }

    /// Whether persons log in with this application.
    pub(super) fn has_application(&self, id: &str) -> bool {
        self.logins.iter().any(|login| matches!(login, CloudLogin::Application(known, _) if known == id))
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
