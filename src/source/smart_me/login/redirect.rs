//! The address that a browser ends at after a login (RFC 6749, 4.1.2): it carries the
//! code, or why there is none. Pure.

use super::person::LoginError;
use crate::secret::Secret;
use oauth2::url::Url;

/// The path that a browser comes back to.
pub(super) const PATH: &str = "/smart-me-login";
/// A longer address is none of ours.
const ADDRESS_BYTES_MAX: usize = 8 * 1024;

/// The code of an address, whole or without scheme and host, that belongs to this state.
pub(super) fn code(address: &str, state: &str, claims: &str) -> Result<Secret, LoginError> {
    let address = address.trim();
    let base = Url::parse("http://127.0.0.1/").ok();
    let url = base.filter(|_| address.len() <= ADDRESS_BYTES_MAX).and_then(|base| base.join(address).ok());
    let url = url.ok_or(LoginError::OtherLogin)?;
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    if value("state").as_deref() != Some(state) {
        return Err(LoginError::OtherLogin);
    }
    if let Some(error) = value("error") {
        return Err(LoginError::of_code(&error, claims));
    }
    value("code").filter(|code| !code.is_empty()).map(Secret::new).ok_or(LoginError::OtherLogin)
}

/// What a browser asks for in the first line of a request; `None` where it is no GET.
pub(super) fn target(head: &str) -> Option<&str> {
    head.lines().next()?.strip_prefix("GET ")?.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(address: &str) -> Result<String, String> {
        code(address, "s", "device.read").map(|code| code.expose().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_code_is_read_from_what_is_pasted_and_from_what_a_browser_asks_for() {
        let path = format!("{PATH}?code=a%2Fb&state=s");
        assert_eq!(read(&format!("  http://127.0.0.1:8470{path}\n")), Ok("a/b".to_owned()));
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(read(target(&head).unwrap()), Ok("a/b".to_owned()));
        assert_eq!(target("POST / HTTP/1.1\r\n"), None);
    }

    #[test]
    fn what_belongs_to_another_login_is_not_taken_and_a_refusal_is_named() {
        for other in ["", "?code=c", "?code=c&state=x", "?code=&state=s", "?state=s", "nonsense"] {
            assert!(read(other).unwrap_err().contains("not of this login"), "{other}");
        }
        assert!(read("?error=access_denied&state=s").unwrap_err().contains("refused at smart-me"));
        assert!(read("?error=invalid_scope&state=s").unwrap_err().contains("claims device.read"));
        assert!(read("?error=access_denied&state=x").unwrap_err().contains("not of this login"));
    }

    proptest! {
        #[test]
        fn nothing_that_is_pasted_or_asked_for_panics(text in any::<String>()) {
            prop_assert!(code(&text, "a-state-that-is-not-in-it", "").is_err());
            target(&text);
        }
    }
}
