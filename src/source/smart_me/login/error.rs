//! Why a person is not logged in now, and what to do.

use super::grant::{Application, NotAnswered};
use crate::source::smart_me::error::ApiError;
use oauth2::{ErrorResponseType, RequestTokenError, StandardErrorResponse};
use std::fmt::Display;
use std::io;

/// Why a person is not logged in now, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The account has another kind of login.
    #[error(
        "account '{0}' logs in by itself: a person's login is for a [[smart_me]] table with client_id and token_key_file"
    )]
    NotForPersons(String),
    /// The refresh token has no place on disk.
    #[error("the login could not be stored: {0}")]
    Storage(io::Error),
    /// `access_denied`.
    #[error("the person who was asked at smart-me refused the login")]
    Denied,
    /// `expired_token`, or our own limit.
    #[error("nobody confirmed the login in time: run the command again")]
    TimedOut,
    /// `invalid_client`.
    #[error("smart-me does not know this application: check client_id and client_secret_file")]
    Client,
    /// `invalid_scope`; `invalid_request` is smart-me's word for a claim that the application lacks.
    #[error("smart-me does not give this application its claims: allow it {0} and offline_access")]
    Claims(String),
    /// `unauthorized_client`, `unsupported_grant_type`.
    #[error("smart-me does not let this application log in this way: use the other one (with or without --browser)")]
    Method,
    /// `invalid_grant`.
    #[error("smart-me does not accept the code any more: run the command again")]
    Code,
    /// Another code of the server's.
    #[error("smart-me refuses the login ({0})")]
    Refused(String),
    /// No token that outlasts the hour.
    #[error("smart-me gave no refresh token: allow the application offline_access")]
    NoRefreshToken,
    /// A browser brought the answer to another login.
    #[error("this address belongs to another login: open the address above")]
    OtherLogin,
    /// The port that the browser comes back to.
    #[error("port {0} of this machine cannot be listened on ({1}): name another with --port")]
    Listen(u16, io::Error),
    /// smart-me cannot be asked.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl LoginError {
    /// The meaning of a code of the server's (RFC 6749, 5.2 and 4.1.2.1; RFC 8628, 3.5).
    pub(super) fn of_code(code: &str, claims: &str) -> Self {
        match code {
            "access_denied" => Self::Denied,
            "expired_token" => Self::TimedOut,
            "invalid_client" => Self::Client,
            "invalid_scope" | "invalid_request" => Self::Claims(claims.to_owned()),
            "unauthorized_client" | "unsupported_grant_type" | "unsupported_response_type" => Self::Method,
            "invalid_grant" => Self::Code,
            other => Self::Refused(other.chars().filter(|c| c.is_ascii_graphic()).take(60).collect()),
        }
    }

    pub(super) fn of<E>(
        error: RequestTokenError<NotAnswered, StandardErrorResponse<E>>,
        application: &Application,
    ) -> Self
    where
        E: ErrorResponseType + Display + 'static,
    {
        match error {
            RequestTokenError::ServerResponse(said) => Self::of_code(&said.error().to_string(), &application.claims()),
            RequestTokenError::Request(NotAnswered(error)) => Self::Api(error),
            // Its text may hold the answer, and that a token.
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Self::Api(ApiError::Unreadable("it is not what OAuth 2.0 says".to_owned()))
            }
        }
    }
}
