//! The bytes of a body from a file or standard input, raw or in hexadecimal.

use super::Encoding;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Why there are no bytes.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("cannot read {0}: {1}")]
    File(PathBuf, io::Error),
    #[error("cannot read standard input: {0}")]
    StandardInput(io::Error),
    #[error("the input is not hexadecimal: '{character}' at byte {offset}; give --input raw if these are the bytes")]
    NotHex { character: char, offset: usize },
    #[error("the hexadecimal input ends in half a byte")]
    HalfByte,
}

/// The body's bytes.
pub(super) fn bytes(file: Option<&Path>, encoding: Encoding) -> Result<Vec<u8>, InputError> {
    let input = match file {
        Some(path) if path != Path::new("-") => {
            std::fs::read(path).map_err(|error| InputError::File(path.to_owned(), error))?
        }
        _ => {
            let mut input = Vec::new();
            io::stdin().lock().read_to_end(&mut input).map_err(InputError::StandardInput)?;
            input
        }
    };
    decoded(input, encoding)
}

/// The bytes that an input stands for. A body begins with a control character,
/// so one in raw form is never taken for digits.
pub(super) fn decoded(input: Vec<u8>, encoding: Encoding) -> Result<Vec<u8>, InputError> {
    let is_hex = match encoding {
        Encoding::Auto => {
            !input.is_empty() && input.iter().all(|byte| byte.is_ascii_hexdigit() || byte.is_ascii_whitespace())
        }
        Encoding::Raw => false,
        Encoding::Hex => true,
    };
    if is_hex { from_hex(&input) } else { Ok(input) }
}

fn from_hex(text: &[u8]) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (offset, &byte) in text.iter().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace()) {
        let character = char::from(byte);
        let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digit = digit.ok_or(InputError::NotHex { character, offset })?;
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    if high.is_some() { Err(InputError::HalfByte) } else { Ok(bytes) }
}
