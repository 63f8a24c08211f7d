//! A DSMR-logger with the interface v1.

use super::measured::{Clock, Measured, counter, electricity, moving, thousandths};
use super::p1::winter;
use super::{AllowList, HttpServer};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The equipment id of its meter.
const METER: &str = "E0021000071";

/// A running logger.
#[derive(Debug)]
pub struct DsmrLogger {
    server: HttpServer,
    firmware: Arc<Mutex<String>>,
}

impl DsmrLogger {
    /// Starts one that gives its values as JSON, and no telegram.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start(clock: Clock) -> std::io::Result<Self> {
        Self::start_with(clock, METER)
    }

    /// The same at a meter with this equipment id.
    ///
    /// # Errors
    /// The same.
    pub fn start_with(clock: Clock, meter: &str) -> std::io::Result<Self> {
        let (info, firmware) = (info(meter), Arc::new(Mutex::new("v3.0.5".to_owned())));
        let installed = Arc::clone(&firmware);
        let server = HttpServer::start(AllowList::dsmr_logger(), move |request| match request.split(' ').nth(1) {
            // It says so with status 200.
            Some("/api/v1/sm/telegram") => (200, "no telegram received".to_owned()),
            Some("/api/v1/sm/info") => (200, info.clone()),
            Some("/api/v1/sm/actual") => (200, actual(clock.now())),
            Some("/api/v1/dev/info") => (200, own_info(&installed.lock().unwrap_or_else(PoisonError::into_inner))),
            _ => (404, "<!DOCTYPE html><html><body>FileNotFound</body></html>".to_owned()),
        })?;
        Ok(Self { server, firmware })
    }

    /// Installs this firmware.
    pub fn set_firmware(&self, version: &str) {
        version.clone_into(&mut self.firmware.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The arrivals of requests for its values.
    #[must_use]
    pub fn polls(&self) -> Vec<Instant> {
        self.server.arrivals("/sm/actual")
    }

    /// Its address, without path.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The readings of this second.
    #[must_use]
    pub fn measured(seconds: i64) -> Vec<Measured> {
        let values = [
            ([1, 0, 1, 8, 1, 255], number(counter(seconds, 7_654_321))),
            (electricity(1, 7), number(moving(seconds, 200))),
            (electricity(2, 7), 0.0),
        ];
        vec![Measured::new(METER, seconds, values)]
    }
}

fn number(value: i64) -> f64 {
    format!("{value}").parse().unwrap_or(f64::NAN)
}

fn info(meter: &str) -> String {
    let id: String = meter.bytes().map(|byte| format!("{byte:02X}")).collect();
    format!(
        "{{\"info\":[\n{{\"name\":\"identification\",\"value\":\"XYZ5METERLINE\"}},\n\
         {{\"name\":\"p1_version\",\"value\":\"50\"}},\n{{\"name\":\"equipment_id\",\"value\":\"{id}\"}}\n]}}\n"
    )
}

/// The logger's description of itself.
fn own_info(firmware: &str) -> String {
    format!(
        "{{\"devinfo\":[\n{{\"name\":\"fwversion\",\"value\":\"{firmware}\"}},\n\
         {{\"name\":\"hostname\",\"value\":\"DSMR-API\"}}\n]}}\n"
    )
}

fn actual(seconds: i64) -> String {
    let (energy, power) = (thousandths(counter(seconds, 7_654_321)), thousandths(moving(seconds, 200)));
    format!(
        "{{\"actual\":[\n{{\"name\":\"timestamp\",\"value\":\"{}\"}},\n\
         {{\"name\":\"energy_delivered_tariff1\",\"value\":{energy},\"unit\":\"kWh\"}},\n\
         {{\"name\":\"power_delivered\",\"value\":{power},\"unit\":\"kW\"}},\n\
         {{\"name\":\"power_returned\",\"value\":0.000,\"unit\":\"kW\"}},\n\
         {{\"name\":\"gas_delivered\",\"value\":0.000,\"unit\":\"m3\"}}\n]}}\n",
        winter(seconds)
    )
}
