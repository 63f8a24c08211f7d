//! Reads a body from a file or standard input, as raw bytes or hexadecimal digits.

use crate::base::file::read_any;
use clap::ValueEnum;
use std::io;
use std::path::{Path, PathBuf};

/// More than the largest body as hexadecimal digits.
const INPUT_BYTES_MAX: u64 = 256 << 20;

/// The encoding of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Encoding {
    /// Hexadecimal if there are only hexadecimal digits and whitespace, otherwise raw
    Auto,
    /// Raw bytes
    Raw,
    /// Hexadecimal digits
    Hex,
}

/// An error while reading the input.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("cannot read {0}: {1}")]
    File(PathBuf, io::Error),
    #[error("cannot read standard input: {0}")]
    StandardInput(io::Error),
    #[error("the input is not hexadecimal: {0}; use --input raw if the input is the body itself")]
    NotHex(#[from] hex::FromHexError),
}

/// Returns the bytes of a file; `-` is standard input.
pub(super) fn bytes(file: &Path, encoding: Encoding) -> Result<Vec<u8>, InputError> {
    let input = if file == Path::new("-") {
        read_any(Path::new("/dev/stdin"), INPUT_BYTES_MAX).map_err(InputError::StandardInput)?
    } else {
        read_any(file, INPUT_BYTES_MAX).map_err(|error| InputError::File(file.to_owned(), error))?
    };
    decode(input, encoding)
}

/// Decodes the input. A body begins with a control character, so a raw body is never
/// mistaken for hexadecimal digits.
pub(super) fn decode(input: Vec<u8>, encoding: Encoding) -> Result<Vec<u8>, InputError> {
    let is_hex = match encoding {
        Encoding::Auto => {
            !input.is_empty() && input.iter().all(|byte| byte.is_ascii_hexdigit() || byte.is_ascii_whitespace())
        }
        Encoding::Raw => false,
        Encoding::Hex => true,
    };
    if !is_hex {
        return Ok(input);
    }
    let digits: Vec<u8> = input.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    Ok(hex::decode(digits)?)
}
