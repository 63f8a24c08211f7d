//! Classification of an answer: done, retry later, or never retry.

use super::client::{HttpError, Response};
use crate::reading::UnixNanos;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap};
use std::time::Duration;

/// The longest Retry-After that is honoured.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(15);
/// Bytes of an answer's body that are searched for an error text, and characters of it that are kept.
const ERROR_BYTES_MAX: usize = 1024;
const ERROR_CHARS_MAX: usize = 200;

/// The result of one attempt, as advice for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Executed: 2xx.
    Done,
    /// Not executed; may be repeated after this wait, if the server names one: 429 (rate
    /// limit), 503 (unavailable), no connection.
    Later(Option<Duration>),
    /// Maybe executed; repeat it only if it is idempotent: 408, other 5xx, a broken
    /// connection, a timeout.
    Uncertain,
    /// The credentials are rejected: 401.
    Unauthorized,
    /// The credentials do not allow it: 403.
    Forbidden,
    /// Refused: any other status.
    Refused,
}

/// Classifies an answer or its absence.
pub fn outcome(answer: &Result<Response, HttpError>) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(HttpError::Connect { .. } | HttpError::Tls { .. } | HttpError::NoBudget) => return Outcome::Later(None),
        Err(HttpError::Timeout { .. } | HttpError::Broken { .. }) => return Outcome::Uncertain,
        Err(HttpError::TooLarge { .. }) => return Outcome::Refused,
    };
    match answer.status().as_u16() {
        200..=299 => Outcome::Done,
        429 | 503 => Outcome::Later(retry_after(answer.headers())),
        401 => Outcome::Unauthorized,
        403 => Outcome::Forbidden,
        408 | 500..=599 => Outcome::Uncertain,
        _ => Outcome::Refused,
    }
}

/// The answer in one line for an error message: the status and the server's error text, or
/// the client error. The text may echo the request, so the caller must hide its secrets.
pub fn described(answer: &Result<Response, HttpError>) -> String {
    match answer {
        Ok(answer) => status_line(answer.status(), answer.body()),
        Err(error) => error.to_string(),
    }
}

fn status_line(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..ERROR_BYTES_MAX).unwrap_or(body));
    // An HTML page adds nothing to the status.
    let is_page = text.trim_start().starts_with('<');
    let text: String = text.chars().filter(|c| !c.is_control()).take(ERROR_CHARS_MAX).collect();
    if is_page || text.trim().is_empty() { status.to_string() } else { format!("{status}: {}", text.trim()) }
}

/// The Retry-After of an answer: seconds, or a date relative to the answer's own `Date`; bounded.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let now = http_date(headers.get(header::DATE)?.to_str().ok()?)?;
            Duration::try_from(http_date(text)?.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// The time of the answer by the server's clock, to the second.
pub fn date(headers: &HeaderMap) -> Option<UnixNanos> {
    let date = http_date(headers.get(header::DATE)?.to_str().ok()?)?;
    i64::try_from(date.as_nanosecond()).ok().map(UnixNanos)
}

/// Parses an HTTP date: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    fn after(pairs: &[(HeaderName, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn the_wait_is_read_in_both_forms_and_bounded() {
        assert_eq!(after(&[(header::RETRY_AFTER, "7")]), Some(Duration::from_secs(7)));
        assert_eq!(after(&[(header::RETRY_AFTER, "999999")]), Some(RETRY_AFTER_MAX));
        let date = (header::DATE, "Sun, 22 Nov 2026 08:49:37 GMT");
        assert_eq!(
            after(&[date.clone(), (header::RETRY_AFTER, "Sun, 22 Nov 2026 08:50:07 GMT")]),
            Some(Duration::from_secs(30))
        );
        assert_eq!(after(&[date, (header::RETRY_AFTER, "Sun, 22 Nov 2026 08:40:00 GMT")]), Some(Duration::ZERO));
        assert_eq!(after(&[(header::RETRY_AFTER, "Sun, 22 Nov 2026 08:50:07 GMT")]), None);
        assert_eq!(after(&[]), None);
    }

    #[test]
    fn every_answer_and_every_failure_has_an_outcome() {
        let of = |status| outcome(&Ok(hyper::http::Response::builder().status(status).body(Bytes::new()).unwrap()));
        assert_eq!([of(204), of(302), of(422)], [Outcome::Done, Outcome::Refused, Outcome::Refused]);
        assert_eq!([of(429), of(503)], [Outcome::Later(None), Outcome::Later(None)]);
        assert_eq!([of(408), of(500), of(524)], [Outcome::Uncertain; 3]);
        assert_eq!([of(401), of(403)], [Outcome::Unauthorized, Outcome::Forbidden]);
        let (origin, why) = (String::new(), String::new());
        let refused = HttpError::Connect { origin: origin.clone(), why: why.clone() };
        assert_eq!(outcome(&Err(refused)), Outcome::Later(None), "nothing was sent");
        assert_eq!(outcome(&Err(HttpError::Broken { origin, why })), Outcome::Uncertain);
    }

    proptest! {
        #[test]
        fn any_error_text_becomes_one_short_line(status in 100_u16..1000, body in any::<Vec<u8>>()) {
            let said = status_line(StatusCode::from_u16(status).unwrap(), &body);
            prop_assert!(!said.contains('\n') && said.chars().count() < ERROR_CHARS_MAX + 60);
        }

        #[test]
        fn any_header_is_no_longer_a_wait_than_allowed(text in "[ -~]{0,40}") {
            let wait = after(&[(header::RETRY_AFTER, &text), (header::DATE, "Sun, 22 Nov 2026 08:49:37 GMT")]);
            prop_assert!(wait.is_none_or(|wait| wait <= RETRY_AFTER_MAX));
        }
    }
}
