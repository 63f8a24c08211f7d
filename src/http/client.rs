//! The HTTP client: one request and its answer, within bounds.
//!
//! HTTP/1.1 over TCP or TLS (rustls, the roots of webpki or a [`CaFile`]). Small devices often violate
//! HTTP, so the client is lenient: an HTTP/1.0 answer without a length ends with the
//! connection, invalid header lines are skipped, and no content type is required.

use super::ca_file::CaFile;
use super::known_server::known_server;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue, USER_AGENT};
use hyper::http::{self, Uri};
use hyper::upgrade::Upgraded;
use hyper_rustls::builderstates::WantsSchemes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, ClientConfig};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;

/// A request with its whole body.
pub type Request = http::Request<Full<Bytes>>;
/// An answer with its whole body.
pub type Response = http::Response<Bytes>;

/// Idle connections per server.
const IDLE_PER_HOST_MAX: usize = 2;
/// An idle connection is closed after this time: many servers close it after a minute.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);
const AGENT: HeaderValue = HeaderValue::from_static(concat!("meterline/", env!("CARGO_PKG_VERSION")));

/// The limits of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// From the connect to the last byte of the answer.
    pub timeout: Duration,
    /// Largest body of an answer, in bytes.
    pub answer_bytes_max: usize,
}

/// A client with its own connection pool. Clones share it.
#[derive(Clone)]
pub struct Client {
    connections: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    bounds: Bounds,
}

/// The answer to a request for another protocol.
#[derive(Debug)]
pub(super) enum Switch {
    /// The server switched: the headers of its answer, and the connection.
    Done(HeaderMap, Upgraded),
    /// It did not; the body is left out.
    Refused(Response),
}

/// Why a request got no answer. The text names only the server's origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// No connection: unreachable or refused. Nothing was sent.
    #[error("cannot connect to {origin}: {why}")]
    Connect {
        /// Scheme, host and port.
        origin: String,
        /// The system's error.
        why: String,
    },
    /// The server has no trusted certificate or speaks no TLS. Nothing was sent.
    #[error("TLS with {origin} failed: {why}")]
    Tls {
        /// Scheme, host and port.
        origin: String,
        /// The TLS library's error.
        why: String,
    },
    /// The request timed out; it may have been executed.
    #[error("{origin} did not answer within {timeout:?}")]
    Timeout {
        /// Scheme, host and port.
        origin: String,
        /// The bound.
        timeout: Duration,
    },
    /// The request budget allows no request in time. Nothing was sent.
    #[error("the request budget allows no request in time")]
    NoBudget,
    /// The answer's body exceeds the limit.
    #[error("the answer of {origin} is larger than {bytes_max} bytes")]
    TooLarge {
        /// Scheme, host and port.
        origin: String,
        /// The bound.
        bytes_max: usize,
    },
    /// The connection broke, or the answer is not HTTP; the request may have been executed.
    #[error("the connection to {origin} broke: {why}")]
    Broken {
        /// Scheme, host and port.
        origin: String,
        /// The HTTP library's error.
        why: String,
    },
}

impl Client {
    /// Creates a client with these bounds for each request. It trusts the built-in
    /// certificate authorities.
    pub fn new(bounds: Bounds) -> Self {
        Self::trusting(bounds, None)
    }

    /// The same, which trusts only the authorities of `ca`, if there are any.
    pub fn trusting(bounds: Bounds, ca: Option<&CaFile>) -> Self {
        Self::over(
            bounds,
            match ca {
                None => HttpsConnectorBuilder::new().with_webpki_roots(),
                Some(ca) => {
                    let tls = ClientConfig::builder().with_root_certificates(ca.roots()).with_no_client_auth();
                    HttpsConnectorBuilder::new().with_tls_config(tls)
                }
            },
        )
    }

    /// The same, which trusts this certificate and no other, whatever its names, its issuer and its dates.
    pub fn trusting_only(bounds: Bounds, certificate: CertificateDer<'static>) -> Self {
        Self::over(bounds, HttpsConnectorBuilder::new().with_tls_config(known_server(certificate)))
    }

    fn over(bounds: Bounds, tls: HttpsConnectorBuilder<WantsSchemes>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        let connections = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .build(connector);
        Self { connections, bounds }
    }

    /// A client that shares the connections, with other bounds.
    pub fn with_bounds(&self, bounds: Bounds) -> Self {
        Self { connections: self.connections.clone(), bounds }
    }

