//! Access to the pages: the login of browsers and of programs.
//!
//! A browser logs in with the password and gets a session; a program sends the token with each request. Both are kept
//! and compared as digests, in constant time. Attempts are counted by the client's address, and beyond a budget they
//! wait. A password waits before it is compared: people choose passwords that can be guessed, and a guesser that leaves
//! early must not learn from the speed of an answer. The right token never waits. Without a password and a token, as on
//! loopback, all pages are open. Only peers of the named networks are served, if there are such. It decides; it writes
//! no answer.

mod sessions;
#[cfg(test)]
mod tests;

use crate::clock::Clock;
use crate::config::{AdminLogin, AdminTransport};
use crate::secret::Secret;
use crate::source::webhook::{LoginBudgets, client_address};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderValue, ORIGIN};
use hyper::http::uri::{Authority, Uri};
use ipnet::IpNet;
use parking_lot::Mutex;
use sessions::Sessions;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::net::IpAddr;
use subtle::ConstantTimeEq;

pub(super) use sessions::LIFETIME;

/// The start of the cookie's name; the port ends it, because a browser sends a cookie to all ports of a host.
const COOKIE_NAME: &str = "meterline-session";

/// The decision about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It may see everything.
    Allowed,
    /// It has no valid session and no token.
    LoginNeeded,
    /// It has a wrong token.
    WrongToken,
}

/// The access to the pages.
pub(super) struct Access {
    password: Option<Digest>,
    token: Option<Digest>,
    /// The networks of the peers that are served; `None` for all.
    served: Option<Vec<IpNet>>,
    /// The proxies among them.
    proxies: Vec<IpNet>,
    /// Whether browsers reach it by HTTPS.
    is_secure: bool,
    cookie: String,
    sessions: Mutex<Sessions>,
    budgets: Mutex<LoginBudgets>,
    clock: Clock,
}

impl Access {
    /// The access to the listener on this port.
    pub(super) fn new(login: &AdminLogin, transport: &AdminTransport, port: u16, clock: Clock) -> Self {
        let (served, proxies) = match transport {
            AdminTransport::Loopback | AdminTransport::Tls(_) => (None, Vec::new()),
            AdminTransport::BehindProxy(networks) => (Some(networks.clone()), networks.clone()),
            AdminTransport::PlainHttp(networks) => (Some(networks.clone()), Vec::new()),
        };
        Self {
            password: login.password.as_ref().map(digest_of),
            token: login.token.as_ref().map(digest_of),
            served,
            proxies,
            is_secure: matches!(transport, AdminTransport::Tls(_) | AdminTransport::BehindProxy(_)),
            cookie: format!("{COOKIE_NAME}-{port}"),
            sessions: Mutex::default(),
            budgets: Mutex::new(LoginBudgets::new()),
            clock,
        }
    }

    /// Whether a password can be given.
    pub(super) fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Whether pages are served to this peer.
    pub(super) fn serves(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        let is_in = |networks: &Vec<IpNet>| networks.iter().any(|network| network.contains(&peer));
        self.served.as_ref().is_none_or(|networks| is_in(networks) || (peer.is_loopback() && self.proxies.is_empty()))
    }

    /// Decides about a request. A wrong token has waited out its delay on return.
    pub(super) async fn decide(&self, headers: &HeaderMap, peer: IpAddr) -> Decision {
        if (self.password.is_none() && self.token.is_none()) || self.has_session(headers) {
            return Decision::Allowed;
        }
        let Some(token) = headers.get(AUTHORIZATION).and_then(bearer) else { return Decision::LoginNeeded };
        if is_same(self.token, token) {
            return Decision::Allowed;
        }
        self.wait(headers, peer).await;
        Decision::WrongToken
    }

    /// Begins a session if this is the password: the cookie of the session. After many attempts from an address, the
    /// password is compared after a delay.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) async fn log_in(
        &self,
        password: &str,
        headers: &HeaderMap,
        peer: IpAddr,
    ) -> std::io::Result<Option<HeaderValue>> {
        self.wait(headers, peer).await;
        if !is_same(self.password, password.as_bytes()) {
            return Ok(None);
        }
        let session = self.sessions.lock().begin(self.clock.monotonic())?;
        Ok(HeaderValue::from_str(&self.set_cookie(&session, LIFETIME.as_secs())).ok())
    }

    /// Ends the session of a request: the cookie that removes it.
    pub(super) fn log_out(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        for session in self.sessions_of(headers) {
            self.sessions.lock().end(session);
        }
        HeaderValue::from_str(&self.set_cookie("", 0)).ok()
    }

    /// Whether a session could be ended, so that a page offers it.
    pub(super) fn has_session(&self, headers: &HeaderMap) -> bool {
        let now = self.clock.monotonic();
        let sessions = self.sessions.lock();
        self.sessions_of(headers).any(|session| sessions.has(session, now))
    }

    fn set_cookie(&self, value: &str, seconds: u64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", self.cookie)
    }

    /// The sessions that the cookies of a request name.
    fn sessions_of<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        cookies.filter(move |(name, _)| *name == self.cookie).map(|(_, session)| session)
    }

    /// Counts an attempt, and waits out its delay.
    async fn wait(&self, headers: &HeaderMap, peer: IpAddr) {
        let address = client_address(peer, headers, &self.proxies);
        let delay = self.budgets.lock().spend(address, self.clock.monotonic());
        tracing::debug!(%address, "an attempt to log in to the admin pages");
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }
}

/// Whether a form comes from a page of this listener, or from a program. Browsers say where a form comes from; a
/// page of another site cannot hide it.
pub(super) fn is_of_this_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    origin.as_ref().and_then(Uri::authority).zip(host.as_ref()).is_some_and(|(origin, host)| origin == host)
}

type Digest = [u8; 32];

fn digest_of(secret: &Secret) -> Digest {
    Sha256::digest(secret.expose()).into()
}

/// Compares in constant time. No text is the same as a secret that is not configured.
fn is_same(wanted: Option<Digest>, presented: &[u8]) -> bool {
    let presented: Digest = Sha256::digest(presented).into();
    wanted.is_some_and(|wanted| wanted.ct_eq(&presented).into())
}

/// The token after `Bearer ` (case-insensitive).
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

impl fmt::Debug for Access {
    /// Without the digests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("served", &self.served).finish_non_exhaustive()
    }
}
