//! Checksums of small files: a changed bit is found, and never taken for data.
//!
//! A line of text is preceded by its CRC32C. A JSON document is the content of another one, beside its
//! CRC32C. Invariant: of what is written here, every single changed bit is found; a checksum that is
//! written in another way, such as in capitals, is none.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::io;

const BEFORE: &[u8] = br#"{"crc32c":""#;
const NO_CHECKSUM: &[u8] = b"00000000";
const BETWEEN: &[u8] = br#"","content":"#;
const AFTER: &[u8] = b"}";

/// A line of text, preceded by its checksum.
pub fn with_checksum(text: &str) -> String {
    format!("{} {text}\n", checksum(text.as_bytes()))
}

/// The text of such a line without its end, if its checksum matches.
pub fn checked_line(line: &str) -> Option<&str> {
    let (found, text) = line.split_once(' ')?;
    (found == checksum(text.as_bytes())).then_some(text)
}

/// A JSON document with its checksum.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checked<'a> {
    crc32c: &'a str,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// The bytes of a file that holds this value as JSON with its checksum.
///
/// # Errors
/// A value that is no JSON, such as a map whose keys are no text.
pub fn to_json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = [BEFORE, NO_CHECKSUM, BETWEEN].concat();
    let content = bytes.len();
    serde_json::to_writer(&mut bytes, value)?;
    let checksum = checksum(&bytes[content..]);
    bytes[BEFORE.len()..content - BETWEEN.len()].copy_from_slice(checksum.as_bytes());
    bytes.extend(AFTER);
    Ok(bytes)
}

/// The value in such a file.
///
/// # Errors
/// `InvalidData` when the file is damaged.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    let damaged = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("it is damaged: {why}"));
    let checked: Checked<'_> = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    if checked.crc32c != checksum(checked.content.get().as_bytes()) {
        return Err(damaged("its checksum is wrong".to_owned()));
    }
    serde_json::from_str(checked.content.get()).map_err(|error| damaged(error.to_string()))
}

fn checksum(bytes: &[u8]) -> String {
    format!("{:08x}", crc32c::crc32c(bytes))
}

/// The contents with each bit changed, one at a time.
#[cfg(test)]
pub(crate) fn every_flip(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_changed_bit_of_a_line_or_of_a_document_is_found() {
        let line = with_checksum("cursor 5 a-b_C.");
        assert_eq!(checked_line(line.trim_end()), Some("cursor 5 a-b_C."));
        for flipped in every_flip(line.trim_end().as_bytes()) {
            assert_eq!(checked_line(&String::from_utf8_lossy(&flipped)), None, "{flipped:?}");
        }
        let value = BTreeMap::from([("a{\"[é".to_owned(), 1.5), (String::new(), -2.0)]);
        let bytes = to_json(&value).unwrap();
        assert_eq!(from_json::<BTreeMap<String, f64>>(&bytes).unwrap(), value);
        for flipped in every_flip(&bytes) {
            assert!(from_json::<BTreeMap<String, f64>>(&flipped).is_err(), "{}", String::from_utf8_lossy(&flipped));
        }
    }
}
