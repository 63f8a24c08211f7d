//! The lines of a P1 telegram: any bytes in a frame with a right checksum. A random change of a telegram never
//! comes that far, because its checksum is wrong then. Nothing panics, every value is finite, and the frame is taken as a
//! telegram.

use meterline::vendor::Part;
use meterline::vendor::p1::{Frame, next_frame};

/// Longer frames are none.
const LINES_BYTES_MAX: usize = 4096;

/// Checks one input.
pub fn check(lines: &[u8]) {
    // The characters that begin and end a frame would make others of it.
    let is_framing = |byte: &u8| matches!(byte, b'/' | b'!');
    let lines: Vec<u8> = lines.iter().copied().filter(|byte| !is_framing(byte)).take(LINES_BYTES_MAX).collect();
    let bytes = telegram(&lines);
    let Some((_, Frame::Telegram(telegram), end)) = next_frame(&bytes, true) else {
        panic!("a frame with a right checksum is no telegram: {:?}", String::from_utf8_lossy(&bytes));
    };
    assert!(bytes[end..].iter().all(u8::is_ascii_whitespace), "the frame ends with its checksum");
    telegram.visit(|part| {
        if let Part::Value(value) = part {
            assert!(value.value.is_finite());
        }
    });
    let _ = telegram.ids().native_id("1");
    telegram.nameplate();
}

/// A telegram with these lines.
fn telegram(lines: &[u8]) -> Vec<u8> {
    let mut bytes = [b"/ISK5\\2M550T-1012\r\n\r\n", lines, b"!"].concat();
    let checksum = format!("{:04X}\r\n", crc16(&bytes));
    bytes.extend_from_slice(checksum.as_bytes());
    bytes
}

/// CRC-16/ARC, as the standard of P1 has it.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xa001 } else { sum >> 1 })
    })
}
