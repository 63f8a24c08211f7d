//! A request as the end points see it, its answer, and its simulated fault.

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

/// A simulated fault of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This status, with the gateway's page and, where given, Retry-After in seconds.
    Status(u16, Option<u32>),
    /// The request is carried out, and the connection is closed without an answer.
    DoneAndCut,
    /// No fault for this request; the next one may have one.
    None,
    /// 200 with invalid JSON.
    Garbled,
    /// The request is not carried out, and the connection is closed without an answer.
    Cut,
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Time of arrival.
    pub at: Instant,
    /// Its account; empty if unknown.
    pub account: String,
    /// Method and path, ids too.
    pub what: String,
    /// The status of the answer; 0 if there was none.
    pub status: u16,
}
