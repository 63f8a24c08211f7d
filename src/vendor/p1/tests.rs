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
