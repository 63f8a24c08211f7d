//! A smart-MAIC D103: `getdata` with three lines.

use super::measured::{Clock, Measured, counter, electricity, moving};
use super::{AllowList, HttpServer};

/// Its id and its PIN.
const DEVICE: &str = "1900000073";
const PIN: &str = "004711";

/// A running device.
#[derive(Debug)]
pub struct SmartMac(HttpServer);

impl SmartMac {
    /// Starts one.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start(clock: Clock) -> std::io::Result<Self> {
        let known = format!("/?page=getdata&devid={DEVICE}&devpass={PIN}");
        HttpServer::start(AllowList::smart_mac(), move |request| {
            if request.split(' ').nth(1) == Some(known.as_str()) {
                (200, data(clock.now()))
            } else {
                (200, "<html><head><title>MAIC Login</title></head></html>".to_owned())
            }
        })
        .map(Self)
    }

    /// Its address, without path.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Its id.
    #[must_use]
    pub fn device() -> &'static str {
        DEVICE
    }

    /// Its PIN.
    #[must_use]
    pub fn pin() -> &'static str {
        PIN
    }

    /// The readings of this second.
    #[must_use]
    pub fn measured(seconds: i64) -> Vec<Measured> {
        let mut values = Vec::new();
        for line in 0..3_u8 {
            let (watts, energy) = line_values(seconds, line);
            values.push((electricity(21 + 20 * line, 7), number(watts)));
            values.push((electricity(21 + 20 * line, 8), number(energy)));
        }
        values.push(([0, 0, 96, 9, 0, 255], 14.0));
        values.push(([0, 0, 96, 3, 10, 255], 0.0));
        vec![Measured::new(DEVICE, seconds, values)]
    }
}

fn line_values(seconds: i64, line: u8) -> (i64, i64) {
    let line = i64::from(line);
    (moving(seconds + line, 400), counter(seconds, 1_000_000 * (line + 1)))
}

fn number(value: i64) -> f64 {
    format!("{value}").parse().unwrap_or(f64::NAN)
}

fn data(seconds: i64) -> String {
    let record = |key: &str, name: &str, unit: &str, value: &str| {
        format!("\"{key}\":{{\"name\":\"{name}\",\"unit\":\"{unit}\",\"value\":\"{value}\"}}")
    };
    let mut records = Vec::new();
    for line in 0..3_u8 {
        let (watts, energy) = line_values(seconds, line);
        let number = line + 1;
        records.push(record(&format!("W{number}"), "Power", "W", &watts.to_string()));
        records.push(record(&format!("Wh{number}"), "Energy", "Wh", &energy.to_string()));
        // A break of its page: without a value, and raw.
        records.push(format!("\"br{line}\":{{\"name\":\"\n\"}}"));
    }
    records.push(record("T", "Temperature", "\u{b0}C", "14"));
    format!("{{\"devid\":\"{DEVICE}\",\"time\":\"{seconds}\",\"pout\":\"0\",\"data\":{{{}}}}}", records.join(","))
}
