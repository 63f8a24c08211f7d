//! A pair of user name and password, kept as a digest and compared in constant time.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::HeaderValue;
use sha2::{Digest as _, Sha256};
use std::fmt;
use subtle::{Choice, ConstantTimeEq};

/// A pair of HTTP Basic credentials. Only the SHA-256 of their encoding is kept.
#[derive(Clone, Copy)]
pub struct Credentials(Digest);

/// What a request presents, as a digest.
#[derive(Clone, Copy)]
pub(super) struct Presented(Digest);

type Digest = [u8; 32];

impl Credentials {
    /// The pair as HTTP Basic sends it: base64 of `user:password` in UTF-8.
    #[must_use]
    pub fn new(user: &str, password: &str) -> Self {
        Self(digest(BASE64_STANDARD.encode(format!("{user}:{password}")).as_bytes()))
    }

    /// Whether they are what a request presents; takes as long whether or not.
    pub(super) fn are(&self, presented: &Presented) -> Choice {
        self.0.ct_eq(&presented.0)
    }

    /// No pair encodes to this digest's text, since it is no base64.
    pub(super) fn impossible() -> Self {
        Self(digest(b"\0no credentials"))
    }
}

impl Presented {
    /// What an Authorization header presents; something that is never valid where
    /// there is none or another scheme.
    pub(super) fn new(authorization: Option<&HeaderValue>) -> Self {
        Self(digest(authorization.and_then(basic_token).unwrap_or(b"\0nothing")))
    }
}

/// The token after `Basic `, whose case does not matter.
fn basic_token(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(6)?;
    scheme.eq_ignore_ascii_case(b"basic ").then(|| token.trim_ascii())
}

fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(header: &str) -> bool {
        let value = HeaderValue::from_str(header).unwrap();
        Credentials::new("meter", "líne:pass").are(&Presented::new(Some(&value))).into()
    }

    #[test]
    fn the_pair_is_recognised_in_any_case_of_the_scheme() {
        let token = BASE64_STANDARD.encode("meter:líne:pass");
        assert!(accepts(&format!("Basic {token}")));
        assert!(accepts(&format!("bASIC   {token} ")));
    }

    #[test]
    fn anything_else_is_not() {
        let token = BASE64_STANDARD.encode("meter:líne:pass");
        for header in
            ["", "Basic", "Basic ", "Basic \0", &format!("Bearer {token}"), &token, &format!("Basic {token}x")]
        {
            if HeaderValue::from_str(header).is_ok() {
                assert!(!accepts(header), "{header}");
            }
        }
        assert!(!bool::from(Credentials::new("", "").are(&Presented::new(None))));
        assert!(!bool::from(Credentials::impossible().are(&Presented::new(None))));
    }
}
