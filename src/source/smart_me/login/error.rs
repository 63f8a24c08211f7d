//! Errors of a person's login.

use super::grant::{Application, NotAnswered};
use crate::source::smart_me::error::ApiError;
use oauth2::{ErrorResponseType, RequestTokenError, StandardErrorResponse};
use std::fmt::Display;
use std::io;

/// Why a person's login failed, with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The account has another login method.
    #[error(
        "account '{0}' logs in automatically: only a [[smart_me]] table with client_id and token_key_file needs a person's login"
    )]
    NotForPersons(String),
    /// The refresh token cannot be stored.
    #[error("cannot store the login: {0}; run the command as the service's user")]
    Storage(io::Error),
    /// `access_denied`.
    #[error("the login was refused at smart-me's page: run the command again and confirm it")]
    Denied,
    /// `expired_token`, or our own limit.
    #[error("the login was not confirmed in time: run the command again")]
    TimedOut,
    /// `invalid_client`.
    #[error("smart-me rejects this application: check client_id and client_secret_file")]
    Client,
    /// `invalid_scope`; `invalid_request` is smart-me's word for a claim that the application lacks.
    #[error("smart-me refuses the requested claims: allow the application {0} and offline_access")]
    Claims(String),
    /// `unauthorized_client`, `unsupported_grant_type`.
    #[error(
        "smart-me does not allow this login method for this application: use the other one (with or without --browser)"
    )]
    Method,
    /// `invalid_grant`: the code.
    #[error("smart-me no longer accepts the code: run the command again")]
    Code,
    /// Another error code of the server.
    #[error("smart-me refuses the login ({0})")]
    Refused(String),
    /// The server sent no refresh token.
    #[error("smart-me sent no refresh token: allow the application offline_access")]
    NoRefreshToken,
    /// A redirect of another login.
    #[error("this address belongs to another login: open the address above")]
    OtherLogin,
    /// The redirect port cannot be used.
    #[error("cannot listen on port {0} of this machine ({1}): choose another with --port")]
    Listen(u16, io::Error),
    /// A request to smart-me failed.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl LoginError {
    /// Converts an error code of the server (RFC 6749, 5.2 and 4.1.2.1; RFC 8628, 3.5).
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
            // The error text may hold the answer with a token.
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Self::Api(ApiError::Unreadable("it violates OAuth 2.0".to_owned()))
            }
        }
    }
}
