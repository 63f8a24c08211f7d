//! Bodies written by hand, field by field.

/// A length-delimited field.
pub(super) fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    varint(u64::try_from(content.len()).unwrap(), &mut bytes);
    bytes.extend(content);
    bytes
}

/// A 64-bit field.
pub(super) fn fixed(number: u8, content: [u8; 8]) -> Vec<u8> {
    [vec![number << 3 | 1], content.to_vec()].concat()
}

/// A varint field.
pub(super) fn number(number: u8, value: u64) -> Vec<u8> {
    let mut bytes = vec![number << 3];
    varint(value, &mut bytes);
    bytes
}

fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

/// The signed number's unsigned form on the wire.
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// A device id whose bytes are all `byte`.
pub(super) fn device_id(byte: u8) -> Vec<u8> {
    field(1, &[fixed(1, [byte; 8]), fixed(2, [byte; 8])].concat())
}

/// A time of value and scale.
pub(super) fn time(value: i64, scale: u64) -> Vec<u8> {
    field(2, &[number(1, zigzag(value)), number(2, scale)].concat())
}

/// A plausible time.
pub(super) fn any_time() -> Vec<u8> {
    time(17_952_669_072_501_234, 5)
}

/// A value of register `1-0:<c>.8.0*255`.
pub(super) fn value(c: u8, value: f64) -> Vec<u8> {
    field(3, &[field(1, &[1, 0, c, 8, 0, 255]), fixed(2, value.to_le_bytes())].concat())
}

/// A body of one device.
pub(super) fn body(parts: &[Vec<u8>]) -> Vec<u8> {
    field(1, &parts.concat())
}

/// The bytes of a text of hexadecimal digits.
pub(super) fn from_hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
