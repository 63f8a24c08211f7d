//! Finds the telegrams in a stream of bytes, and checks their checksum.
//!
//! A telegram begins at `/` and ends at the first `!` after its head line, followed by up to
//! four hexadecimal digits. An encrypted one begins at 0xDB and carries its length. Invariants: a
//! telegram that lost its end costs only itself; the bound holds for any input.

use super::checksum::{checksum, is_filler};
use super::telegram::Telegram;

/// The longest telegram. The standards allow a text of 2048 digits beside the usual 1.5 kB.
pub const TELEGRAM_BYTES_MAX: usize = 8 << 10;
/// The first byte of an encrypted telegram.
pub(super) const ENCRYPTED: u8 = 0xdb;
/// Bytes before the length of an encrypted telegram: tag, length of the system title, the title, 0x82.
const LENGTH_AT: usize = 11;

/// The beginning of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole telegram; its checksum may be wrong.
    Telegram(Telegram<'a>),
    /// A whole encrypted telegram, from 0xDB on.
    Encrypted(&'a [u8]),
    /// Bytes that are no telegram, and why.
    Broken(&'a [u8], &'static str),
}

/// The first frame of `bytes`, where it begins, and where the rest begins. `None` if more
/// bytes are needed, or with `at_end` if nothing is left. Blanks between frames are skipped.
pub fn next_frame(bytes: &[u8], at_end: bool) -> Option<(usize, Frame<'_>, usize)> {
    let start = first_of_frame(bytes)?;
    let rest = &bytes[start..];
    let (frame, length) = match rest.first()? {
        b'/' if is_start(rest, 0) => clear(rest, at_end)?,
        &ENCRYPTED => encrypted(rest, at_end)?,
        _ => match next_start(rest) {
            Some(next) => (Frame::Broken(&rest[..next], "these bytes do not begin with a telegram's '/'"), next),
            None if at_end || rest.len() > TELEGRAM_BYTES_MAX => {
                (Frame::Broken(rest, "these bytes hold no telegram"), rest.len())
            }
            None => return None,
        },
    };
    Some((start, frame, start + length))
}

/// The first byte that is no blank. A read-out of IEC 62056-21 is followed by the character that ends a text, and its
/// block check.
fn first_of_frame(bytes: &[u8]) -> Option<usize> {
    const END_OF_TEXT: u8 = 3;
    let after = |at: usize| Some(at + bytes[at..].iter().position(|byte| !is_filler(*byte))?);
    let first = after(0)?;
    let is_frame = bytes[first] == ENCRYPTED || is_start(bytes, first);
    if bytes[..first].ends_with(&[END_OF_TEXT]) && !is_frame { after(first + 1) } else { Some(first) }
}

/// Whether a telegram begins here: `/` and the three letters of the maker, or a head that a logger left
/// empty. Other texts hold `/`, too.
fn is_start(bytes: &[u8], at: usize) -> bool {
    let is_head = |maker: &[u8]| maker[0] == b'\r' || maker[0] == b'\n' || maker.iter().all(u8::is_ascii_alphabetic);
    bytes[at] == b'/' && bytes.get(at + 1..at + 4).is_none_or(is_head)
}

/// Where the next frame may begin, after the first byte.
fn next_start(bytes: &[u8]) -> Option<usize> {
    (1..bytes.len()).find(|at| bytes[*at] == ENCRYPTED || is_start(bytes, *at))
}

fn clear(bytes: &[u8], at_end: bool) -> Option<(Frame<'_>, usize)> {
    let head = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
    if let Some(head) = head
        && let Some(filler) = bytes[head..].iter().position(|byte| !is_filler(*byte))
        && bytes[head + filler] == ENCRYPTED
    {
        // Poland: the head is in the clear, the rest is not.
        let (frame, length) = encrypted(&bytes[head + filler..], at_end)?;
        return Some((frame, head + filler + length));
    }
    let body = head.unwrap_or(bytes.len());
    let ends = |at: usize| match bytes[at] {
        // A model may hold `/` and letters, so within the head the digit behind them counts, too.
        b'/' => is_start(bytes, at) && (at >= body || bytes.get(at + 4).is_some_and(u8::is_ascii_digit)),
        b'!' => at >= body,
        _ => false,
    };
    let stop = (1..bytes.len().min(body + TELEGRAM_BYTES_MAX)).find(|at| ends(*at));
    match stop {
        // The letters may still be on their way.
        Some(at) if bytes[at] == b'/' && !at_end && at + 4 > bytes.len() => None,
        Some(at) if bytes[at] == b'/' => {
            Some((Frame::Broken(&bytes[..at], "the telegram is cut: the next one begins before its end"), at))
        }
        Some(at) => {
            let tail = &bytes[at + 1..];
            // The digits may still be on their way.
            let end = (0..tail.len()).find(|at| tail[*at] == b'\n' || is_start(tail, *at));
            let end = end.or_else(|| (at_end || tail.len() > 64).then_some(tail.len()))?;
            let length = at + 1 + end;
            Some((Frame::Telegram(Telegram::new(&bytes[..=at], checksum(&bytes[..=at], &tail[..end]))), length))
        }
        None if bytes.len() > TELEGRAM_BYTES_MAX => {
            Some((Frame::Broken(bytes, "the telegram is longer than 8 kB"), bytes.len()))
        }
        None if at_end => Some((Frame::Broken(bytes, "the telegram is cut: it has no end"), bytes.len())),
        None => None,
    }
}

fn encrypted(bytes: &[u8], at_end: bool) -> Option<(Frame<'_>, usize)> {
    // Noise must not take the telegrams after it along.
    let broken = |why| {
        let end = next_start(bytes).unwrap_or(bytes.len());
        Some((Frame::Broken(&bytes[..end], why), end))
    };
    let length = match bytes.get(LENGTH_AT..LENGTH_AT + 2) {
        Some(length) if bytes[1] == 8 && bytes[LENGTH_AT - 1] == 0x82 => {
            LENGTH_AT + 2 + usize::from(length[0]) * 256 + usize::from(length[1])
        }
        Some(length) if bytes[1] == 8 && bytes[LENGTH_AT - 1] == 0x81 => LENGTH_AT + 1 + usize::from(length[0]),
        // A short form of the length.
        _ if bytes.len() > LENGTH_AT && bytes[1] == 8 && bytes[LENGTH_AT - 1] < 0x80 => {
            LENGTH_AT + usize::from(bytes[LENGTH_AT - 1])
        }
        None if !at_end => return None,
        _ => return broken("these bytes are no encrypted telegram"),
    };
    match bytes.get(..length) {
        _ if length > TELEGRAM_BYTES_MAX => broken("the encrypted telegram is longer than 8 kB"),
        Some(whole) => Some((Frame::Encrypted(whole), length)),
        None if at_end => broken("the encrypted telegram is cut"),
        None => None,
    }
}
