//! A request as the end points see it, how it is answered, and how it fails.

use hyper::{Method, StatusCode};
use std::time::Instant;

/// A request as the end points see it.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) authorization: Option<&'a str>,
    pub(super) body: &'a [u8],
    pub(super) now: Instant,
    /// In nanoseconds since 1970.
    pub(super) now_ns: i64,
}

/// Status and body.
pub(super) type Answer = (StatusCode, Vec<u8>);

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This status, with the gateway's page and, where given, Retry-After in seconds.
    Status(u16, Option<u32>),
    /// It is carried out, and the connection is closed without an answer.
    DoneAndCut,
    /// None: this one goes well, the next one may not.
    None,
    /// 200 with something that is no JSON.
    Garbled,
    /// It is not carried out, and the connection is closed without an answer.
    Cut,
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// When.
    pub at: Instant,
    /// The account it was of; empty where nobody could be told.
    pub account: String,
    /// Method and path, ids too.
    pub what: String,
    /// The status it was answered with; 0 where it got no answer.
    pub status: u16,
}
