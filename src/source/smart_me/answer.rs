//! What an answer of the API means for the request: done, later, or never.

use super::pause::Ended;
use crate::reading::UnixNanos;
use std::time::Duration;
use ureq::http::{HeaderMap, StatusCode, header};

/// The longest wait that a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(15);
/// Characters of a server's own words in an error.
const WORDS_MAX: usize = 200;

/// Why something could not be asked or done at smart-me.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No answer, or one that says that the server is in trouble, also after repeats.
    #[error("smart-me does not answer ({0}); it is tried again later")]
    Away(String),
    /// Too many requests, also after waiting.
    #[error("smart-me asks for fewer requests ({0}); it is tried again later")]
    Busy(String),
    /// Who we are is not accepted.
    #[error("smart-me does not accept the credentials ({0}): check the account's api_key_file, client or password")]
    Login(String),
    /// Nobody is logged in, or not any more; with why and what to do.
    #[error("{0}")]
    LoggedOut(String),
    /// A login cannot be stored, so it is not used.
    #[error("the login at smart-me cannot be stored ({0}); it is tried again later")]
    Storage(String),
    /// What is asked for is not allowed.
    #[error(
        "smart-me does not allow that ({0}): give the key or client the claims device.read and realtimeapi.readwrite"
    )]
    Forbidden(String),
    /// The request is not taken.
    #[error("smart-me refuses the request ({0})")]
    Refused(String),
    /// Nobody knows whether it was done.
    #[error("smart-me broke off ({0}), so it is not known whether the change was made; look at the list")]
    Unknown(String),
    /// An answer that is not what the API's description says.
    #[error("smart-me's answer cannot be read: {0}")]
    Unreadable(String),
    /// What was fetched was not kept.
    #[error("what smart-me gave could not be kept ({0}); it is fetched again")]
    NotKept(String),
    /// A stop ended the wait.
    #[error("stopped")]
    Stopped,
}

impl From<Ended> for ApiError {
    fn from(_: Ended) -> Self {
        Self::Stopped
    }
}

/// What to do after one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// Again, not before this time where the server names one. It was not carried out.
    Later {
        after: Option<Duration>,
        error: ApiError,
    },
    /// Again where that does no harm: it may have been carried out.
    Perhaps(String),
    /// Not again as it is.
    Never(ApiError),
}

/// What a status and its headers mean; `words` are the server's.
pub(super) fn verdict(status: StatusCode, headers: &HeaderMap, words: &str) -> Verdict {
    let said = said(status, words);
    match status.as_u16() {
        200..=299 => Verdict::Done,
        429 => Verdict::Later { after: retry_after(headers), error: ApiError::Busy(said) },
        503 => Verdict::Later { after: retry_after(headers), error: ApiError::Away(said) },
        401 => Verdict::Never(ApiError::Login(said)),
        403 => Verdict::Never(ApiError::Forbidden(said)),
        408 | 500..=599 => Verdict::Perhaps(said),
        _ => Verdict::Never(ApiError::Refused(said)),
    }
}

fn said(status: StatusCode, words: &str) -> String {
    // A gateway's page says nothing that the number does not.
    let is_page = words.trim_start().starts_with('<');
    let words: String = words.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
    if is_page || words.trim().is_empty() { format!("{status}") } else { format!("{status}: {}", words.trim()) }
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

/// When the server gave its answer, to the second.
pub(super) fn date(headers: &HeaderMap) -> Option<UnixNanos> {
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
    use proptest::prelude::*;
    use ureq::http::HeaderValue;

    fn after(pairs: &[(header::HeaderName, &str)]) -> Option<Duration> {
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
    fn every_status_means_something() {
        let of = |status| verdict(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), "");
        assert_eq!(of(204), Verdict::Done);
        assert!(matches!(of(429), Verdict::Later { error: ApiError::Busy(_), .. }));
        assert!(matches!(of(503), Verdict::Later { error: ApiError::Away(_), .. }));
        assert!(matches!(of(524), Verdict::Perhaps(_)));
        assert!(matches!(of(401), Verdict::Never(ApiError::Login(_))));
        assert!(matches!(of(403), Verdict::Never(ApiError::Forbidden(_))));
        assert!(matches!(of(422), Verdict::Never(ApiError::Refused(_))));
    }

    proptest! {
        #[test]
        fn any_words_make_one_short_line(status in 100_u16..1000, words in any::<String>()) {
            let status = StatusCode::from_u16(status).unwrap();
            let said = said(status, &words);
            prop_assert!(!said.contains('\n') && said.chars().count() < WORDS_MAX + 60);
        }

        #[test]
        fn any_header_is_no_longer_a_wait_than_allowed(text in "[ -~]{0,40}") {
            let wait = after(&[(header::RETRY_AFTER, &text), (header::DATE, "Sun, 22 Nov 2026 08:49:37 GMT")]);
            prop_assert!(wait.is_none_or(|wait| wait <= RETRY_AFTER_MAX));
        }
    }
}
