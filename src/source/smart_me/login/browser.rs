//! The authorization code grant with PKCE (RFC 7636, RFC 8252): the server redirects the
//! browser to a port of the loopback interface, with a code.
//!
//! Requests to this port are bounded in size and time. Requests that do not belong to this
//! login are rejected, and the wait continues.

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

/// Time limit for the browser's return.
const WAIT_MAX: Duration = Duration::from_mins(10);
/// Time limit of one connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);
const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A login in a browser.
#[derive(Debug)]
pub(super) struct BrowserLogin<'a> {
    application: &'a Application,
    endpoints: Endpoints,
    address: String,
    state: CsrfToken,
    /// The PKCE verifier, which is sent with the code.
    verifier: Secret,
}

/// The listener for the redirected browser.
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

    /// The URL for the browser to open.
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

    /// The code of a request, if it belongs to this login.
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

    /// Waits for the redirect of this login.
    pub(super) async fn wait(&self, browser_login: &BrowserLogin<'_>) -> Outcome {
        let answered = async {
            loop {
                // accept fails for a connection that was closed at once.
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

/// Answers one request with a text for the person; `None` if none came in time.
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
    // A browser that closes the connection early has delivered its code anyway.
    timeout(CONNECTION_TIMEOUT, connection).await.ok();
    brought.into_inner()
}

fn answer(outcome: &Outcome) -> Response<String> {
    let (status, words) = match outcome {
        Ok(_) => (StatusCode::OK, "Go back to the terminal: meterline continues there.".to_owned()),
        Err(LoginError::OtherLogin) => (StatusCode::NOT_FOUND, "There is no page at this address.".to_owned()),
        Err(error) => (StatusCode::OK, error.to_string()),
    };
    let mut answer = Response::new(words);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, PLAIN_TEXT);
    answer
}
