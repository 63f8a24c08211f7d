//! Tokens: by the stored refresh token, else by user name and password.
//!
//! Every answer has a new refresh token and voids the former one. Invariant: the new one is on disk, synced, before its
//! access token is used. If a crash comes between, the stored one is rejected, and the password helps.

use super::account::Credentials;
use super::error::{CloudError, said};
use crate::http::{Outcome, Requester};
use crate::source::allowed::Allowed;
use crate::source::device::with_path;
use crate::source::tokens::TokenStore;
use crate::vendor::smappee::rest;
use bytes::Bytes;
use hyper::Uri;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use oauth2::url::form_urlencoded::Serializer;
use std::time::{Duration, Instant};

const TOKEN: &str = "/dev/v3/oauth2/token";
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
/// A token is renewed this long before it expires, so that none expires in flight.
const RENEW_BEFORE: Duration = Duration::from_mins(1);
/// The lifetime of a token that names none, and the longest that is believed.
const LASTS_AT_LEAST: Duration = Duration::from_mins(5);
const LASTS_AT_MOST: Duration = Duration::from_hours(24);

/// The login of an account.
#[derive(Debug)]
pub(super) struct Login {
    credentials: Credentials,
    /// `None` to store nothing.
    tokens: Option<TokenStore>,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    header: HeaderValue,
    renew_at: Instant,
}

impl Login {
    pub(super) fn new(credentials: Credentials, tokens: Option<TokenStore>) -> Self {
        Self { credentials, tokens, current: None }
    }

    /// Forgets the access token, because it was rejected.
    pub(super) fn forget(&mut self) {
        self.current = None;
    }

    /// The header with a valid access token.
    pub(super) async fn header(
        &mut self,
        requester: &Requester,
        base: &Uri,
        allowed: Allowed,
    ) -> Result<HeaderValue, CloudError> {
        if let Some(current) = self.current.as_ref().filter(|current| requester.now() < current.renew_at) {
            return Ok(current.header.clone());
        }
        let token = self.token(requester, base, allowed).await?;
        let mut header = HeaderValue::from_str(&format!("Bearer {}", token.access.expose()))
            .map_err(|_| CloudError::Broken("the access token cannot be sent in a header".to_owned()))?;
        header.set_sensitive(true);
        let lasts = token.lasts.unwrap_or(LASTS_AT_LEAST).min(LASTS_AT_MOST);
        let renew_at = requester.now() + lasts.saturating_sub(RENEW_BEFORE);
        self.current = Some(Current { header: header.clone(), renew_at });
        Ok(header)
    }

    async fn token(&self, requester: &Requester, base: &Uri, allowed: Allowed) -> Result<rest::Token, CloudError> {
        let ask = async |grant: &[(&str, &str)]| self.ask(requester, base, allowed, grant).await;
        let (user, password) = (self.credentials.user.as_str(), self.credentials.password.expose());
        let by_password = [("grant_type", "password"), ("username", user), ("password", password)];
        let Some(tokens) = &self.tokens else { return ask(&by_password).await?.ok_or(CloudError::Login) };
        let unstored = |error: std::io::Error| CloudError::Away(format!("the login cannot be stored: {error}"));
        tokens.prepare().map_err(unstored)?;
        // A wait for the budget must not keep other processes from the lock.
        requester.ready().await?;
        let lock = tokens.lock(requester).await?;
        // Without a readable token, the password makes a new one.
        let stored = tokens.read().ok();
        let renewed = match &stored {
            Some(stored) => ask(&[("grant_type", "refresh_token"), ("refresh_token", stored.refresh.expose())]).await?,
            None => None,
        };
        let token = match renewed {
            Some(token) => token,
            None => ask(&by_password).await?.ok_or(CloudError::Login)?,
        };
        if let Some(refresh) = &token.refresh {
            tokens.store(&lock, refresh).await.map_err(unstored)?;
        }
        Ok(token)
    }

    /// Sends a token request; `None` if it is refused.
    async fn ask(
        &self,
        requester: &Requester,
        base: &Uri,
        allowed: Allowed,
        grant: &[(&str, &str)],
    ) -> Result<Option<rest::Token>, CloudError> {
        let form = self.form(grant);
        let request = hyper::Request::post(with_path(base, TOKEN)?).header(CONTENT_TYPE, FORM);
        let request = request.body(Bytes::from(form).into());
        let request = request.map_err(|error| CloudError::Broken(error.to_string()))?;
        if !allowed.permits(request.method(), request.uri()) {
            return Err(CloudError::Broken("the token request is not on the list of requests for Smappee".to_owned()));
        }
        let exchange = requester.send(request).await?;
        let said = said(&exchange.answer);
        match (exchange.outcome, exchange.answer) {
            (Outcome::Done, Ok(answer)) => {
                let token = rest::Token::read(answer.body());
                token.map(Some).map_err(|error| CloudError::Away(format!("the token request: {error}")))
            }
            (Outcome::Unauthorized | Outcome::Forbidden | Outcome::Refused, Ok(_)) => Ok(None),
            _ => Err(CloudError::Away(said)),
        }
    }

    fn form(&self, grant: &[(&str, &str)]) -> String {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(grant);
        form.append_pair("client_id", &self.credentials.client_id);
        form.append_pair("client_secret", self.credentials.client_secret.expose());
        form.finish()
    }
}
