//! A secret that cannot be printed by accident, and stars in place of the secrets in a message.
//!
//! Knows nothing of where secrets come from. Invariant: neither `Debug` nor any
//! other formatting shows the text. A search for `expose` finds every use.

mod hide;

pub use hide::{hide, hide_text, is_secret};

use ring::rand::{SecureRandom as _, SystemRandom};
use std::fmt;
use std::io;

/// A password, token or PIN.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text` so that it is not printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the code that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

/// Cryptographically random bytes, for keys and passwords.
///
/// # Errors
/// When the system cannot provide random numbers.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system cannot provide random numbers"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_the_text() {
        let shown = format!("{:?}", Some(Secret::new("hunter2")));
        assert_eq!(shown, "Some(Secret(...))");
    }
}
