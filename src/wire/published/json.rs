//! The messages of `proto/meterline/v1` as JSON objects, as the Kafka sink writes them.

use crate::proto::v1;
use crate::reading::Obis;
use serde::{Deserialize, Deserializer, de};
use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;
use uuid::Uuid;

/// The fields of a reading in JSON, as the Kafka sink writes them; integers of 64 bits are texts.
#[derive(Deserialize)]
pub(super) struct Reading<'a> {
    meter: Uuid,
    #[serde(deserialize_with = "text")]
    time_ns: i64,
    #[serde(default, deserialize_with = "text")]
    received_ns: i64,
    #[serde(default, borrow)]
    source: Cow<'a, str>,
    #[serde(default)]
    flags: u32,
    #[serde(default)]
    journal: Uuid,
    #[serde(default, deserialize_with = "text")]
    sequence: u64,
    #[serde(default)]
    index: u32,
    #[serde(default)]
    part: u32,
    #[serde(default)]
    decode_revision: u32,
    values: Vec<Value>,
}

#[derive(Deserialize)]
struct Value {
    #[serde(deserialize_with = "text")]
    obis: Obis,
    value: f64,
}

impl From<Reading<'_>> for v1::Reading {
    fn from(reading: Reading<'_>) -> Self {
        Self {
            meter: reading.meter.as_bytes().to_vec(),
            time_ns: reading.time_ns,
            received_ns: reading.received_ns,
            source: reading.source.into_owned(),
            flags: reading.flags,
            journal: reading.journal.as_bytes().to_vec(),
            sequence: reading.sequence,
            index: reading.index,
            part: reading.part,
            decode_revision: reading.decode_revision,
            values: reading
                .values
                .into_iter()
                .map(|Value { obis, value }| v1::Value { obis: obis.0.to_vec(), value })
                .collect(),
        }
    }
}

/// The fields of a version in JSON, as the Kafka sink writes them; absent ones are empty.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Meter {
    meter: Option<Uuid>,
    metering_point: String,
    name: String,
    serial: String,
    meter_serial: String,
    vendor: String,
    #[serde(deserialize_with = "text")]
    family: i64,
    family_name: String,
    #[serde(deserialize_with = "text")]
    energy_type: i64,
    energy_type_name: String,
    #[serde(deserialize_with = "text")]
    sub_type: i64,
    sub_type_name: String,
    gateway: String,
    unit: String,
    source: String,
    #[serde(deserialize_with = "text")]
    valid_from_ns: i64,
    #[serde(deserialize_with = "text")]
    valid_to_ns: i64,
    customer: String,
    site: String,
    model: String,
    firmware: String,
    role: String,
    phase: String,
    time_zone: String,
    tariff: String,
    currency: String,
}

impl From<Meter> for v1::Meter {
    fn from(version: Meter) -> Self {
        Self {
            meter: version.meter.map_or_else(Vec::new, |meter| meter.as_bytes().to_vec()),
            metering_point: version.metering_point,
            name: version.name,
            serial: version.serial,
            meter_serial: version.meter_serial,
            vendor: version.vendor,
            family: version.family,
            family_name: version.family_name,
            energy_type: version.energy_type,
            energy_type_name: version.energy_type_name,
            sub_type: version.sub_type,
            sub_type_name: version.sub_type_name,
            gateway: version.gateway,
            unit: version.unit,
            source: version.source,
            valid_from_ns: version.valid_from_ns,
            valid_to_ns: version.valid_to_ns,
            customer: version.customer,
            site: version.site,
            model: version.model,
            firmware: version.firmware,
            role: v1::Role::from_str_name(&version.role).unwrap_or_default().into(),
            phase: version.phase,
            time_zone: version.time_zone,
            tariff: version.tariff,
            currency: version.currency,
        }
    }
}

fn text<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let text = Cow::<str>::deserialize(from)?;
    text.parse().map_err(|error| de::Error::custom(format!("{text}: {error}")))
}
