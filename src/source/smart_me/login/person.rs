//! A person logs in, once: by a code that is confirmed on any machine, or in a browser of
//! this machine. The result is the account's refresh token, sealed on disk.

use super::browser::{Asking, Listening};
use super::device::{self, Prompt};
use super::error::LoginError;
use super::grant::{Application, Granted, granted};
use super::tokens::Tokens;
use crate::secret::Secret;
use crate::source::smart_me::account::{Account, Login};
use crate::source::smart_me::client::Access;
use oauth2::basic::BasicTokenResponse;
use std::path::Path;

/// One login of one account.
#[derive(Debug)]
pub struct LoggingIn {
    application: Application,
    tokens: Tokens,
    access: Access,
}

impl LoggingIn {
    /// A login of this account, and a place for its refresh token.
    ///
    /// # Errors
    /// [`LoginError::NotForPersons`], [`LoginError::Place`].
    pub fn new(account: &Account, access: Access, data_directory: &Path) -> Result<Self, LoginError> {
        let Login::User { id, secret, scopes, key_file } = &account.login else {
            return Err(LoginError::NotForPersons(account.name.clone()));
        };
        let tokens = Tokens::new(data_directory, key_file, &account.name);
        tokens.prepare().map_err(LoginError::Place)?;
        let application = Application::new(id, secret.as_ref(), scopes, account.api.to_string());
        Ok(Self { application, tokens, access })
    }

    /// By a code that `show` gives to the person who confirms it in a browser anywhere.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn by_device(&self, show: impl FnOnce(&Prompt)) -> Result<(), LoginError> {
        let asked = device::ask(&self.application, self.access.requester()).await?;
        show(&asked.prompt());
        self.keep(&asked.wait(self.access.requester()).await?).await
    }

    /// By a browser on this machine that opens the address `show` gives; it comes back
    /// to a port of the loopback interface.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn by_browser(&self, port: u16, show: impl FnOnce(&str)) -> Result<(), LoginError> {
        let listening = Listening::start(port).await.map_err(|error| LoginError::Listen(port, error))?;
        let asking = Asking::new(&self.application, port)?;
        show(asking.address());
        let code = listening.wait(&asking).await?;
        self.keep(&asking.exchange(code, self.access.requester()).await?).await
    }

    async fn keep(&self, answer: &BasicTokenResponse) -> Result<(), LoginError> {
        let Granted { refresh, .. } = granted(answer, self.access.requester().now())?;
        let refresh: Secret = refresh.ok_or(LoginError::NoRefreshToken)?;
        let turn = self.tokens.turn(self.access.requester()).await?;
        self.tokens.store(&turn, &refresh).await.map_err(LoginError::Place)
    }
}
