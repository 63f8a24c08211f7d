//! The authorization code with PKCE (RFC 7636, RFC 8252): a browser is sent to the
//! server and comes back with a code, to a port of the loopback interface.
//!
//! Requests there are bounded in size and time. Anything but the answer to this very
//! login is turned away, and the wait goes on.

use super::error::LoginError;
use super::grant::{Application, Endpoints, fetch};
use super::redirect;
use crate::http::Requester;
use crate::secret::Secret;
use crate::source::smart_me::error::ApiError;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use oauth2::basic::BasicTokenResponse;
use oauth2::{AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl};
use parking_lot::Mutex;
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A browser is waited for so long.
const WAIT_MAX: Duration = Duration::from_mins(10);
/// One connection may take so long.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);
const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A browser that was sent to the server.
#[derive(Debug)]
pub(super) struct BrowserLogin<'a> {
    application: &'a Application,
    endpoints: Endpoints,
    address: String,
    state: CsrfToken,
    /// Its secret, which goes with the code.
    verifier: Secret,
}

/// The port it comes back to.
#[derive(Debug)]
pub(super) struct RedirectListener(TcpListener);

type Outcome = Result<Secret, LoginError>;

impl<'a> BrowserLogin<'a> {
    pub(super) fn new(application: &'a Application, port: u16) -> Result<Self, LoginError> {
        let back = RedirectUrl::new(format!("http://127.0.0.1:{port}{}", redirect::PATH))
            .map_err(|error| ApiError::Unreadable(error.to_string()))?;
        let endpoints = application.endpoints()?.set_redirect_uri(back);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let asked = endpoints.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge);
        let (address, state) = asked.add_scopes(application.scopes_of_a_login()).url();
        let verifier = Secret::new(verifier.secret().clone());
        Ok(Self { application, endpoints, address: address.to_string(), state, verifier })
    }

    /// The address for the browser to open.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) async fn exchange(&self, code: Secret, requester: &Requester) -> Result<BasicTokenResponse, LoginError> {
        let send = |request| fetch(requester.clone(), request);
        let code = AuthorizationCode::new(code.expose().to_owned());
        let verifier = PkceCodeVerifier::new(self.verifier.expose().to_owned());
        let answer = self.endpoints.exchange_code(code).set_pkce_verifier(verifier).request_async(&send).await;
        answer.map_err(|error| LoginError::of(error, self.application))
    }

    /// The code that a request carries, if it is the answer to this login.
    fn code_of<T>(&self, request: &Request<T>) -> Outcome {
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        if request.method() != Method::GET || request.uri().path() != redirect::PATH {
            return Err(LoginError::OtherLogin);
        }
        redirect::code(target, self.state.secret(), &self.application.claims())
    }
}

impl RedirectListener {
    pub(super) async fn start(port: u16) -> io::Result<Self> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map(Self)
    }

    /// Waits for the browser that brings this login's answer.
    pub(super) async fn wait(&self, browser_login: &BrowserLogin<'_>) -> Outcome {
        let answered = async {
            loop {
                // A connection that was closed at once is an error of accept.
                let Ok((stream, _)) = self.0.accept().await else { continue };
                match serve(stream, browser_login).await {
                    Some(Err(LoginError::OtherLogin)) | None => {}
                    Some(outcome) => return outcome,
                }
            }
        };
        timeout(WAIT_MAX, answered).await.unwrap_or(Err(LoginError::TimedOut))
    }
}

/// Answers one request for a person to see; `None` where none came in time.
async fn serve(stream: TcpStream, browser_login: &BrowserLogin<'_>) -> Option<Outcome> {
    let brought = Mutex::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let outcome = browser_login.code_of(&request);
        let answer = answer(&outcome);
        *brought.lock() = Some(outcome);
        async { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A browser that goes away without reading the answer has brought the code all the same.
    timeout(CONNECTION_TIMEOUT, connection).await.ok();
    brought.into_inner()
}

fn answer(outcome: &Outcome) -> Response<String> {
    let (status, words) = match outcome {
        Ok(_) => (StatusCode::OK, "Go back to the terminal: meterline continues there.".to_owned()),
        Err(LoginError::OtherLogin) => (StatusCode::NOT_FOUND, "Nothing is here.".to_owned()),
        Err(error) => (StatusCode::OK, error.to_string()),
    };
    let mut answer = Response::new(words);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, PLAIN_TEXT);
    answer
}
