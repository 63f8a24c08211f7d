//! Decrypts telegrams of Luxembourg, Austria and Poland (AES-128-GCM, the Smarty specification 1.1.3).
//!
//! Frame: 0xDB, 8, system title (8), length, 0x30, frame counter (4), ciphertext, tag (12).
//! The nonce is the system title and the frame counter; the additional data is 0x30 and the
//! authentication key.

use super::frame::ENCRYPTED;
use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm::aes::Aes128;
use std::fmt;

/// The authentication key that the specification publishes.
const AUTHENTICATION_KEY: [u8; 16] =
    [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
/// The security control byte: encrypted and authenticated.
const CONTROL: u8 = 0x30;
const TITLE_BYTES: usize = 8;
const COUNTER_BYTES: usize = 4;
const TAG_BYTES: usize = 12;

/// The keys of a meter. Debug output hides them.
#[derive(Clone)]
pub struct Key {
    encryption: [u8; 16],
    authentication: [u8; 16],
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// Why a telegram cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// A key is not 32 hexadecimal digits.
    #[error("a key of a meter is 32 hexadecimal digits")]
    KeyFormat,
    /// The frame has another layout.
    #[error("the encrypted telegram has an unknown layout")]
    Layout,
    /// The tag does not match.
    #[error("the key does not fit this telegram, or the telegram is damaged")]
    Tag,
}

impl Key {
    /// Parses the encryption key, and the authentication key if it is not the published one.
    ///
    /// # Errors
    /// When one is not 32 hexadecimal digits.
    pub fn parse(encryption: &str, authentication: Option<&str>) -> Result<Self, CipherError> {
        let bytes = |text: &str| {
            let mut key = [0; 16];
            // Some write the additional data, which has the control byte before the key.
            let digits = text.trim();
            let digits = digits.strip_prefix("30").filter(|rest| rest.len() == 2 * key.len()).unwrap_or(digits);
            hex::decode_to_slice(digits, &mut key).map_err(|_| CipherError::KeyFormat)?;
            Ok(key)
        };
        let authentication = authentication.map_or(Ok(AUTHENTICATION_KEY), bytes)?;
        Ok(Self { encryption: bytes(encryption)?, authentication })
    }

    /// Decrypts a frame, as [`Frame::Encrypted`](super::Frame::Encrypted) holds it. The result is
    /// a telegram in the clear.
    ///
    /// # Errors
    /// When the frame has another layout or the key does not fit.
    pub fn decrypt(&self, frame: &[u8]) -> Result<Vec<u8>, CipherError> {
        let (title, rest) =
            frame.get(2..).and_then(|rest| rest.split_at_checked(TITLE_BYTES)).ok_or(CipherError::Layout)?;
        let length_bytes = match rest.first() {
            Some(0x82) => 3,
            Some(0x81) => 2,
            _ => 1,
        };
        let [CONTROL, rest @ ..] = rest.get(length_bytes..).unwrap_or(&[]) else { return Err(CipherError::Layout) };
        let (counter, rest) = rest.split_at_checked(COUNTER_BYTES).ok_or(CipherError::Layout)?;
        let text = rest.len().checked_sub(TAG_BYTES).ok_or(CipherError::Layout)?;
        let (text, tag) = rest.split_at(text);
        let tag: [u8; TAG_BYTES] = tag.try_into().map_err(|_| CipherError::Layout)?;
        let mut nonce = [0; TITLE_BYTES + COUNTER_BYTES];
        nonce[..TITLE_BYTES].copy_from_slice(title);
        nonce[TITLE_BYTES..].copy_from_slice(counter);
        let mut additional = [CONTROL; 17];
        additional[1..].copy_from_slice(&self.authentication);
        // Some meters authenticate without additional data.
        for additional in [&additional[..], &[]] {
            let mut clear = text.to_vec();
            let cipher = AesGcm::<Aes128, U12, U12>::new(&self.encryption.into());
            let buffer = clear.as_mut_slice().into();
            if cipher.decrypt_inout_detached(&nonce.into(), additional, buffer, &tag.into()).is_ok() {
                return Ok(clear);
            }
        }
        Err(CipherError::Tag)
    }
}

/// The telegram in the clear of a message that holds an encrypted one, perhaps after its head line.
///
/// # Errors
/// As [`Key::decrypt`].
pub fn clear_text(message: &[u8], key: &Key) -> Result<Vec<u8>, CipherError> {
    let start = message.iter().position(|byte| *byte == ENCRYPTED).ok_or(CipherError::Layout)?;
    let (head, frame) = message.split_at(start);
    let clear = key.decrypt(frame)?;
    // In Poland the block holds the rest of the telegram, or all of it.
    Ok(if clear.trim_ascii_start().starts_with(b"/") { clear } else { [head, &clear].concat() })
}
