//! A body as the fleet posts it, with the readings that a receiver must decode from it.
//!
//! It is encoded byte for byte as the vendor's library writes it: the coarsest exact
//! time scale, DAYS left out, zero values written.

/// Units of the time scales 0 to 5 in nanoseconds, coarsest first.
const SCALES_NS: [i64; 6] = [86_400_000_000_000, 3_600_000_000_000, 60_000_000_000, 1_000_000_000, 1_000_000, 100];

/// One POST.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// The group of meters that sends it. Bodies of one lane keep their order: they go
    /// over one connection, one after the other.
    pub lane: u32,
    /// The encoded `DeviceDataArray`.
    pub bytes: Vec<u8>,
    /// Its readings, in the order of the message.
    pub readings: Vec<Reading>,
}

/// One meter at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The meter's UUID in RFC 4122 order.
    pub meter: [u8; 16],
    /// Nanoseconds since 1970 UTC; a whole number of ticks of 100 ns.
    pub time_ns: i64,
    /// OBIS code and value.
    pub values: Vec<([u8; 6], f64)>,
}

impl Body {
    /// Encodes these readings.
    #[must_use]
    pub fn new(lane: u32, readings: Vec<Reading>) -> Self {
        Self { lane, bytes: device_data_array(&readings), readings }
    }

    /// Number of samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.readings.iter().map(|reading| reading.values.len()).sum()
    }
}

fn device_data_array(readings: &[Reading]) -> Vec<u8> {
    let mut body = Vec::with_capacity(readings.iter().map(|reading| 40 + 19 * reading.values.len()).sum());
    let mut device = Vec::new();
    for reading in readings {
        device.clear();
        device_data(reading, &mut device);
        length_delimited(1, &device, &mut body);
    }
    body
}

fn device_data(reading: &Reading, out: &mut Vec<u8>) {
    let mut guid = reading.meter;
    guid[0..4].reverse();
    guid[4..6].reverse();
    guid[6..8].reverse();
    let (lo, hi) = guid.split_at(8);
    out.extend([0x0a, 18, 0x09]);
    out.extend(lo);
    out.push(0x11);
    out.extend(hi);
    let mut time = Vec::with_capacity(12);
    date_time(reading.time_ns, &mut time);
    length_delimited(2, &time, out);
    for (obis, value) in &reading.values {
        out.extend([0x1a, 17, 0x0a, 6]);
        out.extend(obis);
        out.push(0x11);
        out.extend(value.to_le_bytes());
    }
}

fn date_time(time_ns: i64, out: &mut Vec<u8>) {
    let (scale, unit) = (0_u8..).zip(SCALES_NS).find(|(_, unit)| time_ns % unit == 0).unwrap_or((5, 100));
    let value = time_ns / unit;
    if value != 0 {
        out.push(0x08);
        varint(((value << 1) ^ (value >> 63)).cast_unsigned(), out);
    }
    if scale != 0 {
        out.extend([0x10, scale]);
    }
}

fn length_delimited(number: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(content.len() as u64, out);
    out.extend(content);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_the_coarsest_exact_scale() {
        for (time_ns, expected) in [
            (1_795_219_200_000_000_000, "08d4c402"),
            (1_795_266_000_000_000_000, "08faef3c1001"),
            (1_795_266_900_000_000_000, "08b6bdc41c1002"),
            (1_795_266_907_000_000_000, "08b6e58cb00d1003"),
            (1_795_266_907_250_000_000, "08e4b1f8e3bf681004"),
            (1_795_266_907_250_123_400, "08e4a7b1edeff6e33f1005"),
            (0, ""),
        ] {
            let mut bytes = Vec::new();
            date_time(time_ns, &mut bytes);
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }

    #[test]
    fn a_body_equals_the_vendors_sample() {
        let meter = [0x3b, 0xd0, 0xfc, 0xe9, 0x9f, 0x8e, 0x41, 0x83, 0xb3, 0xd1, 0x0c, 0x16, 0x22, 0xa2, 0x2c, 0xa1];
        let values =
            vec![([1, 0, 1, 8, 0, 255], 1_879_583.2), ([1, 0, 2, 8, 0, 255], 0.0), ([1, 0, 1, 7, 0, 255], 24.19)];
        let body = device_data_array(&[Reading { meter, time_ns: 1_571_228_444_978_851_200, values }]);
        let hex: String = body.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(
            hex,
            "0A5A0A1209E9FCD03B8E9F834111B3D10C1622A22CA1120B08C0C9EAD3A98FE93710051A110A060100010800FF11333333331FAE3C411A110A060100020800FF1100000000000000001A110A060100010700FF11713D0AD7A3303840"
        );
    }
}
