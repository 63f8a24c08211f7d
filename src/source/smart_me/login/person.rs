//! A person logs in, once: by a code that is confirmed on another machine, or in a
//! browser. What comes of it is the account's refresh token, sealed on disk.

use super::super::account::{Account, Login};
use super::super::answer::ApiError;
use super::super::budget::Budget;
use super::super::carrier::{Carrier, Failed};
use super::super::pause::Pause;
use super::browser::{Asking, Listening};
use super::device::{self, Prompt};
use super::grant::{Application, Granted, granted};
use super::tokens::Tokens;
use crate::clock::Clock;
use crate::secret::Secret;
use oauth2::basic::BasicTokenResponse;
use oauth2::{ErrorResponseType, RequestTokenError, StandardErrorResponse};
use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// One login of one account.
#[derive(Debug)]
pub struct LoggingIn {
    application: Application,
    tokens: Tokens,
    carrier: Carrier,
}

/// Why nobody is logged in now, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// It has another way to prove who it is.
    #[error(
        "account '{0}' logs in by itself: a person's login is for a [[smart_me]] table with client_id and token_key_file"
    )]
    NotForPersons(String),
    /// There is no place for what would come of it.
    #[error("the login could not be stored: {0}")]
    Place(io::Error),
    /// `access_denied`.
    #[error("the login was refused at smart-me by whoever was asked there")]
    Denied,
    /// `expired_token`, or our own limit.
    #[error("nobody confirmed the login in time: run the command again")]
    Late,
    /// `invalid_client`.
    #[error("smart-me does not know this application: check client_id and client_secret_file")]
    Client,
    /// `invalid_scope`; `invalid_request` is what smart-me says of a claim that the application lacks.
    #[error("smart-me does not give this application what it asks for: allow it the claims {0} and offline_access")]
    Claims(String),
    /// `unauthorized_client`, `unsupported_grant_type`.
    #[error("smart-me does not let this application log in this way: take the other one (--browser, or without it)")]
    Way,
    /// `invalid_grant`.
    #[error("smart-me does not take the code any more: run the command again")]
    Code,
    /// Another code of the server's.
    #[error("smart-me refuses the login ({0})")]
    Refused(String),
    /// Nothing that outlasts the hour.
    #[error("smart-me gave no refresh token: allow the application offline_access")]
    NoRefreshToken,
    /// Of another login than this one.
    #[error("this address is not of this login: open the address above and give the one that the browser ends at")]
    OtherLogin,
    /// Where the browser comes back to.
    #[error("port {0} of this machine cannot be listened on ({1}): name another with --port, or use --paste")]
    Listen(u16, io::Error),
    /// smart-me cannot be asked.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl LoggingIn {
    /// A login of this account, and a place for what comes of it.
    ///
    /// # Errors
    /// [`LoginError::NotForPersons`], [`LoginError::Place`].
    pub fn new(account: &Account, data_directory: &Path, clock: Clock) -> Result<Self, LoginError> {
        let Login::User { id, secret, scopes, key_file } = &account.login else {
            return Err(LoginError::NotForPersons(account.name.clone()));
        };
        let tokens = Tokens::new(data_directory, key_file, &account.name);
        tokens.prepare().map_err(LoginError::Place)?;
        let budget = Budget::new(account.requests_per_minute);
        let carrier = Carrier::new(&account.name, budget, Arc::new(Pause::default()), clock);
        let application = Application::new(id, secret.as_ref(), scopes, account.api.to_string());
        Ok(Self { application, tokens, carrier })
    }

    /// By a code that `show` gives to whoever confirms it in a browser anywhere.
    ///
    /// # Errors
    /// [`LoginError`].
    pub fn by_device(&self, show: impl FnOnce(&Prompt)) -> Result<(), LoginError> {
        let asked = device::ask(&self.application, &self.carrier)?;
        show(&asked.prompt());
        self.keep(&asked.wait(&self.carrier)?)
    }

    /// By a browser on this machine that opens the address `show` gives; it comes back
    /// to a port of the loopback interface.
    ///
    /// # Errors
    /// [`LoginError`].
    pub fn by_browser(&self, port: u16, show: impl FnOnce(&str)) -> Result<(), LoginError> {
        let listening = Listening::start(port).map_err(|error| LoginError::Listen(port, error))?;
        let asking = Asking::new(&self.application, port)?;
        show(asking.address());
        let code = listening.wait(&asking, &self.carrier)?;
        self.keep(&asking.exchange(code, &self.carrier)?)
    }

    /// By a browser anywhere; `read` gives the address that it ended at.
    ///
    /// # Errors
    /// [`LoginError`].
    pub fn by_pasting(
        &self,
        port: u16,
        show: impl FnOnce(&str),
        read: impl FnOnce() -> io::Result<String>,
    ) -> Result<(), LoginError> {
        let asking = Asking::new(&self.application, port)?;
        show(asking.address());
        let pasted = read().map_err(LoginError::Place)?;
        let code = asking.code_of(&pasted)?;
        self.keep(&asking.exchange(code, &self.carrier)?)
    }

    fn keep(&self, answer: &BasicTokenResponse) -> Result<(), LoginError> {
        let Granted { refresh, .. } = granted(answer, self.carrier.now())?;
        let refresh: Secret = refresh.ok_or(LoginError::NoRefreshToken)?;
        let turn = self.tokens.turn(&self.carrier)?;
        self.tokens.store(&turn, &refresh).map_err(LoginError::Place)
    }
}

impl LoginError {
    /// What a code of the server's means (RFC 6749, 5.2 and 4.1.2.1; RFC 8628, 3.5).
    pub(super) fn of_code(code: &str, claims: &str) -> Self {
        match code {
            "access_denied" => Self::Denied,
            "expired_token" => Self::Late,
            "invalid_client" => Self::Client,
            "invalid_scope" | "invalid_request" => Self::Claims(claims.to_owned()),
            "unauthorized_client" | "unsupported_grant_type" | "unsupported_response_type" => Self::Way,
            "invalid_grant" => Self::Code,
            other => Self::Refused(other.chars().filter(|c| c.is_ascii_graphic()).take(60).collect()),
        }
    }

    pub(super) fn of<E>(error: RequestTokenError<Failed, StandardErrorResponse<E>>, application: &Application) -> Self
    where
        E: ErrorResponseType + Display + 'static,
    {
        match error {
            RequestTokenError::ServerResponse(said) => Self::of_code(&said.error().to_string(), &application.claims()),
            RequestTokenError::Request(Failed(error)) => Self::Api(error),
            // Its text may hold the answer, and that a token.
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Self::Api(ApiError::Unreadable("it is not what OAuth 2.0 says".to_owned()))
            }
        }
    }
}
