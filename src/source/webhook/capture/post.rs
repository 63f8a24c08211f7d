//! A captured post and its line in the file.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A post as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// When its head was there, in nanoseconds since 1970 UTC.
    pub received_ns: i64,
    /// `POST`, or what else it was.
    pub method: String,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// The other end of its connection.
    pub peer: IpAddr,
    /// Where it comes from, by the word of a trusted proxy; else the peer.
    pub client: IpAddr,
    /// Names and values; a value that may let somebody in is hidden.
    pub headers: Vec<(String, String)>,
    /// Its body before inflation, in hexadecimal digits; `None` where it was not read.
    #[serde(with = "hexadecimal")]
    pub body: Option<Bytes>,
    /// The body's length after inflation, where it could be inflated.
    pub inflated_bytes: Option<u64>,
    /// The status it was answered with; `None` where it got none, its sender
    /// having gone away or the service being stopped.
    pub answer: Option<u16>,
}

impl Post {
    /// Its line, with the end of it.
    pub(super) fn to_line(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }

    /// The post of a line.
    pub(super) fn of_line(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

mod hexadecimal {
    use bytes::Bytes;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    #[expect(clippy::ref_option, reason = "serde hands a field over so")]
    pub(super) fn serialize<S: Serializer>(body: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |body: &Bytes| {
            let mut text = String::with_capacity(2 * body.len());
            for nibble in body.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
                text.push(DIGITS.get(usize::from(nibble)).copied().map_or('0', char::from));
            }
            text
        };
        body.as_ref().map(text).serialize(serializer)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let bytes: Option<Vec<u8>> = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
        bytes
            .filter(|_| rest.is_empty())
            .map(|bytes| Some(Bytes::from(bytes)))
            .ok_or_else(|| D::Error::custom("no hexadecimal digits"))
    }
}
