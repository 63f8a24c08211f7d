//! The answers to requests, and their bytes.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use std::fmt::Display;
use std::time::Duration;

/// An answer to a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// 200: safe on disk.
    Safe,
    /// 401: no valid credentials for this path.
    Challenge,
    /// 404: unknown path, and no path is secret.
    NotFound,
    /// 405: only POST.
    Method,
    /// 411: the head does not say how long the body is.
    LengthRequired,
    /// 408: the body did not arrive in time.
    Timeout(&'static str),
    /// 413: the body is too large.
    TooLarge(String),
    /// 400: the body cannot be used.
    Broken(String),
    /// 503: the body cannot be stored now.
    Unavailable(&'static str, Duration),
}

/// Metric labels of the answers, by [`Answer::index`]; the last is for requests without an
/// answer.
pub(super) const LABELS: [&str; 10] = ["200", "401", "404", "405", "408", "413", "400", "503", "411", "none"];
/// The label of requests without an answer.
pub(super) const UNANSWERED: usize = 9;

const REALM: HeaderValue = HeaderValue::from_static("Basic realm=\"meterline\"");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const POST: HeaderValue = HeaderValue::from_static("POST");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

impl Answer {
    pub(super) fn index(&self) -> usize {
        match self {
            Self::Safe => 0,
            Self::Challenge => 1,
            Self::NotFound => 2,
            Self::Method => 3,
            Self::Timeout(_) => 4,
            Self::TooLarge(_) => 5,
            Self::Broken(_) => 6,
            Self::Unavailable(..) => 7,
            Self::LengthRequired => 8,
        }
    }

    /// Its status.
    pub(super) fn status(&self) -> u16 {
        [200, 401, 404, 405, 408, 413, 400, 503, 411][self.index()]
    }

    /// The response; `close` ends the connection after it.
    pub(super) fn into_response(self, close: bool) -> Response<Full<Bytes>> {
        let mut response = match self {
            Self::Safe => Response::new(Full::default()),
            Self::Challenge => {
                let text = "this path needs valid credentials (HTTP Basic)\n";
                with(sentence(StatusCode::UNAUTHORIZED, text), WWW_AUTHENTICATE, REALM)
            }
            Self::NotFound => sentence(StatusCode::NOT_FOUND, "there is nothing at this path\n"),
            Self::Method => with(sentence(StatusCode::METHOD_NOT_ALLOWED, "use POST\n"), ALLOW, POST),
            Self::LengthRequired => {
                let text = "say how long the body is: send Content-Length, or chunks\n";
                sentence(StatusCode::LENGTH_REQUIRED, text)
            }
            Self::Timeout(why) => line(StatusCode::REQUEST_TIMEOUT, why),
            Self::TooLarge(why) => line(StatusCode::PAYLOAD_TOO_LARGE, why),
            Self::Broken(why) => line(StatusCode::BAD_REQUEST, why),
            Self::Unavailable(why, wait) => {
                with(line(StatusCode::SERVICE_UNAVAILABLE, why), RETRY_AFTER, HeaderValue::from(wait.as_secs()))
            }
        };
        if close {
            response.headers_mut().insert(CONNECTION, CLOSE);
        }
        response
    }
}

fn sentence(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    respond(status, Bytes::from_static(text.as_bytes()))
}

fn line(status: StatusCode, text: impl Display) -> Response<Full<Bytes>> {
    respond(status, Bytes::from(format!("{text}\n")))
}

fn respond(status: StatusCode, text: Bytes) -> Response<Full<Bytes>> {
    let mut response = with(Response::new(Full::new(text)), CONTENT_TYPE, TEXT);
    *response.status_mut() = status;
    response
}

fn with(mut response: Response<Full<Bytes>>, name: HeaderName, value: HeaderValue) -> Response<Full<Bytes>> {
    response.headers_mut().insert(name, value);
    response
}
