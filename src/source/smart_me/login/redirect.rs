//! The redirect URL after a login (RFC 6749, 4.1.2): it holds the code or an error. Pure.

use super::error::LoginError;
use crate::secret::Secret;
use oauth2::url::Url;

/// The path of the redirect URL.
pub(super) const PATH: &str = "/smart-me-login";
/// A longer URL is rejected.
const ADDRESS_BYTES_MAX: usize = 8 * 1024;

/// The code of a URL (without scheme and host) with this state.
pub(super) fn code(address: &str, state: &str, claims: &str) -> Result<Secret, LoginError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(address: &str) -> Result<String, String> {
        code(address, "s", "device.read").map(|code| code.expose().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_code_is_read_from_the_address_that_a_browser_ends_at() {
        assert_eq!(read(&format!("{PATH}?code=a%2Fb&state=s")), Ok("a/b".to_owned()));
    }

    #[test]
    fn an_answer_to_another_login_is_not_taken_and_a_refusal_is_named() {
        for other in ["", "?code=c", "?code=c&state=x", "?code=&state=s", "?state=s", "nonsense"] {
            assert!(read(other).unwrap_err().contains("another login"), "{other}");
        }
        assert!(read("?error=access_denied&state=s").unwrap_err().contains("the login was refused"));
        assert!(read("?error=invalid_scope&state=s").unwrap_err().contains("device.read"));
        assert!(read("?error=access_denied&state=x").unwrap_err().contains("another login"));
    }

    proptest! {
        #[test]
        fn no_address_panics(text in any::<String>()) {
            prop_assert!(code(&text, "a-state-that-is-not-in-it", "").is_err());
        }
    }
}
