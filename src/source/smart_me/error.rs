//! Why something could not be asked or done at smart-me.

use crate::base::Stopped;
use crate::source::SourceError;
use std::time::Duration;

/// A login is made by hand, and noticed soon after.
const LOGIN_RETRY: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(30) };

/// Why something could not be asked or done at smart-me.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No answer, or one that says that the server is in trouble, also after repeats.
    #[error("smart-me does not answer ({0}); it is tried again later")]
    Away(String),
    /// The credentials are not accepted.
    #[error("smart-me does not accept the credentials ({0}): check the account's api_key_file, client or password")]
    Login(String),
    /// Nobody is logged in, or not any more; the text says why and what to do.
    #[error("{0}")]
    LoggedOut(String),
    /// A new login cannot be stored, so it is not used.
    #[error("the login at smart-me cannot be stored ({0}); it is tried again later")]
    Storage(String),
    /// The credentials do not allow it.
    #[error(
        "smart-me does not allow that ({0}): give the key or client the claims device.read and realtimeapi.readwrite"
    )]
    Forbidden(String),
    /// There is no such thing: status 404.
    #[error("smart-me knows no such thing ({0})")]
    NotFound(String),
    /// The request is refused.
    #[error("smart-me refuses the request ({0})")]
    Refused(String),
    /// The request may have been carried out.
    #[error("smart-me broke off ({0}), so it is not known whether the change was made; look at the list")]
    Unknown(String),
    /// The answer is not what the API's description says.
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
