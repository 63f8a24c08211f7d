//! The one-time login of a person: with a code that is confirmed on any device, or in a
//! browser on this machine. The result is the account's refresh token, sealed on disk.

use super::VENDOR;
use super::access::Access;
use super::browser::{BrowserLogin, RedirectListener};
use super::device::{self, Prompt};
use super::error::LoginError;
use super::grant::{Application, Granted, granted};
use crate::secret::Secret;
use crate::source::smart_me::account::{Account, Login};
use crate::source::smart_me::error::ApiError;
use crate::source::tokens::TokenStore;
use oauth2::basic::BasicTokenResponse;
use std::path::Path;

/// A person's login for one account.
#[derive(Debug)]
pub struct PersonLogin {
    application: Application,
    tokens: TokenStore,
    access: Access,
}

impl PersonLogin {
    /// Prepares a login of this account and the storage of its refresh token.
    ///
    /// # Errors
    /// [`LoginError::NotForPersons`], [`LoginError::Storage`].
    pub fn new(account: &Account, access: Access, data_directory: &Path) -> Result<Self, LoginError> {
        let Login::User { id, secret, scopes, key_file } = &account.login else {
            return Err(LoginError::NotForPersons(account.name.clone()));
        };
        let tokens = TokenStore::new(data_directory, key_file, VENDOR, &account.name);
        tokens.prepare().map_err(LoginError::Storage)?;
        let application = Application::new(id, secret.as_ref(), scopes, account.api.to_string());
        Ok(Self { application, tokens, access })
    }

    /// Logs in with a device code; `show` displays it to the person who confirms it in any
    /// browser.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn by_device(&self, show: impl FnOnce(&Prompt)) -> Result<(), LoginError> {
        let device_login = device::request_code(&self.application, self.access.requester()).await?;
        show(&device_login.prompt());
        self.keep(&device_login.wait(self.access.requester()).await?).await
    }

    /// Logs in with a browser on this machine; `show` displays the URL to open. The server
    /// redirects the browser to a port of the loopback interface.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn by_browser(&self, port: u16, show: impl FnOnce(&str)) -> Result<(), LoginError> {
        let listener = RedirectListener::start(port).await.map_err(|error| LoginError::Listen(port, error))?;
        let browser_login = BrowserLogin::new(&self.application, port)?;
        show(browser_login.address());
        let code = listener.wait(&browser_login).await?;
        self.keep(&browser_login.exchange(code, self.access.requester()).await?).await
    }

    async fn keep(&self, answer: &BasicTokenResponse) -> Result<(), LoginError> {
        let Granted { refresh, .. } = granted(answer, self.access.requester().now())?;
        let refresh: Secret = refresh.ok_or(LoginError::NoRefreshToken)?;
        let lock = self.tokens.lock(self.access.requester()).await.map_err(ApiError::from)?;
        self.tokens.store(&lock, &refresh).await.map_err(LoginError::Storage)
    }
}
