//! Errors of smart-me's API.

use crate::base::Stopped;
use crate::source::SourceError;
use crate::source::tokens::LockError;
use std::time::Duration;

/// How soon a login made by hand is noticed.
const LOGIN_RETRY: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(30) };

/// Why a call of smart-me's API failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No answer or a server error, also after retries.
    #[error("smart-me is not available ({0})")]
    Away(String),
    /// The credentials are rejected.
    #[error("smart-me rejects the credentials ({0}): check the account's api_key_file, client or password")]
    Login(String),
    /// There is no valid login; the text holds the reason and the remedy.
    #[error("{0}")]
    LoggedOut(String),
    /// A new login cannot be stored, so it is not used.
    #[error("cannot store the smart-me login ({0}); check that the data directory is writable")]
    Storage(String),
    /// The credentials do not allow it.
    #[error(
        "smart-me does not allow this call ({0}): give the key or client the claims device.read and realtimeapi.readwrite, and a partner's also partner.read"
    )]
    Forbidden(String),
    /// The object does not exist: status 404.
    #[error("the device or registration does not exist at smart-me ({0})")]
    NotFound(String),
    /// The request is refused.
    #[error("smart-me rejects the request ({0})")]
    Refused(String),
    /// The request may have been executed.
    #[error(
        "the request to smart-me failed ({0}), so it is not known whether the change was made; check with `meterline smart-me list`"
    )]
    Unknown(String),
    /// The answer violates the API's description.
    #[error("smart-me's answer cannot be read: {0}")]
    Unreadable(String),
    /// A stop ended a wait.
    #[error("stopped")]
    Stopped,
}

impl From<Stopped> for ApiError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<LockError> for ApiError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Storage(why) => Self::Storage(why),
            LockError::Busy => Self::Away(error.to_string()),
            LockError::Stopped(_) => Self::Stopped,
        }
    }
}

impl From<crate::vendor::smart_me::ReadError> for ApiError {
    fn from(error: crate::vendor::smart_me::ReadError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<ApiError> for SourceError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Stopped => Self::Stopped(Stopped),
            ApiError::LoggedOut(why) => Self::Misconfigured { why, retry_in: Some(LOGIN_RETRY) },
            ApiError::Login(_) | ApiError::Forbidden(_) => {
                Self::Misconfigured { why: error.to_string(), retry_in: None }
            }
            other => Self::Failing(other.to_string()),
        }
    }
}
