//! The store of webhook registrations: `RegisterRealtimeApiData`.

use super::switches::Switches;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// One registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudRegistration {
    /// The account that owns it.
    pub account: String,
    /// Its id.
    pub id: Uuid,
    /// 0 disabled, 1 one meter, 2 all devices of the user.
    pub kind: i64,
    /// The meter of kind 1.
    pub meter: Option<Uuid>,
    /// The URL that it posts to.
    pub url: String,
    /// User name of the Basic credentials.
    pub username: Option<String>,
    /// Password of the Basic credentials.
    pub password: Option<String>,
}

impl CloudRegistration {
    /// One for all devices of an account.
    #[must_use]
    pub fn for_all(account: &str, url: &str) -> Self {
        let (account, url) = (account.to_owned(), url.to_owned());
        Self { account, id: Uuid::new_v4(), kind: 2, meter: None, url, username: None, password: None }
    }

    /// Reads the body of a POST.
    pub(super) fn read(account: &str, body: &[u8]) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let field = |name: &str| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let text = |name: &str| field(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            account: account.to_owned(),
            id: Uuid::new_v4(),
            kind: field("registrationType")?.as_i64()?,
            meter: text("meterId").and_then(|id| id.parse().ok()),
            url: text("apiUrl")?,
            username: text("basicAuthUsername"),
            password: text("basicAuthPassword"),
        })
    }

    /// The entry of the list.
    pub(super) fn to_json(&self, switches: &Switches) -> Value {
        let password = if switches.lists_passwords { json!(self.password) } else { Value::Null };
        let fields = [
            ("Id", json!(self.id)),
            ("RegistrationType", json!(self.kind)),
            ("MeterId", json!(self.meter)),
            ("SerialNumber", Value::Null),
            ("ApiUrl", json!(self.url)),
            ("BasicAuthUsername", json!(self.username)),
            ("BasicAuthPassword", password),
        ];
        let shown = fields.into_iter().filter(|(_, value)| switches.nulls || !value.is_null());
        Value::Object(shown.map(|(name, value)| (switches.name(name), value)).collect())
    }
}
