//! Requests that HTTP forbids: answered 400 before anything else is decided about them.
//!
//! Two programs on the way could read such a request differently, so no reading of it is
//! safe. hyper refuses most of them; these it lets pass.

use hyper::Version;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

/// The fault of a request's head, as a sentence.
pub(super) fn fault(head: &Parts) -> Option<&'static str> {
    let (hosts, host) = lines(head, HOST);
    let (codings, coding) = lines(head, TRANSFER_ENCODING);
    let (authorizations, _) = lines(head, AUTHORIZATION);
    if hosts > 1 {
        Some("a request may have one Host header only")
    } else if hosts == 0 && head.version == Version::HTTP_11 {
        Some("an HTTP/1.1 request needs a Host header")
    } else if !host.is_none_or(is_host) {
        Some("the Host header holds no host")
    } else if codings > 1 || !coding.is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        Some("the only Transfer-Encoding taken is chunked")
    } else if authorizations > 1 {
        Some("a request may have one Authorization header only")
    } else {
        None
    }
}

/// The number of a header's lines, and the first.
fn lines(head: &Parts, name: HeaderName) -> (usize, Option<&HeaderValue>) {
    let mut values = head.headers.get_all(name).iter();
    let first = values.next();
    (usize::from(first.is_some()) + values.count(), first)
}

/// Empty is allowed: the URL then has no host.
fn is_host(value: &HeaderValue) -> bool {
    let value = value.as_bytes();
    value.is_empty() || (!value.contains(&b'@') && Authority::try_from(value).is_ok())
}