    /// Sends a request and reads the whole answer. Does not follow redirects.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let origin = origin(request.uri());
        let exchange = async {
            let answer = self.begin(&origin, request).await?;
            self.whole(&origin, answer).await
        };
        self.in_time(&origin, exchange).await
    }

    /// Sends a request for another protocol: the connection if the server switches to it, else the
    /// server's answer without its body.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub(super) async fn switch(&self, request: Request) -> Result<Switch, HttpError> {
        let origin = origin(request.uri());
        let exchange = async {
            let answer = self.begin(&origin, request).await?;
            if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                let (head, _) = answer.into_parts();
                return Ok(Switch::Refused(Response::from_parts(head, Bytes::new())));
            }
            let headers = answer.headers().clone();
            let connection = hyper::upgrade::on(answer).await.map_err(|error| broken(&origin, innermost(&error)))?;
            Ok(Switch::Done(headers, connection))
        };
        self.in_time(&origin, exchange).await
    }

    async fn begin(&self, origin: &str, mut request: Request) -> Result<http::Response<Incoming>, HttpError> {
        request.headers_mut().entry(USER_AGENT).or_insert(AGENT);
        self.connections.request(request).await.map_err(|error| not_sent(origin, &error))
    }

    async fn whole(&self, origin: &str, answer: http::Response<Incoming>) -> Result<Response, HttpError> {
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, self.bounds.answer_bytes_max).collect().await;
        let body = body.map_err(|error| self.not_read(origin, &*error))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    async fn in_time<T>(
        &self,
        origin: &str,
        exchange: impl Future<Output = Result<T, HttpError>>,
    ) -> Result<T, HttpError> {
        let timeout = self.bounds.timeout;
        let late = |_| Err(HttpError::Timeout { origin: origin.to_owned(), timeout });
        tokio::time::timeout(timeout, exchange).await.unwrap_or_else(late)
    }

    fn not_read(&self, origin: &str, error: &(dyn Error + 'static)) -> HttpError {
        if error.is::<LengthLimitError>() {
            HttpError::TooLarge { origin: origin.to_owned(), bytes_max: self.bounds.answer_bytes_max }
        } else {
            broken(origin, innermost(error))
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

fn not_sent(origin: &str, error: &legacy::Error) -> HttpError {
    let (origin, why) = (origin.to_owned(), innermost(error));
    match error.is_connect() {
        true if has_tls_error(error, is_unknown_issuer) => {
            HttpError::Tls { origin, why: format!("{why}{UNKNOWN_ISSUER}") }
        }
        true if has_tls_error(error, |_| true) => HttpError::Tls { origin, why },
        true => HttpError::Connect { origin, why },
        false => HttpError::Broken { origin, why },
    }
}

/// The error of a connection that broke.
pub(super) fn broken(origin: &str, why: impl Into<String>) -> HttpError {
    HttpError::Broken { origin: origin.to_owned(), why: why.into() }
}

/// The advice for a certificate of a private authority.
const UNKNOWN_ISSUER: &str = "; the certificate comes from an authority that is not trusted here: name that authority's certificate in `ca_file`";

fn is_unknown_issuer(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
}

/// Whether such a TLS error is the cause. An I/O error hides the wrapped error from `source`.
fn has_tls_error(error: &(dyn Error + 'static), is_such: fn(&rustls::Error) -> bool) -> bool {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.downcast_ref::<rustls::Error>().is_some_and(is_such)
        || wrapped.is_some_and(|error| has_tls_error(error, is_such))
        || error.source().is_some_and(|error| has_tls_error(error, is_such))
}

/// The root cause: the outer errors only repeat that the request failed.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Scheme, host and port. The path and the query may be secrets.
pub(super) fn origin(uri: &Uri) -> String {
    let (scheme, host) = (uri.scheme_str().unwrap_or("http"), uri.host().unwrap_or("(no host)"));
    match uri.port_u16() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

/// An empty request body.
pub fn no_body() -> Full<Bytes> {
    Full::default()
}

/// An HTTP Basic Authorization header, marked as sensitive; `None` if the credentials hold
/// characters that a header cannot carry.
pub fn basic_authorization(user: &str, password: &Secret) -> Option<HeaderValue> {
    let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
    let mut value = HeaderValue::from_str(&format!("Basic {pair}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Parses an http or https URL without user information; `None` for anything else.
pub fn web_address(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty());
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    (is_web && !has_user).then_some(uri)
}
