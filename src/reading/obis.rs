//! OBIS codes: they name the register that a value belongs to (IEC 62056-6-1).
//!
//! Knows no particular code (see `registry`). All six-byte codes are kept,
//! known or not. Parsing a printed code returns the same code.

use std::fmt;
use std::str::FromStr;

/// Six bytes `A-B:C.D.E*F`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Obis(pub [u8; 6]);

/// A text that is not an OBIS code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not an OBIS code: write it as 1-0:1.8.0*255, 1-0:1.8.0, 1.8.0 (electricity, channel 0) or 0100010800ff, \
     each group from 0 to 255"
)]
pub struct ObisFormatError(pub String);

/// The default medium and channel: electricity, no channel.
const A_B_DEFAULT: (u8, u8) = (1, 0);
/// The default billing period: the current values.
const F_DEFAULT: u8 = 255;

impl FromStr for Obis {
    type Err = ObisFormatError;

    /// Parses the common forms: `1-0:1.8.0*255`, `1-0:1.8.0`, `1.8.0*255`, `1.8.0`, the
    /// last group also as `.255`, six groups as `1.0.1.8.0.255`, and twelve
    /// hexadecimal digits. Surrounding blanks are ignored.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        from_hex(trimmed).or_else(|| from_groups(trimmed)).map(Self).ok_or_else(|| ObisFormatError(text.to_owned()))
    }
}

fn from_hex(text: &str) -> Option<[u8; 6]> {
    let mut code = [0; 6];
    hex::decode_to_slice(text, &mut code).ok()?;
    Some(code)
}

fn from_groups(text: &str) -> Option<[u8; 6]> {
    let (medium, rest) = match text.split_once(':') {
        Some((medium, rest)) => (Some(medium), rest),
        None => (None, text),
    };
    let (a, b) = match medium.map(|medium| medium.split_once('-')) {
        Some(Some((a, b))) => (group(a)?, group(b)?),
        Some(None) => return None,
        None => A_B_DEFAULT,
    };
    let (register, period) = match rest.split_once('*') {
        Some((register, period)) => (register, Some(group(period)?)),
        None => (rest, None),
    };
    let mut groups = [0; 6];
    let mut count = 0;
    for text in register.split('.') {
        *groups.get_mut(count)? = group(text)?;
        count += 1;
    }
    match (groups, count, medium, period) {
        ([c, d, e, ..], 3, _, period) => Some([a, b, c, d, e, period.unwrap_or(F_DEFAULT)]),
        ([c, d, e, f, ..], 4, _, None) => Some([a, b, c, d, e, f]),
        (code, 6, None, None) => Some(code),
        _ => None,
    }
}

/// A group: one to three decimal digits, at most 255.
fn group(text: &str) -> Option<u8> {
    let is_number = text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

impl fmt::Display for Obis {
    /// The full form `A-B:C.D.E*F`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a}-{b}:{c}.{d}.{e}*{g}")
    }
}

impl fmt::Debug for Obis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
