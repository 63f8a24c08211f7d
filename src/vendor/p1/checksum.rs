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

/// A telegram's checksum does not show that its bytes are the meter's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumFault {
    /// Its standard has one, and it has none.
    #[error("the telegram has no checksum")]
    Missing,
    /// It has another one than its bytes.
    #[error("the checksum is wrong: the telegram has {sent:04X}, its bytes give {computed:04X}")]
    Wrong {
        /// As sent.
        sent: u16,
        /// Over the bytes as received.
        computed: u16,
    },
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
    let computed = crc16(0, telegram);
    let is_right =
        sent == computed || [is_return, is_blank].into_iter().any(|ends| sent == crc16_of_lines(telegram, ends));
    if is_right { Checksum::Right } else { Checksum::Wrong { sent, computed } }
}

/// The checksum of the lines without these bytes around them, and with CR LF after each: a text file may have
/// lost returns, or won some, or blanks.
fn crc16_of_lines(bytes: &[u8], is_around: fn(&u8) -> bool) -> u16 {
    bytes.split_inclusive(|byte| *byte == b'\n').fold(0, |crc, line| {
        let from = line.iter().position(|byte| !is_around(byte)).unwrap_or(line.len());
        let text = &line[from..];
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let end = text.iter().rposition(|byte| !is_around(byte)).map_or(0, |last| last + 1);
        let crc = crc16(crc, &text[..end]);
        if line.ends_with(b"\n") { crc16(crc, b"\r\n") } else { crc }
    })
}

fn is_return(byte: &u8) -> bool {
    *byte == b'\r'
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b'\r' | b' ' | b'\t')
}

/// Continues CRC-16/ARC (reflected polynomial 0xA001, from 0), as DSMR 4 and later define it. Eight bytes
/// at a time: table N has what a byte does to the checksum N bytes later.
fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    const TABLES: [[u16; 256]; 8] = tables();
    let (blocks, rest) = bytes.as_chunks::<8>();
    let crc = blocks.iter().fold(crc, |crc, block| {
        let [low, high] = crc.to_le_bytes();
        let [a, b, c, d, e, f, g, h] = *block;
        let ahead = |bytes_ahead: usize, byte: u8| TABLES[bytes_ahead][usize::from(byte)];
        ahead(7, a ^ low)
            ^ ahead(6, b ^ high)
            ^ ahead(5, c)
            ^ ahead(4, d)
            ^ ahead(3, e)
            ^ ahead(2, f)
            ^ ahead(1, g)
            ^ ahead(0, h)
    });
    rest.iter().fold(crc, |crc, byte| (crc >> 8) ^ TABLES[0][usize::from(crc.to_le_bytes()[0] ^ byte)])
}

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut index = 0_u16;
    while index < 256 {
        let (mut crc, mut bit) = (index, 0);
        while bit < 64 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xa001 } else { crc >> 1 };
            bit += 1;
            if bit % 8 == 0 {
                tables[bit / 8 - 1][index as usize] = crc;
            }
        }
        index += 1;
    }
    tables
}
