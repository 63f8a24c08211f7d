//! Encrypts secrets in the data directory with a key stored elsewhere: a copied data
//! directory does not expose the login.
//!
//! ChaCha20-Poly1305 (RFC 8439) with a separate key for every text, which HKDF (RFC 5869,
//! SHA-256) derives from a key file and a random salt. The name of the login is authenticated
//! with the text, so that one login's text cannot replace another's.

use crate::base::file::{read_secret, sync_directory_of};
use crate::secret::{Secret, random};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, Salt};
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
const PURPOSE: &[u8] = b"meterline refresh token v1";

/// The key of a key file.
pub(super) struct Key([u8; KEY_BYTES]);

/// A sealed text, its parts in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::source) struct Sealed {
    salt: String,
    nonce: String,
    text: String,
}

impl Key {
    /// Reads a key file: 32 bytes in base64.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let text = read_secret(path)?;
        let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| io::Error::other("it does not hold 32 bytes in base64"))
    }

    /// Reads a key file, or creates it with mode 0600 if it does not exist.
    pub(super) fn read_or_make(path: &Path) -> io::Result<Self> {
        match Self::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let bytes: [u8; KEY_BYTES] = random()?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{}", STANDARD.encode(bytes))?;
        file.sync_all()?;
        sync_directory_of(path)?;
        Ok(Self(bytes))
    }

    /// Encrypts the text of the login with this name.
    pub(super) fn seal(&self, name: &str, text: &Secret) -> io::Result<Sealed> {
        let unspecified = |_: Unspecified| io::Error::other("it cannot be encrypted");
        let (salt, nonce) = (random::<SALT_BYTES>()?, random::<NONCE_LEN>()?);
        let mut bytes = text.expose().as_bytes().to_vec();
        let (key, nonce_once) = (self.derived(&salt).map_err(unspecified)?, Nonce::assume_unique_for_key(nonce));
        key.seal_in_place_append_tag(nonce_once, Aad::from(name), &mut bytes).map_err(unspecified)?;
        Ok(Sealed { salt: STANDARD.encode(salt), nonce: STANDARD.encode(nonce), text: STANDARD.encode(bytes) })
    }

    /// Decrypts a login's text; `None` if it was sealed for another login or with
    /// another key, or is damaged.
    pub(super) fn open(&self, name: &str, sealed: &Sealed) -> Option<Secret> {
        let nonce: [u8; NONCE_LEN] = STANDARD.decode(&sealed.nonce).ok()?.try_into().ok()?;
        let mut bytes = STANDARD.decode(&sealed.text).ok()?;
        let key = self.derived(&STANDARD.decode(&sealed.salt).ok()?).ok()?;
        let text = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(name), &mut bytes).ok()?;
        std::str::from_utf8(text).ok().map(Secret::new)
    }

    fn derived(&self, salt: &[u8]) -> Result<LessSafeKey, Unspecified> {
        let extracted = Salt::new(HKDF_SHA256, salt).extract(&self.0);
        Ok(LessSafeKey::new(UnboundKey::from(extracted.expand(&[PURPOSE], &CHACHA20_POLY1305)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const TOKEN: &str = "hunter2-refresh";

    #[test]
    fn a_key_file_is_created_once_with_mode_0600() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let first = Key::read_or_make(&path).unwrap();
        assert_eq!(Key::read_or_make(&path).unwrap().0, first.0);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(Key::read_or_make(&directory.path().join("other")).unwrap().0, first.0);
        for wrong in ["", "short", &"A".repeat(2000)] {
            fs::write(&path, wrong).unwrap();
            assert!(Key::read_or_make(&path).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_the_same_key_and_account_decrypt_a_sealed_text() {
        let (key, other) = (Key([7; KEY_BYTES]), Key([8; KEY_BYTES]));
        let sealed = key.seal("a", &Secret::new(TOKEN)).unwrap();
        assert_eq!(key.open("a", &sealed), Some(Secret::new(TOKEN)));
        assert_eq!(key.open("b", &sealed), None);
        assert_eq!(other.open("a", &sealed), None);
        assert_ne!(key.seal("a", &Secret::new(TOKEN)).unwrap(), sealed, "never twice the same");
        let text = serde_json::to_string(&sealed).unwrap();
        assert!(!text.contains("hunter2") && !text.contains(&STANDARD.encode(TOKEN)), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_else_opens_and_nothing_panics(salt in any::<String>(), nonce in any::<String>(), text in any::<String>()) {
            prop_assert_eq!(Key([7; KEY_BYTES]).open("a", &Sealed { salt, nonce, text }), None);
        }

        #[test]
        fn a_changed_bit_is_found(bit in 0_usize..8 * (TOKEN.len() + 16)) {
            let key = Key([7; KEY_BYTES]);
            let sealed = key.seal("a", &Secret::new(TOKEN)).unwrap();
            let mut bytes = STANDARD.decode(&sealed.text).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(key.open("a", &Sealed { text: STANDARD.encode(bytes), ..sealed }), None);
        }
    }
}
