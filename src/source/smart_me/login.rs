//! The Authorization header: a key, a password, or a token that is fetched and renewed
//! before it expires.
//!
//! All clients of an account share one [`Authorization`]: one renews, the others wait. A
//! person's refresh token is sealed in the data directory ([`tokens`]). It is read before
//! every renewal and after every rejection, so that a running service uses a new login
//! without a restart. Invariants: a header value is marked sensitive; a new refresh token
//! is on disk before its access token is used.

mod browser;
mod device;
mod error;
mod grant;
mod person;
mod redirect;
mod seal;
mod tokens;

pub use device::Prompt;
pub use error::LoginError;
pub use person::PersonLogin;

use super::account::{Account, Login};
use super::error::ApiError;
use crate::http::{Requester, basic_authorization};
use crate::secret::Secret;
use grant::{Application, Granted, RefreshError, Token, value};
use hyper::header::HeaderValue;
use seal::Sealed;
use std::path::Path;
use tokens::{TokenError, TokenLock, TokenStore};
use tokio::sync::Mutex;

/// The part of a secret by which an echo is recognized.
const SECRET_PART_BYTES: usize = 8;

/// The Authorization header of an account, and its login source.
#[derive(Debug)]
pub(super) struct Authorization {
    account: String,
    source: LoginSource,
    state: Mutex<TokenState>,
}

#[derive(Debug)]
enum LoginSource {
    ApiKey(Secret),
    Basic { user: String, password: Secret },
    Client(Application),
    User(Application, TokenStore),
}

#[derive(Debug, Default)]
struct TokenState {
    token: Option<Token>,
    /// A new refresh token that could not be stored yet.
    unsaved: Option<Unsaved>,
    /// The stored token that the server rejected.
    rejected: Option<Sealed>,
}

#[derive(Debug)]
struct Unsaved {
    refresh: Secret,
    token: Token,
    in_place_of: Sealed,
}

impl Authorization {
    pub(super) fn new(account: &Account, data_directory: &Path) -> Self {
        let api = || account.api.to_string();
        let source = match &account.login {
            Login::ApiKey(key) => LoginSource::ApiKey(key.clone()),
            Login::Basic { user, password } => LoginSource::Basic { user: user.clone(), password: password.clone() },
            Login::Client { id, secret, scopes } => {
                LoginSource::Client(Application::new(id, Some(secret), scopes, api()))
            }
            Login::User { id, secret, scopes, key_file } => LoginSource::User(
                Application::new(id, secret.as_ref(), scopes, api()),
                TokenStore::new(data_directory, key_file, &account.name),
            ),
        };
        Self { account: account.name.clone(), source, state: Mutex::default() }
    }

    /// Whether this text contains a secret or the presented header.
    pub(super) fn is_in(&self, text: &str, presented: &HeaderValue) -> bool {
        let secret = match &self.source {
            LoginSource::ApiKey(secret) | LoginSource::Basic { password: secret, .. } => Some(secret),
            LoginSource::Client(application) | LoginSource::User(application, _) => application.secret(),
        };
        let presented = presented.to_str().unwrap_or_default().split(' ').next_back();
        // The beginning of a secret is enough: an echo may be cut or escaped.
        let parts = [secret.map(Secret::expose), presented].into_iter().flatten();
        parts.map(|secret| secret.get(..SECRET_PART_BYTES).unwrap_or(secret)).any(|part| text.contains(part))
    }

    /// Forgets the presented token, but keeps one that another client has fetched since.
    /// Returns whether the login uses tokens, so that a retry makes sense.
    pub(super) async fn forget(&self, presented: &HeaderValue) -> bool {
        let mut state = self.state.lock().await;
        if state.token.as_ref().is_some_and(|token| token.header == *presented) {
            state.token = None;
        }
        matches!(self.source, LoginSource::Client(_) | LoginSource::User(..))
    }

    /// The header for a request. While one client fetches a token, the others wait.
    pub(super) async fn header(&self, requester: &Requester) -> Result<HeaderValue, ApiError> {
        let (application, tokens) = match &self.source {
            LoginSource::ApiKey(key) => return value(&format!("ApiKey {}", key.expose())),
            LoginSource::Basic { user, password } => {
                return basic_authorization(user, password).ok_or_else(grant::not_a_header);
            }
            LoginSource::Client(application) => (application, None),
            LoginSource::User(application, tokens) => (application, Some(tokens)),
        };
        let mut state = self.state.lock().await;
        if let Some(token) = state.token.as_ref().filter(|token| requester.now() < token.renew_at) {
            return Ok(token.header.clone());
        }
        let token = match tokens {
            None => application.client_credentials(requester).await?.token,
            Some(tokens) => self.renewed(&mut state, application, tokens, requester).await?,
        };
        let header = token.header.clone();
        state.token = Some(token);
        Ok(header)
    }

    /// Checks without a request that there is a login.
    pub(super) fn check_login(&self) -> Result<(), ApiError> {
        let LoginSource::User(_, tokens) = &self.source else { return Ok(()) };
        tokens.read().map(drop).map_err(|error| self.logged_out(&error))
    }

    async fn renewed(
        &self,
        state: &mut TokenState,
        application: &Application,
        tokens: &TokenStore,
        requester: &Requester,
    ) -> Result<Token, ApiError> {
        // Without a login there is no need for the lock.
        self.check_login()?;
        // A wait for the budget must not keep other processes from the lock.
        requester.ready().await?;
        let lock = tokens.lock(requester).await?;
        let stored = tokens.read().map_err(|error| self.logged_out(&error))?;
        if let Some(unsaved) = state.unsaved.take_if(|unsaved| unsaved.in_place_of == stored.sealed) {
            return Self::saved(state, tokens, &lock, unsaved).await;
        }
        if state.rejected.as_ref() == Some(&stored.sealed) {
            return Err(self.logged_out(&TokenError::Rejected(self.account.clone())));
        }
        let Granted { token, refresh } = match application.refresh(&stored.refresh, requester).await {
            Ok(granted) => granted,
            Err(RefreshError::Api(error)) => return Err(error),
            Err(RefreshError::Rejected) => {
                state.rejected = Some(stored.sealed);
                return Err(self.logged_out(&TokenError::Rejected(self.account.clone())));
            }
        };
        match refresh.filter(|refresh| *refresh != stored.refresh) {
            None => Ok(token),
            Some(refresh) => {
                Self::saved(state, tokens, &lock, Unsaved { refresh, token, in_place_of: stored.sealed }).await
            }
        }
    }

    /// Stores the refresh token and then returns its access token.
    async fn saved(
        state: &mut TokenState,
        tokens: &TokenStore,
        lock: &TokenLock,
        unsaved: Unsaved,
    ) -> Result<Token, ApiError> {
        match tokens.store(lock, &unsaved.refresh).await {
            Ok(()) => Ok(unsaved.token),
            Err(error) => {
                state.unsaved = Some(unsaved);
                Err(ApiError::Storage(error.to_string()))
            }
        }
    }

    fn logged_out(&self, error: &TokenError) -> ApiError {
        ApiError::LoggedOut(format!("{error}: run `meterline smart-me login --account {}`", self.account))
    }
}
