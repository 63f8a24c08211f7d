//! Pairs of user name and password: stored as digests, compared in constant time, and
//! replaceable while the webhook runs.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::HeaderValue;
use parking_lot::RwLock;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use subtle::{Choice, ConstantTimeEq};

/// Two pairs are valid while one replaces the other.
pub(super) const CREDENTIALS_MAX: usize = 2;

/// A pair of HTTP Basic credentials, stored as the SHA-256 of its encoding.
#[derive(Clone, Copy)]
pub struct Credentials(Digest);

/// The valid pairs of an account. A change holds from the next request on, also on open
/// connections.
#[derive(Debug)]
pub struct Pairs {
    valid: RwLock<[Credentials; CREDENTIALS_MAX]>,
    /// Number of requests with the second pair.
    second_used: AtomicU64,
}

impl Pairs {
    pub(super) fn new(pairs: &[Credentials]) -> Self {
        Self { valid: RwLock::new(padded(pairs)), second_used: AtomicU64::new(0) }
    }

    /// Replaces the valid pairs by the first two of these.
    pub fn replace(&self, pairs: &[Credentials]) {
        *self.valid.write() = padded(pairs);
    }

    /// Number of requests with the second pair.
    pub fn second_used(&self) -> u64 {
        self.second_used.load(Ordering::Relaxed)
    }

    /// Whether one of the pairs is presented; in constant time.
    pub(super) fn has(&self, presented: &Presented) -> bool {
        let pairs = *self.valid.read();
        let [first, second] = pairs.map(|pair| pair.are(presented));
        self.second_used.fetch_add(u64::from((second & !first).unwrap_u8()), Ordering::Relaxed);
        (first | second).into()
    }
}

/// The credentials of a request, as a digest.
#[derive(Clone, Copy)]
pub(super) struct Presented {
    digest: Digest,
    is_none: bool,
}

type Digest = [u8; 32];

impl Credentials {
    /// Creates a pair. HTTP Basic sends base64 of `user:password` in UTF-8.
    pub fn new(user: &str, password: &str) -> Self {
        Self(digest(BASE64_STANDARD.encode(format!("{user}:{password}")).as_bytes()))
    }

    /// Whether a request presents this pair; in constant time.
    fn are(&self, presented: &Presented) -> Choice {
        self.0.ct_eq(&presented.digest)
    }

    /// Credentials that never match: their text is not base64.
    fn impossible() -> Self {
        Self(digest(b"\0no credentials"))
    }
}

impl Presented {
    /// The credentials of an Authorization header; without one, or with another scheme, a
    /// digest that never matches.
    pub(super) fn new(authorization: Option<&HeaderValue>) -> Self {
        let token = authorization.and_then(basic_token);
        Self { digest: digest(token.unwrap_or(b"\0nothing")), is_none: authorization.is_none() }
    }

    /// Whether the request has no Authorization header.
    pub(super) fn is_none(&self) -> bool {
        self.is_none
    }
}

/// The token after `Basic ` (case-insensitive).
fn basic_token(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(6)?;
    scheme.eq_ignore_ascii_case(b"basic ").then(|| token.trim_ascii())
}

fn padded(pairs: &[Credentials]) -> [Credentials; CREDENTIALS_MAX] {
    let mut padded = [Credentials::impossible(); CREDENTIALS_MAX];
    for (place, pair) in padded.iter_mut().zip(pairs) {
        *place = *pair;
    }
    padded
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
