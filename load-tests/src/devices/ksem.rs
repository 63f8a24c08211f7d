//! A KOSTAL Smart Energy Meter: the JSON interface with an access token.

use super::measured::{Clock, Measured, counter, electricity, moving, nearest};
use super::{AllowList, HttpServer};
use std::time::Instant;

/// Its serial number.
const SERIAL: &str = "71900123";
/// An access token that it knows.
const TOKEN: &str = "simulated-access-token";

/// A running device.
#[derive(Debug)]
pub struct Ksem(HttpServer);

impl Ksem {
    /// Starts one.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start(clock: Clock) -> std::io::Result<Self> {
        Self::start_with(clock, SERIAL)
    }

    /// The same with this serial number.
    ///
    /// # Errors
    /// The same.
    pub fn start_with(clock: Clock, serial: &str) -> std::io::Result<Self> {
        let settings = settings(serial);
        HttpServer::start(AllowList::ksem(), move |request| {
            let has_token = request.lines().any(|line| {
                line.split_once(": ").is_some_and(|(name, value)| {
                    name.eq_ignore_ascii_case("authorization") && value == format!("Bearer {TOKEN}")
                })
            });
            match request.split(' ').nth(1) {
                _ if !has_token => (401, String::new()),
                Some("/api/json/local/values/smart-meter") => (200, values(clock.now())),
                Some("/api/device-settings") => (200, settings.clone()),
                _ => (404, String::new()),
            }
        })
        .map(Self)
    }

    /// The arrivals of requests for its values.
    #[must_use]
    pub fn polls(&self) -> Vec<Instant> {
        self.0.arrivals("/values/smart-meter")
    }

    /// Its address, without path.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// An access token of role `api`.
    #[must_use]
    pub fn token() -> &'static str {
        TOKEN
    }

    /// The readings of this second.
    #[must_use]
    pub fn measured(seconds: i64) -> Vec<Measured> {
        let values = [
            (electricity(1, 8), nearest(energy(seconds))),
            (electricity(1, 7), nearest(power(seconds))),
            (electricity(2, 7), 0.0),
            (electricity(32, 7), nearest(voltage(seconds))),
        ];
        vec![Measured::new(SERIAL, seconds, values)]
    }
}

/// In thousandths of a watt-hour, with the device's steps of a tenth.
fn energy(seconds: i64) -> i64 {
    counter(seconds, 20_000_000) * 1000 + 300
}

fn power(seconds: i64) -> i64 {
    moving(seconds, 300) * 1000 + 700
}

fn voltage(seconds: i64) -> i64 {
    229_500 + moving(seconds, 0)
}

fn settings(serial: &str) -> String {
    format!(
        "{{\"Mac\":\"00:11:22:33:44:55\",\"Serial\":\"{serial}\",\"ProductName\":\"KOSTAL Smart Energy Meter\",\
         \"DeviceType\":\"hw0100\",\"FirmwareVersion\":\"2.6.2\",\"hostname\":\"ksem\"}}"
    )
}

fn values(seconds: i64) -> String {
    format!(
        "{{\"smart-meter\":{{\"configuration_id\":\"0000000000000000000000000000000000000000\",\"status\":\"STATUS_OK\",\
         \"timestamp\":{{\"seconds\":{seconds},\"nanos\":0}},\"values\":{{\"active_energy_+\":{},\"active_power_+\":{},\
         \"active_power_-\":0,\"voltage_L1\":{}}}}}}}",
        energy(seconds),
        power(seconds),
        voltage(seconds)
    )
}
