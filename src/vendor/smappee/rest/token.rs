//! The answer to a token request.
//!
//! `{"access_token", "expires_in": 36000, "refresh_token"}`. Every answer has a new refresh token, and the former
//! one is void.

use crate::secret::Secret;
use crate::vendor::document::{Members, MessageError, text_of};
use std::time::Duration;

/// The tokens of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The access token.
    pub access: Secret,
    /// Its lifetime, if it has one.
    pub lasts: Option<Duration>,
    /// The next refresh token.
    pub refresh: Option<Secret>,
}

impl Token {
    /// Reads an answer.
    ///
    /// # Errors
    /// When it has no access token. The error repeats nothing of it.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let members = Members::read(text_of(bytes)?)?;
        let secret = |name: &str| members.string(name).map(Secret::new);
        let lasts = members.get("expires_in").and_then(|seconds| seconds.whole(0)?.try_into().ok());
        Ok(Self {
            access: secret("access_token").ok_or(MessageError::Shape("an answer to a token request"))?,
            lasts: lasts.map(Duration::from_secs),
            refresh: secret("refresh_token"),
        })
    }
}
