//! The messages of `proto/meterline/v1` as JSON objects.
//!
//! Every field of the message, with its name and in its order. Integers of 64 bits are texts,
//! because many JSON parsers hold a number as a double; a double is the shortest number that
//! reads back as the same one. Bytes are texts: UUIDs, and OBIS codes as `A-B:C.D.E*F`.
//! Invariant: nothing is allocated but the bytes.

use crate::proto::v1;
use crate::reading::Obis;
use serde::ser::{Serialize, Serializer};
use std::fmt::Display;
use uuid::Uuid;

/// Appends a reading.
pub(super) fn reading(message: &v1::Reading, bytes: &mut Vec<u8>) {
    let reading = Reading {
        meter: Id(&message.meter),
        time_ns: Text(message.time_ns),
        received_ns: Text(message.received_ns),
        source: &message.source,
        flags: message.flags,
        journal: Id(&message.journal),
        sequence: Text(message.sequence),
        index: message.index,
        part: message.part,
        decode_revision: message.decode_revision,
        values: Values(&message.values),
    };
    append(&reading, bytes);
}

/// Appends a version of a meter's description.
pub(super) fn meter(message: &v1::Meter, bytes: &mut Vec<u8>) {
    let meter = Meter {
        meter: Id(&message.meter),
        metering_point: &message.metering_point,
        name: &message.name,
        serial: &message.serial,
        meter_serial: &message.meter_serial,
        vendor: &message.vendor,
        family: Text(message.family),
        family_name: &message.family_name,
        energy_type: Text(message.energy_type),
        energy_type_name: &message.energy_type_name,
        sub_type: Text(message.sub_type),
        sub_type_name: &message.sub_type_name,
        gateway: &message.gateway,
        unit: &message.unit,
        source: &message.source,
        valid_from_ns: Text(message.valid_from_ns),
        valid_to_ns: Text(message.valid_to_ns),
        customer: &message.customer,
        site: &message.site,
        model: &message.model,
        firmware: &message.firmware,
        role: message.role().as_str_name(),
        phase: &message.phase,
        time_zone: &message.time_zone,
        tariff: &message.tariff,
        currency: &message.currency,
    };
    append(&meter, bytes);
}

fn append(message: &impl Serialize, bytes: &mut Vec<u8>) {
    let written = serde_json::to_writer(bytes, message);
    debug_assert!(written.is_ok(), "a Vec has room for every message, and no key is but a text");
}

#[derive(serde::Serialize)]
struct Reading<'a> {
    meter: Id<'a>,
    time_ns: Text<i64>,
    received_ns: Text<i64>,
    source: &'a str,
    flags: u32,
    journal: Id<'a>,
    sequence: Text<u64>,
    index: u32,
    part: u32,
    decode_revision: u32,
    values: Values<'a>,
}

#[derive(serde::Serialize)]
struct Value {
    obis: Text<Obis>,
    value: f64,
}

#[derive(serde::Serialize)]
struct Meter<'a> {
    meter: Id<'a>,
    metering_point: &'a str,
    name: &'a str,
    serial: &'a str,
    meter_serial: &'a str,
    vendor: &'a str,
    family: Text<i64>,
    family_name: &'a str,
    energy_type: Text<i64>,
    energy_type_name: &'a str,
    sub_type: Text<i64>,
    sub_type_name: &'a str,
    gateway: &'a str,
    unit: &'a str,
    source: &'a str,
    valid_from_ns: Text<i64>,
    valid_to_ns: Text<i64>,
    customer: &'a str,
    site: &'a str,
    model: &'a str,
    firmware: &'a str,
    role: &'static str,
    phase: &'a str,
    time_zone: &'a str,
    tariff: &'a str,
    currency: &'a str,
}

/// A value as text.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The 16 bytes of a UUID.
struct Id<'a>(&'a [u8]);

impl Serialize for Id<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(Uuid::from_slice(self.0).unwrap_or_default().as_hyphenated())
    }
}

struct Values<'a>(&'a [v1::Value]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|value| {
            let obis = value.obis.as_slice().try_into().unwrap_or_default();
            Value { obis: Text(Obis(obis)), value: value.value }
        }))
    }
}
