//! The host names under which the pages are served: protection against DNS rebinding.
//!
//! A web page of a stranger may let its own name resolve to this listener's address; a
//! browser then lets it read our pages. Its requests carry the stranger's name, so only
//! known names are answered. An address needs no check, because a browser never takes
//! another site for it.

use hyper::header::HOST;
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Uri};
use std::net::IpAddr;

/// The known host names.
#[derive(Debug)]
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    /// `localhost`, any address, and these names.
    pub(super) fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Whether a request is for a known host.
    pub(super) fn include(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut named = headers.get_all(HOST).iter();
        let (Some(host), None) = (named.next(), named.next()) else { return false };
        let Some(host) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else { return false };
        self.has(host.host()) && uri.host().is_none_or(|host| self.has(host))
    }

    fn has(&self, host: &str) -> bool {
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = host.strip_suffix('.').unwrap_or(host);
        let mut known = std::iter::once("localhost").chain(self.0.iter().map(String::as_str));
        address.parse::<IpAddr>().is_ok() || known.any(|known| known.eq_ignore_ascii_case(name))
    }
}
