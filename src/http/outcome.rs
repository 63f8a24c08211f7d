//! What an answer means for its request: done, repeat later, or never.

use super::client::{HttpError, Response};
use crate::reading::UnixNanos;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap};
use std::time::Duration;

/// The longest wait that a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(15);
/// Bytes of an answer's body that are looked at for an error's text, and characters of it that are kept.
const WORDS_BYTES_MAX: usize = 1024;
const WORDS_CHARS_MAX: usize = 200;

/// What to do after one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out: 2xx.
    Done,
    /// It was not carried out and may be repeated, not before this time where the server
    /// names one: 429 (asked too often), 503 (away), no connection.
    Later(Option<Duration>),
    /// It may have been carried out: repeat it only where that does no harm. 408, other
    /// 5xx, a broken connection, a time-out.
    Uncertain,
    /// The credentials are not accepted: 401.
    Unauthorized,
    /// The credentials do not allow it: 403.
    Forbidden,
    /// It is refused as it is: any other status.
    Refused,
}

/// What an answer, or its absence, means.
#[must_use]
pub fn outcome(answer: &Result<Response, HttpError>) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(HttpError::Connect { .. } | HttpError::Tls { .. }) => return Outcome::Later(None),
        Err(HttpError::Timeout { .. } | HttpError::Broken { .. } | HttpError::TooLarge { .. }) => {
            return Outcome::Uncertain;
        }
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

/// The answer in one line for an error: its status and the server's own words, or why
/// there is none. The words may repeat what was sent: the caller hides its secrets.
#[must_use]
pub fn described(answer: &Result<Response, HttpError>) -> String {
    match answer {
        Ok(answer) => words(answer.status(), answer.body()),
        Err(error) => error.to_string(),
    }
}

fn words(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..WORDS_BYTES_MAX).unwrap_or(body));
    // A gateway's page says nothing that the number does not.
    let is_page = text.trim_start().starts_with('<');
    let text: String = text.chars().filter(|c| !c.is_control()).take(WORDS_CHARS_MAX).collect();
    if is_page || text.trim().is_empty() { status.to_string() } else { format!("{status}: {}", text.trim()) }
}

/// Seconds, or a date against the answer's own `Date`; bounded.
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

/// When the server gave its answer, to the second, by its own clock.
#[must_use]
pub fn date(headers: &HeaderMap) -> Option<UnixNanos> {
    let date = http_date(headers.get(header::DATE)?.to_str().ok()?)?;
    i64::try_from(date.as_nanosecond()).ok().map(UnixNanos)
}

/// A date of HTTP: `Sun, 06 Nov 1994 08:49:37 GMT`.
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
    fn every_answer_and_every_failure_means_something() {
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
        fn any_words_make_one_short_line(status in 100_u16..1000, body in any::<Vec<u8>>()) {
            let said = words(StatusCode::from_u16(status).unwrap(), &body);
            prop_assert!(!said.contains('\n') && said.chars().count() < WORDS_CHARS_MAX + 60);
        }

        #[test]
        fn any_header_is_no_longer_a_wait_than_allowed(text in "[ -~]{0,40}") {
            let wait = after(&[(header::RETRY_AFTER, &text), (header::DATE, "Sun, 22 Nov 2026 08:49:37 GMT")]);
            prop_assert!(wait.is_none_or(|wait| wait <= RETRY_AFTER_MAX));
        }
    }
}
