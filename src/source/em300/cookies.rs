//! The cookies of a session with one device. They are credentials, and are never shown.
//!
//! Their attributes do not matter: they go to the device that set them, and end with the session.

use hyper::header::{HeaderMap, HeaderValue, SET_COOKIE};
use std::fmt;

/// Cookies that are kept, and their longest name and value together.
const COOKIES_MAX: usize = 8;
const COOKIE_BYTES_MAX: usize = 512;

/// The cookies of a session, as `name=value`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Cookies(Vec<String>);

impl Cookies {
    /// Notes the cookies of an answer; one of the same name is replaced.
    pub(super) fn note(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok()) {
            let cookie = cookie.split(';').next().unwrap_or_default().trim();
            let Some((name, _)) = cookie.split_once('=').filter(|_| cookie.len() <= COOKIE_BYTES_MAX) else { continue };
            self.0.retain(|known| known.split_once('=').is_some_and(|(known, _)| known != name));
            if self.0.len() < COOKIES_MAX {
                self.0.push(cookie.to_owned());
            }
        }
    }

    /// The header of a request; `None` without cookies.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut header = HeaderValue::from_str(&self.0.join("; ")).ok().filter(|header| !header.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cookies({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(cookies: &mut Cookies, sent: &[&str]) {
        let mut headers = HeaderMap::new();
        for cookie in sent {
            headers.append(SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        cookies.note(&headers);
    }

    #[test]
    fn a_cookie_replaces_the_one_of_its_name_and_their_number_and_length_are_bounded() {
        let mut cookies = Cookies::default();
        assert_eq!(cookies.header(), None);
        noted(&mut cookies, &["PHPSESSID=hunter2; path=/; HttpOnly", "b=1", "no value"]);
        noted(&mut cookies, &["PHPSESSID=hunter3", &format!("long={}", "x".repeat(COOKIE_BYTES_MAX))]);
        assert_eq!(cookies.header().unwrap(), "b=1; PHPSESSID=hunter3");
        assert!(!format!("{cookies:?} {:?}", cookies.header()).contains("hunter"));
        for number in 0..2 * COOKIES_MAX {
            noted(&mut cookies, &[&format!("c{number}=1")]);
        }
        assert_eq!(cookies.header().unwrap().to_str().unwrap().split("; ").count(), COOKIES_MAX);
    }
}
