//! `RegisterRealtimeApiData`: one registration of a webhook URL.
//!
//! Source: the API's description of `/RegisterForRealtimeApi`. It does not document
//! whether the list shows the password, so the password may be absent. Invariant: no
//! `Debug` shows a URL's path or a password; both may be secrets.

use super::fields::{Fields, ReadError};
use crate::secret::Secret;
use serde_json::{Value, json};
use std::fmt;
use uuid::Uuid;

/// smart-me's id of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RegistrationId(pub Uuid);

impl fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `registrationType`: the devices that a registration covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationKind {
    /// 0: stored, but smart-me sends nothing.
    Disabled,
    /// 1: one meter.
    Meter,
    /// 2: all devices of the user.
    User,
    /// An undocumented number.
    Other(i64),
}

impl RegistrationKind {
    fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Disabled,
            1 => Self::Meter,
            2 => Self::User,
            other => Self::Other(other),
        }
    }

    /// Parses the names of the API's older description.
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "Disabled" => Some(Self::Disabled),
            "SingleMeterRegistration" => Some(Self::Meter),
            "UserRegistration" => Some(Self::User),
            _ => None,
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Disabled => 0,
            Self::Meter => 1,
            Self::User => 2,
            Self::Other(number) => number,
        }
    }
}

/// One registration, as listed.
#[derive(Clone, PartialEq, Eq)]
pub struct Registration {
    /// The id.
    pub id: RegistrationId,
    /// The devices that it covers.
    pub kind: RegistrationKind,
    /// The meter, if it covers only one.
    pub meter: Option<Uuid>,
    /// The URL that smart-me posts to.
    pub url: String,
    /// The user name that smart-me presents there, if shown.
    pub username: Option<String>,
    /// The password that smart-me presents there, if shown.
    pub password: Option<Secret>,
}

impl Registration {
    /// Decodes the answer of `GET /RegisterForRealtimeApi`.
    ///
    /// # Errors
    /// When any entry cannot be decoded: acting on an incomplete list does harm.
    pub fn list(bytes: &[u8]) -> Result<Vec<Self>, ReadError> {
        Fields::list(bytes)?.iter().map(Self::read).collect()
    }

    fn read(fields: &Fields) -> Result<Self, ReadError> {
        let by_name = || fields.text("registrationtype").and_then(RegistrationKind::from_name);
        let kind = fields.integer("registrationtype").map(RegistrationKind::from_number).or_else(by_name);
        let hidden = |text: &&str| !text.chars().all(|c| c == '*');
        Ok(Self {
            id: RegistrationId(fields.uuid("id").ok_or(ReadError::Missing("id"))?),
            kind: kind.ok_or(ReadError::Missing("registrationType"))?,
            meter: fields.uuid("meterid"),
            url: fields.text("apiurl").unwrap_or_default().to_owned(),
            username: fields.text("basicauthusername").map(str::to_owned),
            password: fields.text("basicauthpassword").filter(hidden).map(Secret::new),
        })
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A registration to create.
#[derive(Clone, Copy)]
pub struct NewRegistration<'a> {
    /// The meter; `None` for all devices of the user.
    pub meter: Option<Uuid>,
    /// The URL for smart-me to post to.
    pub url: &'a str,
    /// The credentials for smart-me to present there.
    pub credentials: Option<(&'a str, &'a Secret)>,
}

impl NewRegistration<'_> {
    /// The body of `POST /RegisterForRealtimeApi`.
    pub fn to_json(&self) -> Vec<u8> {
        let kind = if self.meter.is_some() { RegistrationKind::Meter } else { RegistrationKind::User };
        let mut fields = json!({ "registrationType": kind.number(), "apiUrl": self.url });
        if let Value::Object(object) = &mut fields {
            object.extend(self.meter.map(|meter| ("meterId".to_owned(), json!(meter))));
            if let Some((user, password)) = self.credentials {
                object.insert("basicAuthUsername".to_owned(), json!(user));
                object.insert("basicAuthPassword".to_owned(), json!(password.expose()));
            }
        }
        fields.to_string().into_bytes()
    }
}

impl fmt::Debug for NewRegistration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewRegistration").field("meter", &self.meter).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6f4b1f0c-8a1d-4c52-9f0a-1f6f6b0c2d3e";

    fn one(json: &str) -> Registration {
        Registration::list(format!("[{json}]").as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn names_are_read_in_any_case_and_absent_is_null() {
        let pascal = one(&format!(r#"{{"Id":"{ID}","RegistrationType":2,"ApiUrl":"https://m.example/a"}}"#));
        let camel = one(&format!(
            r#"{{"id":"{ID}","registrationType":2,"meterId":null,"apiUrl":"https://m.example/a","basicAuthPassword":null}}"#
        ));
        assert_eq!(pascal, camel);
        assert_eq!((pascal.kind, pascal.meter, pascal.password), (RegistrationKind::User, None, None));
    }

    #[test]
    fn unknown_kinds_are_kept_and_old_names_are_known() {
        assert_eq!(one(&format!(r#"{{"id":"{ID}","registrationType":7}}"#)).kind, RegistrationKind::Other(7));
        let old = one(&format!(r#"{{"Id":"{ID}","RegistrationType":"SingleMeterRegistration"}}"#));
        assert_eq!(old.kind, RegistrationKind::Meter);
    }

    #[test]
    fn a_password_of_stars_is_not_shown() {
        let masked = one(&format!(r#"{{"id":"{ID}","registrationType":2,"basicAuthPassword":"****"}}"#));
        assert_eq!(masked.password, None);
    }

    #[test]
    fn an_incomplete_list_is_an_error() {
        for wrong in ["{}", "[{}]", "[1]", "<html>", r#"[{"id":"x","registrationType":1}]"#] {
            assert!(Registration::list(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert_eq!(Registration::list(b"[]"), Ok(Vec::new()));
    }

    #[test]
    fn a_written_registration_is_read_back() {
        let password = Secret::new("hunter2");
        let meter = Uuid::from_u128(7);
        let new = NewRegistration {
            meter: Some(meter),
            url: "https://m.example/secret-path",
            credentials: Some(("user", &password)),
        };
        let mut json: Value = serde_json::from_slice(&new.to_json()).unwrap();
        json["id"] = json!(ID);
        let read = one(&json.to_string());
        assert_eq!((read.kind, read.meter), (RegistrationKind::Meter, Some(meter)));
        assert_eq!((read.url.as_str(), read.password), (new.url, Some(password.clone())));
        let shown = format!("{new:?} {:?}", one(&json.to_string()));
        assert!(!shown.contains("hunter2") && !shown.contains("secret-path"), "{shown}");
    }
}
