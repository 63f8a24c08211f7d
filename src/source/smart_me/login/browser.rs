//! The authorization code with PKCE (RFC 7636, RFC 8252): a browser is sent to the
//! server and comes back with a code, to a port of the loopback interface.
//!
//! What comes there is read up to a bound of bytes and time; anything but the answer
//! to this very login is turned away and waited past.

use super::super::answer::ApiError;
use super::super::carrier::Carrier;
use super::grant::{Application, Endpoints};
use super::person::LoginError;
use super::redirect;
use crate::secret::Secret;
use oauth2::basic::BasicTokenResponse;
use oauth2::{AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

/// So long a browser is waited for.
const WAIT_MAX: Duration = Duration::from_mins(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A request that is not there by then is left.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// A browser that is on its way.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    application: &'a Application,
    endpoints: Endpoints,
    address: String,
    state: CsrfToken,
    /// Its secret, which goes with the code.
    verifier: Secret,
}

/// The port it comes back to.
#[derive(Debug)]
pub(super) struct Listening(TcpListener);

impl<'a> Asking<'a> {
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

    /// What the browser is to open.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The code of the address that it ended at.
    pub(super) fn code_of(&self, address: &str) -> Result<Secret, LoginError> {
        redirect::code(address, self.state.secret(), &self.application.claims())
    }

    pub(super) fn exchange(&self, code: Secret, carrier: &Carrier) -> Result<BasicTokenResponse, LoginError> {
        let request = |request| carrier.fetch_token(request);
        let code = AuthorizationCode::new(code.expose().to_owned());
        let verifier = PkceCodeVerifier::new(self.verifier.expose().to_owned());
        let answer = self.endpoints.exchange_code(code).set_pkce_verifier(verifier).request(&request);
        answer.map_err(|error| LoginError::of(error, self.application))
    }
}

impl Listening {
    pub(super) fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// Waits for the browser that brings this login's answer.
    pub(super) fn wait(&self, asking: &Asking<'_>, carrier: &Carrier) -> Result<Secret, LoginError> {
        let until = carrier.now() + WAIT_MAX;
        while carrier.now() < until {
            match self.0.accept() {
                Ok((stream, _)) => match answer(stream, asking, carrier) {
                    Ok(Err(LoginError::OtherLogin)) | Err(_) => {}
                    Ok(outcome) => return outcome,
                },
                // Nobody is there, or somebody who left at once.
                Err(_) => carrier.pause().wait(LOOK_EVERY).map_err(ApiError::from)?,
            }
        }
        Err(LoginError::Late)
    }
}

/// Reads one request and answers it for a person to see.
fn answer(mut stream: TcpStream, asking: &Asking<'_>, carrier: &Carrier) -> io::Result<Result<Secret, LoginError>> {
    stream.set_nonblocking(false)?;
    let head = head(&mut stream, carrier)?;
    let target = redirect::target(&head).filter(|target| target.starts_with(redirect::PATH));
    let outcome = target.map_or(Err(LoginError::OtherLogin), |target| asking.code_of(target));
    let (status, words) = match &outcome {
        Ok(_) => ("200 OK", "Back to the terminal: meterline goes on there.".to_owned()),
        Err(LoginError::OtherLogin) => ("404 Not Found", "Nothing is waited for here.".to_owned()),
        Err(error) => ("200 OK", error.to_string()),
    };
    let length = words.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}");
    // Whoever goes away without reading it is logged in all the same.
    stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n{words}").as_bytes()).ok();
    Ok(outcome)
}

fn head(stream: &mut TcpStream, carrier: &Carrier) -> io::Result<String> {
    let until = carrier.now() + REQUEST_TIMEOUT;
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < REQUEST_BYTES_MAX {
        let left = until.saturating_duration_since(carrier.now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        stream.set_write_timeout(Some(left))?;
        match stream.read(&mut piece)? {
            0 => break,
            count => head.extend_from_slice(&piece[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
