//! The Authorization header: a key, a password, or a token that is fetched and
//! renewed before it ends.
//!
//! Only the client of the account uses it, so nobody else renews a token at the
//! same time. Invariant: a header value is marked sensitive.

use super::account::{ApiUrl, Login};
use super::answer::ApiError;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oauth2::basic::{BasicClient, BasicErrorResponse};
use oauth2::{ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, Scope, TokenResponse, TokenUrl};
use std::time::{Duration, Instant};
use ureq::http::HeaderValue;

/// A token is renewed so long before its end, so that none ends on the way.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// How long one is used that does not say how long it lasts.
const LASTS_AT_LEAST: Duration = Duration::from_mins(5);

/// The present header, and how to get the next.
#[derive(Debug)]
pub(super) struct Authorization {
    login: Login,
    token_url: String,
    token: Option<Token>,
}

#[derive(Debug)]
struct Token {
    header: HeaderValue,
    renew_at: Instant,
}

/// How one request for a token went, where the library does not know.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Failed(pub(super) ApiError);

impl Authorization {
    pub(super) fn new(api: &ApiUrl, login: &Login) -> Self {
        Self { login: login.clone(), token_url: format!("{api}/oauth/token"), token: None }
    }

    /// The secret texts that no error may repeat.
    pub(super) fn secret(&self) -> &str {
        match &self.login {
            Login::ApiKey(secret) | Login::Basic { password: secret, .. } | Login::Client { secret, .. } => {
                secret.expose()
            }
        }
    }

    /// Forgets the token; true where there was one, so that another try makes sense.
    pub(super) fn forget_token(&mut self) -> bool {
        self.token.take().is_some()
    }

    /// The header for a request now; `send` carries a request for a token.
    pub(super) fn header(
        &mut self,
        now: Instant,
        send: impl Fn(HttpRequest) -> Result<HttpResponse, Failed>,
    ) -> Result<HeaderValue, ApiError> {
        match &self.login {
            Login::ApiKey(key) => value(&format!("ApiKey {}", key.expose())),
            Login::Basic { user, password } => {
                value(&format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose()))))
            }
            Login::Client { id, secret, scopes } => {
                if let Some(token) = self.token.as_ref().filter(|token| now < token.renew_at) {
                    return Ok(token.header.clone());
                }
                let token = fetch(&self.token_url, id, secret, scopes, now, send)?;
                let header = token.header.clone();
                self.token = Some(token);
                Ok(header)
            }
        }
    }
}

fn fetch(
    token_url: &str,
    id: &str,
    secret: &Secret,
    scopes: &[String],
    now: Instant,
    send: impl Fn(HttpRequest) -> Result<HttpResponse, Failed>,
) -> Result<Token, ApiError> {
    let url = TokenUrl::new(token_url.to_owned()).map_err(|error| ApiError::Unreadable(error.to_string()))?;
    let client = BasicClient::new(ClientId::new(id.to_owned()))
        .set_client_secret(ClientSecret::new(secret.expose().to_owned()))
        .set_token_uri(url);
    let scopes = scopes.iter().map(|scope| Scope::new(scope.clone()));
    let answer = client.exchange_client_credentials().add_scopes(scopes).request(&send).map_err(refused)?;
    let lasts = answer.expires_in().unwrap_or(LASTS_AT_LEAST);
    let header = value(&format!("Bearer {}", answer.access_token().secret()))?;
    Ok(Token { header, renew_at: now + lasts.saturating_sub(RENEW_BEFORE) })
}

fn refused(error: RequestTokenError<Failed, BasicErrorResponse>) -> ApiError {
    match error {
        RequestTokenError::ServerResponse(said) => ApiError::Login(said.error().to_string()),
        RequestTokenError::Request(Failed(error)) => error,
        // Its text may hold the answer, and that a token.
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            ApiError::Unreadable("the token's answer is not what OAuth 2.0 says".to_owned())
        }
    }
}

fn value(text: &str) -> Result<HeaderValue, ApiError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| ApiError::Login("they hold characters that no header can carry".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
