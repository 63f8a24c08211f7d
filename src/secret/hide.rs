//! Secrets in messages of devices: passwords, PINs, tokens and keys. The name before a value shows that it is one.
//!
//! Invariant: no value of such a name is left, also not in a message that is cut or of no known format.

use std::borrow::Cow;

/// A name with one of these in it has a secret.
const PARTS: [&str; 6] = ["passw", "devpass", "apikey", "api_key", "token", "secret"];
/// A name that is one of these has a secret.
const NAMES: [&str; 5] = ["pass", "pwd", "pin", "uname", BEARER];
/// A token follows it directly.
const BEARER: &str = "bearer";
/// Some documents have a list of members: `{"name": "password", "value": "..."}`.
const MEMBER: &[u8] = b"value";

/// Whether the value of this name is a secret.
pub fn is_secret(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || PARTS.iter().any(|part| name.contains(part))
}

/// The bytes with stars in place of secrets.
pub fn hide(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut hidden = Cow::Borrowed(bytes);
    let mut at = 0;
    while let Some(start) = bytes[at..].iter().position(|byte| is_of_name(*byte)) {
        let name = at + start;
        let end = name + run(&bytes[name..], is_of_name);
        at = end;
        if is_secret(&bytes[name..end])
            && let Some(value) = value(bytes, end, bytes[name..end].eq_ignore_ascii_case(BEARER.as_bytes()))
        {
            at = value + value_length(bytes, value);
            hidden.to_mut()[value..at].fill(b'*');
        }
    }
    hidden
}

/// The text with stars in place of secrets.
pub fn hide_text(text: &str) -> Cow<'_, str> {
    match hide(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(hidden) => Cow::Owned(String::from_utf8_lossy(&hidden).into_owned()),
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn run(bytes: &[u8], is_one: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !is_one(*byte)).unwrap_or(bytes.len())
}

/// Where the value begins of a name that ends here: after `:` or `=`, in quotes or not.
fn value(bytes: &[u8], name_end: usize, is_assigned: bool) -> Option<usize> {
    let skip = |at: usize, is_one: fn(u8) -> bool| at + run(&bytes[at..], is_one);
    let mut at = name_end;
    if !is_assigned {
        at = skip(at, |byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\' | b','));
        if bytes[at..].starts_with(MEMBER) {
            at = skip(at + MEMBER.len(), |byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\'));
        }
        at = matches!(bytes.get(at), Some(b':' | b'=')).then_some(at + 1)?;
    }
    at = skip(at, |byte| byte.is_ascii_whitespace() || byte == b'\\');
    Some(if matches!(bytes.get(at), Some(b'"' | b'\'')) { at + 1 } else { at })
}

/// The length of a value: to its quote, or to the end of a word.
fn value_length(bytes: &[u8], start: usize) -> usize {
    let value = &bytes[start..];
    match bytes[start - 1] {
        quote @ (b'"' | b'\'') => {
            let mut is_escaped = false;
            let end = value.iter().position(|byte| {
                let is_end = *byte == quote && !is_escaped;
                is_escaped = *byte == b'\\' && !is_escaped;
                is_end
            });
            end.unwrap_or(value.len())
        }
        _ => run(value, |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'&' | b',' | b'}' | b']')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hidden(text: &str) -> String {
        String::from_utf8(hide(text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn the_value_of_a_secret_name_is_stars_and_nothing_else_is() {
        for (text, expected) in [
            (r#"{"devid":"1","devpass":"0123","V":2}"#, r#"{"devid":"1","devpass":"****","V":2}"#),
            (r#"{"access_token" : "a\"b", "x":"y"}"#, r#"{"access_token" : "****", "x":"y"}"#),
            (r#"{"pass":"","next":"y"}"#, r#"{"pass":"","next":"y"}"#),
            (r#"{"pin":1234}"#, r#"{"pin":****}"#),
            (r#"{"name": "mqtt_passwd", "value": "abc"}"#, r#"{"name": "mqtt_passwd", "value": "***"}"#),
            (r#"{"name":"token","next":"abc"}"#, r#"{"name":"token","next":"abc"}"#),
            ("GET /?page=getdata&devid=1&devpass=0123&pout=0", "GET /?page=getdata&devid=1&devpass=****&pout=0"),
            ("Bearer eyJ.a-b_c end", "Bearer ********* end"),
            (r#"{"apikey":"cut of"#, r#"{"apikey":"******"#),
            // A value in escaped quotes is hidden with what follows it.
            (r#"{\"password\":\"ab\"}"#, r#"{\"password\":\"*****"#),
            ("1-0:1.8.0(1*kWh) spinning: 5", "1-0:1.8.0(1*kWh) spinning: 5"),
        ] {
            assert_eq!(hidden(text), expected);
        }
    }

    proptest! {
        #[test]
        fn bytes_keep_their_length_and_a_secret_is_never_left(
            before in ".{0,20}", name in "(devpass|PASSWORD|apiKey|refresh_token|client_secret)", after in ".{0,20}"
        ) {
            let text = format!(r#"{before}{{"{name}":"hunter2"}}{after}"#);
            let hidden = hidden(&text);
            prop_assert_eq!(hidden.len(), text.len());
            prop_assert!(!hidden.contains("hunter2"), "{}", hidden);
        }
    }
}
