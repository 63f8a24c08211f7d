//! The login: an access token of role `api`, or a password for which the device makes a token.
//!
//! An access token is a JWT. Its end is read from it and shown; it is never renewed here. A password token
//! is renewed before its end, and once when the device refuses it: by 401, by 500, or by closing a WebSocket
//! at once.

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
/// A password token is renewed this long before its end.
const RENEW_BEFORE: Duration = Duration::from_mins(1);
/// How long a password token is used at least and at most, whatever end the device gives it. A device that
/// gives none is asked for a new one as often as its page does.
const USED_MIN: Duration = Duration::from_mins(1);
const USED_MAX: Duration = Duration::from_hours(7 * 24);
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
    token: Token,
    /// Whether the device has accepted the token in use.
    is_accepted: bool,
}

/// The token in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    None,
    /// An access token.
    Given,
    /// A password token, to be renewed at this time.
    Made(Instant),
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// Seconds.
    expires_in: Option<u64>,
}

impl Session {
    pub(super) fn new(login: Login, url: Uri, clock: Clock) -> Self {
        Self { login, url, clock, token: Token::None, is_accepted: false }
    }

    /// The end of an access token.
    pub(super) fn token_end(&self) -> Option<UnixNanos> {
        match &self.login {
            Login::Token(token) => token_end(token),
            Login::Password { .. } => None,
        }
    }

    /// Gives the device a valid token. True if it is new.
    ///
    /// # Errors
    /// When the login fails.
    pub(super) async fn authorize(&mut self, device: &mut HttpDevice) -> Result<bool, SourceError> {
        match (self.token, &self.login) {
            (Token::Given, _) => Ok(false),
            (Token::Made(renew_at), _) if self.clock.monotonic() < renew_at => Ok(false),
            (_, Login::Token(token)) => {
                device.authorize(bearer(token.expose())?);
                (self.token, self.is_accepted) = (Token::Given, false);
                Ok(true)
            }
            (_, Login::Password { .. }) => self.renew(device).await,
        }
    }

    /// The device accepts the token in use.
    pub(super) fn accepted(&mut self) {
        self.is_accepted = true;
    }

    /// The device closed a WebSocket instead of sending on it, which is how it refuses a token there. The
    /// next connection has a new token, unless the refused one is new.
    pub(super) fn refused(&mut self) -> SourceError {
        let is_old = self.is_accepted;
        let why = match (&self.login, is_old) {
            (Login::Password { .. }, true) => {
                (self.token, self.is_accepted) = (Token::None, false);
                return SourceError::Failing("the device closed the WebSocket after the token".to_owned());
            }
            (Login::Password { .. }, false) => "check that this user may read values",
            (Login::Token(_), _) => "check token_file, and that the token is authorized in the device's page",
        };
        SourceError::Misconfigured {
            why: format!("the device closes the WebSocket after the token: {why}"),
            retry_in: None,
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
        let used = Duration::from_secs(answer.expires_in.unwrap_or(u64::MAX)).saturating_sub(RENEW_BEFORE);
        let used = used.clamp(USED_MIN, USED_MAX);
        (self.token, self.is_accepted) = (Token::Made(self.clock.monotonic() + used), false);
        Ok(true)
    }
}

fn bearer(token: &str) -> Result<HeaderValue, SourceError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| SourceError::Failing("the token holds characters that a header cannot hold".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
