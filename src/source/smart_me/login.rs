//! The Authorization header: a key, a password, or a token that is fetched and renewed
//! before it expires.
//!
//! All clients of an account share one [`Authorization`]: one renews, and only those without
//! a valid token wait for it. A
//! person's refresh token is sealed in the data directory ([`TokenStore`]). It is read before
//! every renewal and after every rejection, so that a running service uses a new login
//! without a restart. Invariants: a header value is marked sensitive; a new refresh token
//! is on disk before its access token is used.

mod access;
mod browser;
mod device;
mod error;
mod grant;
mod person;
mod redirect;

pub use access::Access;
pub use device::Prompt;
pub use error::LoginError;
pub use person::PersonLogin;

use super::account::{Account, Login};
use super::error::ApiError;
use crate::http::{Requester, basic_authorization};
use crate::secret::Secret;
use crate::source::tokens::{Sealed, TokenError, TokenLock, TokenStore};
use grant::{Application, Granted, RefreshError, Token, value};
use hyper::header::HeaderValue;
use std::path::Path;
use tokio::sync::Mutex;

/// The vendor's name, also in the names of the files with tokens.
const VENDOR: &str = "smart-me";
/// The part of a secret by which an echo is recognized.
const SECRET_PART_BYTES: usize = 8;

/// The Authorization header of an account, and its login source.
#[derive(Debug)]
pub(super) struct Authorization {
    account: String,
    source: LoginSource,
    /// The current token. Held briefly, never across a wait.
    token: parking_lot::Mutex<Option<Token>>,
    /// Held by the client that renews the token, across its requests.
    renewal: Mutex<Renewal>,
}

#[derive(Debug)]
enum LoginSource {
    ApiKey(Secret),
    Basic { user: String, password: Secret },
    Client(Application),
    User(Application, TokenStore),
}

/// The state of a person's login between renewals.
#[derive(Debug, Default)]
struct Renewal {
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
                TokenStore::new(data_directory, key_file, VENDOR, &account.name),
            ),
        };
        Self { account: account.name.clone(), source, token: parking_lot::Mutex::default(), renewal: Mutex::default() }
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
    pub(super) fn forget(&self, presented: &HeaderValue) -> bool {
        self.token.lock().take_if(|token| token.header == *presented);
        matches!(self.source, LoginSource::Client(_) | LoginSource::User(..))
    }

    /// The header for a request. While one client fetches a token, the others without a valid
    /// one wait, until it has come or a stop is requested.
    pub(super) async fn header(&self, requester: &Requester) -> Result<HeaderValue, ApiError> {
        let (application, tokens) = match &self.source {
            LoginSource::ApiKey(key) => return value(&format!("ApiKey {}", key.expose())),
            LoginSource::Basic { user, password } => {
                return basic_authorization(user, password).ok_or_else(grant::not_a_header);
            }
            LoginSource::Client(application) => (application, None),
            LoginSource::User(application, tokens) => (application, Some(tokens)),
        };
        if let Some(header) = self.valid(requester) {
            return Ok(header);
        }
        let Some(mut renewal) = requester.in_time(self.renewal.lock()).await? else {
            return Err(ApiError::Away("another request waits for a token for too long".to_owned()));
        };
        if let Some(header) = self.valid(requester) {
            return Ok(header);
        }
        let token = match tokens {
            None => application.client_credentials(requester).await?.token,
            Some(tokens) => self.renewed(&mut renewal, application, tokens, requester).await?,
        };
        let header = token.header.clone();
        *self.token.lock() = Some(token);
        Ok(header)
    }

    /// The header of the current token, if it need not be renewed.
    fn valid(&self, requester: &Requester) -> Option<HeaderValue> {
        let token = self.token.lock();
        token.as_ref().filter(|token| requester.now() < token.renew_at).map(|token| token.header.clone())
    }

    /// Checks without a request that there is a login.
    pub(super) fn check_login(&self) -> Result<(), ApiError> {
        let LoginSource::User(_, tokens) = &self.source else { return Ok(()) };
        tokens.read().map(drop).map_err(|error| self.logged_out(&error))
    }

    async fn renewed(
        &self,
        renewal: &mut Renewal,
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
        if let Some(unsaved) = renewal.unsaved.take_if(|unsaved| unsaved.in_place_of == stored.sealed) {
            return Self::saved(renewal, tokens, &lock, unsaved).await;
        }
        if renewal.rejected.as_ref() == Some(&stored.sealed) {
            return Err(self.logged_out(&tokens.rejected()));
        }
        let Granted { token, refresh } = match application.refresh(&stored.refresh, requester).await {
            Ok(granted) => granted,
            Err(RefreshError::Api(error)) => return Err(error),
            Err(RefreshError::Rejected) => {
                renewal.rejected = Some(stored.sealed);
                return Err(self.logged_out(&tokens.rejected()));
            }
        };
        match refresh.filter(|refresh| *refresh != stored.refresh) {
            None => Ok(token),
            Some(refresh) => {
                Self::saved(renewal, tokens, &lock, Unsaved { refresh, token, in_place_of: stored.sealed }).await
            }
        }
    }

    /// Stores the refresh token and then returns its access token.
    async fn saved(
        renewal: &mut Renewal,
        tokens: &TokenStore,
        lock: &TokenLock,
        unsaved: Unsaved,
    ) -> Result<Token, ApiError> {
        match tokens.store(lock, &unsaved.refresh).await {
            Ok(()) => Ok(unsaved.token),
            Err(error) => {
                renewal.unsaved = Some(unsaved);
                Err(ApiError::Storage(error.to_string()))
            }
        }
    }

    fn logged_out(&self, error: &TokenError) -> ApiError {
        ApiError::LoggedOut(format!("{error}: run `meterline smart-me login --account {}`", self.account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Stop;
    use crate::clock::Clock;
    use crate::http::{Bounds, Budget, Client};
    use std::num::NonZeroUsize;
    use std::time::Duration;

    #[tokio::test]
    async fn a_valid_token_waits_for_no_renewal_and_a_stop_ends_the_wait_for_one() {
        let client = Client::new(Bounds { timeout: Duration::ZERO, answer_bytes_max: 0 });
        let stop = Stop::default();
        let requester = Requester::new("a", client, Budget::new(NonZeroUsize::MIN), stop.clone(), Clock::system());
        let header = HeaderValue::from_static("Bearer valid");
        let token = Token { header: header.clone(), renew_at: requester.now() + Duration::from_mins(1) };
        let authorization = Authorization {
            account: "a".to_owned(),
            source: LoginSource::Client(Application::new("id", None, &[], "http://127.0.0.1:1".to_owned())),
            token: parking_lot::Mutex::new(Some(token)),
            renewal: Mutex::default(),
        };
        let _renewing = authorization.renewal.lock().await;
        assert_eq!(authorization.header(&requester).await.unwrap(), header);
        assert!(authorization.forget(&header));
        stop.by(requester.now());
        assert_eq!(authorization.header(&requester).await.unwrap_err(), ApiError::Stopped);
    }
}
