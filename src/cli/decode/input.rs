//! The bytes of a body from a file or standard input, raw or in hexadecimal.

use clap::ValueEnum;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How a body is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Encoding {
    /// Hexadecimal if there are only such digits and blanks, else raw
    Auto,
    /// The bytes themselves
    Raw,
    /// Hexadecimal digits
    Hex,
}

/// Why there are no bytes.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("cannot read {0}: {1}")]
    File(PathBuf, io::Error),
    #[error("cannot read standard input: {0}")]
    StandardInput(io::Error),
    #[error("the input is not hexadecimal: {0}; give --input raw if these are the bytes")]
    NotHex(#[from] hex::FromHexError),
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
    if !is_hex {
        return Ok(input);
    }
    let digits: Vec<u8> = input.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    Ok(hex::decode(digits)?)
}
