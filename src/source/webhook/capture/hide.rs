//! What of a request's head may be written down.
//!
//! The capture is there to show headers that nobody knows yet, so what is hidden is
//! told by its name and by its value: a header that is called like a credential or
//! like an address, and any value that holds the path, the presented token or the
//! password in it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// In place of a value.
pub(super) const HIDDEN: &str = "(hidden)";

/// Parts of names of headers that may hold a credential, or the path with it.
const TELLING: [&str; 16] = [
    "auth",
    "cookie",
    "token",
    "key",
    "secret",
    "passw",
    "session",
    "sign",
    "credential",
    "jwt",
    "cert",
    "uri",
    "url",
    "path",
    "referer",
    "csrf",
];

/// Names and values of a head that may be written down.
pub(super) fn shown(headers: &HeaderMap, path: &str) -> Vec<(String, String)> {
    let secrets = secrets(headers, path);
    let shown = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        let is_telling = TELLING.iter().any(|part| name.as_str().contains(part));
        let is_secret = secrets.iter().any(|secret| value.contains(secret));
        let value = if is_telling || is_secret { HIDDEN.to_owned() } else { value.into_owned() };
        (name.as_str().to_owned(), value)
    };
    headers.iter().map(shown).collect()
}

/// What no value may hold: the path, and what the request presents.
fn secrets(headers: &HeaderMap, path: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    // The bare root is in every address and every type of content.
    if path.len() > 1 {
        secrets.push(path.to_owned());
    }
    for value in headers.get_all(AUTHORIZATION) {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let token = text.split_once(' ').map_or(text.as_str(), |(_, token)| token.trim()).to_owned();
        if let Ok(pair) = BASE64_STANDARD.decode(&token) {
            let pair = String::from_utf8_lossy(&pair).into_owned();
            secrets.extend(pair.split_once(':').map(|(_, password)| password.to_owned()));
        }
        secrets.push(token);
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    #[test]
    fn what_is_called_like_a_credential_or_holds_one_is_hidden_and_nothing_else() {
        let token = BASE64_STANDARD.encode("meter:correct horse");
        let lines = [
            ("authorization", format!("Basic {token}"), true),
            ("cookie", "a=b".to_owned(), true),
            ("x-api-key", "abc".to_owned(), true),
            ("x-original-url", "/other".to_owned(), true),
            ("x-note", "to /hook/4f1c please".to_owned(), true),
            ("x-copy", format!("<{token}>"), true),
            ("x-clear", "it is correct horse".to_owned(), true),
            ("content-type", "application/octet-stream".to_owned(), false),
            ("user-agent", "Dart/3 (dart:io)".to_owned(), false),
            ("x-forwarded-for", "203.0.113.9".to_owned(), false),
        ];
        let mut headers = HeaderMap::new();
        for (name, value, _) in &lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        for (name, value) in shown(&headers, "/hook/4f1c") {
            let (_, original, is_hidden) = lines.iter().find(|line| line.0 == name).unwrap();
            assert_eq!(value, if *is_hidden { HIDDEN } else { original }, "{name}");
        }
    }

    #[test]
    fn a_path_of_nothing_and_a_pair_of_nothing_hide_nothing() {
        let mut headers = HeaderMap::new();
        headers.append("content-type", HeaderValue::from_static("a/b"));
        headers.append("authorization", HeaderValue::from_static("Basic Og=="));
        assert_eq!(shown(&headers, "/")[0], ("content-type".to_owned(), "a/b".to_owned()));
    }
}
