//! Telegrams of the standards, with numbers of our own, and what real meters do beside them.

mod dialects;
mod frames;
mod generated;
mod mbus;
mod nameplate;

use super::*;
use crate::reading::{Flags, UnixNanos};
use crate::vendor::{At, Part, Value};

/// A telegram with its checksum.
fn telegram(lines: &[&str]) -> Vec<u8> {
    let text = lines.join("\r\n") + "\r\n!";
    let checksum = crc(text.as_bytes());
    format!("{text}{checksum:04X}\r\n").into_bytes()
}

/// CRC-16/ARC bit by bit, as the standard describes it.
fn crc(bytes: &[u8]) -> u16 {
    let mut crc = 0_u16;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xa001 } else { crc >> 1 };
        }
    }
    crc
}

/// The values of a telegram: channel, time, code, value with unit, flags.
fn values(bytes: &[u8]) -> Vec<String> {
    let Some((_, Frame::Telegram(telegram), _)) = next_frame(bytes, true) else { panic!("no telegram") };
    let mut values = Vec::new();
    telegram.visit(|part| {
        values.push(match part {
            Part::Value(value) => {
                let Value { channel, at, flags, obis, value, unit, .. } = value;
                let channel = if channel.is_empty() { String::new() } else { format!("channel {channel} ") };
                let at = match at {
                    At::Time(at) => at.to_string(),
                    At::Receipt => "receipt".to_owned(),
                };
                let flags = if flags == Flags::NONE { String::new() } else { format!(" [{flags}]") };
                format!("{channel}{at} {obis} {value} {}{flags}", unit.symbol())
            }
            Part::Text { raw_code, text } => format!("text {raw_code} {text}"),
            Part::Unreadable { part, why } => format!("unreadable {part}: {why}"),
        });
    });
    values
}

/// The values of one line in a telegram of DSMR 5.
fn line(text: &str) -> Vec<String> {
    values(&telegram(&["/XYZ5METER", "", "1-3:0.2.8(50)", "0-0:1.0.0(260315120000W)", text]))
}

#[test]
fn nothing_is_allocated_for_a_line() {
    let lines = [
        "1-0:1.8.1(002332.511*kWh)",
        "1-0:1.8.2(008514.767*kWh)",
        "1-0:1.7.0(01.880*kW)",
        "0-0:96.14.0(0002)",
        "0-0:96.13.0(303132)",
        "1-0:99.97.0(1)(0-0:96.7.19)(200210104719W)(0000014540*s)",
        "0-1:24.1.0(003)",
        "0-1:96.1.0(4730303339303031363532303530323136)",
        "0-1:24.2.1(260315115500W)(00012.345*m3)",
        "1-0:2.7.0(00.x00*kW)",
        "no line",
    ];
    let head = ["/XYZ5METER", "", "1-3:0.2.8(50)", "0-0:1.0.0(260315120000W)", "0-0:96.1.1(4530303432)"];
    for repeated in [1, 4] {
        let bytes = telegram(&[&head[..], &lines.repeat(repeated)].concat());
        let Some((_, Frame::Telegram(telegram), _)) = next_frame(&bytes, true) else { panic!("no telegram") };
        let mut parts = 0;
        let counted = allocation_counter::measure(|| telegram.visit(|_| parts += 1));
        assert!(parts > 8 * repeated, "{parts}");
        assert_eq!(counted.count_total, 1, "the list of the lines is the only one: {repeated} times, {parts} parts");
    }
}

fn frames(bytes: &[u8]) -> Vec<Frame<'_>> {
    let (mut rest, mut frames) = (bytes, Vec::new());
    while let Some((_, frame, end)) = next_frame(rest, true) {
        frames.push(frame);
        rest = &rest[end..];
    }
    frames
}

fn ids(bytes: &[u8], channel: &str) -> String {
    let Some((_, Frame::Telegram(telegram), _)) = next_frame(bytes, true) else { panic!("no telegram") };
    telegram.ids().native_id(channel)
}

fn at(time: &str) -> UnixNanos {
    let time: jiff::Timestamp = time.parse().unwrap();
    UnixNanos(i64::try_from(time.as_nanosecond()).unwrap())
}
