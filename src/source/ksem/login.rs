//! The login: an access token of role `api`, or a password for which the device makes a token.
//!
//! An access token is a JWT. Its end is read from it and shown; it is never renewed here. A password token
//! is renewed before its end, and once when the device refuses it.

use crate::base::{Finding, Level};
use crate::clock::Clock;
use crate::http::Outcome;
use crate::reading::UnixNanos;
use crate::secret::Secret;
use crate::source::SourceError;
use crate::source::device::{HttpDevice, with_path};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Uri;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::time::{Duration, Instant};

/// The only path that is ever posted to.
const TOKEN: &str = "/api/web-login/token";
/// The client id and secret of the device's own page; all devices have the same.
const CLIENT: &str = "grant_type=password&client_id=emos&client_secret=56951025";
/// A token is renewed this long before its end.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// An access token whose end is nearer is warned of.
const WARN_BEFORE: Duration = Duration::from_hours(30 * 24);

/// How to log in at a device.
#[derive(Debug, Clone)]
pub enum Login {
    /// An access token of role `api`.
    Token(Secret),
    /// A user of the device's page and the password.
    Password {
        /// The user, usually `admin`.
        user: String,
        /// The password.
        password: Secret,
    },
}

impl Login {
    /// A warning if the access token ends soon or has ended.
    pub(super) fn finding(&self, name: &str, now: UnixNanos) -> Option<Finding> {
        let Self::Token(token) = self else { return None };
        let end = token_end(token)?;
        let soon = now.saturating_add(i64::try_from(WARN_BEFORE.as_nanos()).unwrap_or(i64::MAX));
        let finding = |level, verb: &str| {
            let advice = "create a new one in the device's page (Profile, Access tokens)";
            Finding::new(level, format!("the access token of '{name}' {verb} at {end}; {advice}"))
        };
        if end <= now {
            Some(finding(Level::Fault, "ended"))
        } else if end <= soon {
            Some(finding(Level::Warning, "ends"))
        } else {
            None
        }
    }
}

/// The end of a JWT: its claim `exp`, in seconds since 1970 UTC.
fn token_end(token: &Secret) -> Option<UnixNanos> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let claims = token.expose().split('.').nth(1)?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?).ok()?;
    claims.exp.checked_mul(1_000_000_000).map(UnixNanos)
}

/// A login in use.
#[derive(Debug)]
pub(super) struct Session {
    login: Login,
    url: Uri,
    clock: Clock,
    /// When the token in use must be replaced; `None` before the first.
    renew_at: Option<Instant>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// Seconds.
    expires_in: Option<u64>,
}

impl Session {
    pub(super) fn new(login: Login, url: Uri, clock: Clock) -> Self {
        Self { login, url, clock, renew_at: None }
    }

    /// The end of an access token.
    pub(super) fn token_end(&self) -> Option<UnixNanos> {
        match &self.login {
            Login::Token(token) => token_end(token),
            Login::Password { .. } => None,
        }
    }

    /// Gives the device a valid token. True if it is new.
    pub(super) async fn authorize(&mut self, device: &mut HttpDevice) -> Result<bool, SourceError> {
        if self.renew_at.is_some_and(|at| self.clock.monotonic() < at) {
            return Ok(false);
        }
        match &self.login {
            Login::Token(token) => {
                device.authorize(bearer(token.expose())?);
                self.renew_at = Some(self.clock.monotonic() + WARN_BEFORE);
                Ok(true)
            }
            Login::Password { .. } => self.renew(device).await,
        }
    }

    /// Replaces a refused token. False if the login cannot: an access token stays refused.
    pub(super) async fn renew(&mut self, device: &mut HttpDevice) -> Result<bool, SourceError> {
        let Login::Password { user, password } = &self.login else { return Ok(false) };
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let form = format!("{CLIENT}&username={}&password={}", encode(user), encode(password.expose()));
        let request = hyper::Request::post(with_path(&self.url, TOKEN)?)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .map_err(|error| SourceError::Failing(error.to_string()))?;
        let exchange = device.send(request).await?;
        let wrong = || SourceError::Misconfigured {
            why: "the device rejects the login: check username and password_file".to_owned(),
            retry_in: None,
        };
        let answer = match (exchange.outcome, exchange.answer) {
            (Outcome::Done, Ok(answer)) => answer,
            (Outcome::Unauthorized | Outcome::Forbidden | Outcome::Refused, Ok(_)) => return Err(wrong()),
            (_, Ok(answer)) => return Err(SourceError::Failing(format!("the login was answered {}", answer.status()))),
            (_, Err(error)) => return Err(SourceError::Failing(error.to_string())),
        };
        // A wrong password has an answer with an error instead of a token.
        let answer: Answer = serde_json::from_slice(answer.body()).map_err(|_| wrong())?;
        device.authorize(bearer(&answer.access_token)?);
        let valid = Duration::from_secs(answer.expires_in.unwrap_or(0));
        self.renew_at = Some(self.clock.monotonic() + valid.saturating_sub(RENEW_BEFORE));
        Ok(true)
    }
}

fn bearer(token: &str) -> Result<HeaderValue, SourceError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| SourceError::Failing("the token holds characters that a header cannot hold".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
