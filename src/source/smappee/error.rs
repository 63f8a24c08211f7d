//! Why a call of the cloud failed, and how far that reaches.

use crate::base::Stopped;
use crate::http::{HttpError, Response};
use crate::source::SourceError;
use crate::source::tokens::LockError;
use std::time::Duration;

/// The wait before a refused login is tried again: a person must change something.
const LOGIN_RETRY: Duration = Duration::from_mins(15);

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CloudError {
    /// The cloud is not reachable or wants fewer requests: no call succeeds now.
    #[error("Smappee's cloud is not available ({0})")]
    Away(String),
    /// This call failed; others may succeed.
    #[error("{0}")]
    Broken(String),
    /// The cloud refuses this call.
    #[error("Smappee refuses the request ({0})")]
    Refused(String),
    /// The cloud does not have this, or this user may not read it: 404 or 403.
    #[error("Smappee does not show this ({0})")]
    NotShown(String),
    /// The cloud refuses the login.
    #[error("Smappee refuses the login: check client_id, client_secret_file, username and password_file")]
    Login,
    /// A stop ended a wait.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl CloudError {
    /// Whether other calls make sense.
    pub(super) fn is_of_one_call(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Refused(_) | Self::NotShown(_))
    }
}

/// The first error of calls that do not depend on each other.
#[derive(Debug, Default)]
pub(super) struct FirstError(Option<CloudError>);

impl FirstError {
    /// Notes the error of one call. Returns whether it succeeded.
    ///
    /// # Errors
    /// When no other call makes sense now.
    pub(super) fn note(&mut self, result: Result<(), CloudError>) -> Result<bool, CloudError> {
        match result {
            Err(error) if error.is_of_one_call() => {
                self.0.get_or_insert(error);
                Ok(false)
            }
            other => other.map(|()| true),
        }
    }

    /// The first error.
    pub(super) fn result(self) -> Result<(), CloudError> {
        self.0.map_or(Ok(()), Err)
    }
}

impl From<LockError> for CloudError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Storage(why) => Self::Away(format!("the login cannot be stored: {why}")),
            LockError::Busy => Self::Away(error.to_string()),
            LockError::Stopped(stopped) => Self::Stopped(stopped),
        }
    }
}

impl From<SourceError> for CloudError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Stopped(stopped) => Self::Stopped(stopped),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<CloudError> for SourceError {
    fn from(error: CloudError) -> Self {
        match error {
            CloudError::Stopped(stopped) => Self::Stopped(stopped),
            CloudError::Login => Self::Misconfigured { why: error.to_string(), retry_in: Some(LOGIN_RETRY) },
            other => Self::Failing(other.to_string()),
        }
    }
}

/// The status, or the client's error, which names the server's origin alone.
pub(super) fn said(answer: &Result<Response, HttpError>) -> String {
    match answer {
        Ok(answer) => answer.status().to_string(),
        Err(error) => error.to_string(),
    }
}
