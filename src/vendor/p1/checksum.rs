//! The checksum of a telegram: CRC-16/ARC over the bytes from `/` to `!`, with CR LF line ends.

/// The checksum of a telegram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// It fits the telegram's bytes.
    Right,
    /// The telegram has another one.
    Wrong {
        /// As sent.
        sent: u16,
        /// Over the bytes as received.
        computed: u16,
    },
    /// The telegram has none.
    Missing,
}

/// Bytes that serial lines and text files put between telegrams: blanks, control characters, byte
/// order marks.
pub(super) fn is_filler(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, 0x7f | 0xef | 0xbb | 0xbf | 0xff)
}

/// Compares the digits after `!` with the checksum of the bytes up to it.
pub(super) fn checksum(telegram: &[u8], after: &[u8]) -> Checksum {
    let digits = after.iter().position(|byte| !byte.is_ascii_hexdigit()).map_or(after, |end| &after[..end]);
    let rest = &after[digits.len()..];
    let is_last = rest.iter().all(|byte| is_filler(*byte)) || digits.len() == 4 && rest[0].is_ascii_whitespace();
    let sent = std::str::from_utf8(digits).ok().filter(|digits| is_last && (1..=4).contains(&digits.len()));
    let Some(sent) = sent.and_then(|digits| u16::from_str_radix(digits, 16).ok()) else { return Checksum::Missing };
    let computed = crc16(telegram.iter().copied());
    if sent == computed || sent == crc16(with_returns(telegram)) {
        Checksum::Right
    } else {
        Checksum::Wrong { sent, computed }
    }
}

/// The bytes with CR before every LF: a text file may have lost some.
fn with_returns(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let before = std::iter::once(&0).chain(bytes);
    let line_feed = |(before, byte): (&u8, &u8)| *byte == b'\n' && *before != b'\r';
    before.zip(bytes).flat_map(move |pair| line_feed(pair).then_some(b'\r').into_iter().chain([*pair.1]))
}

/// CRC-16/ARC (reflected polynomial 0xA001, from 0), as DSMR 4 and later define it.
fn crc16(bytes: impl Iterator<Item = u8>) -> u16 {
    const TABLE: [u16; 256] = table();
    bytes.fold(0, |crc, byte| (crc >> 8) ^ TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)])
}

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0_u16;
    while index < 256 {
        let (mut crc, mut bit) = (index, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xa001 } else { crc >> 1 };
            bit += 1;
        }
        table[index as usize] = crc;
        index += 1;
    }
    table
}
