//! A check of a device for the operator: one document, or one connection.

use super::document::decode;
use super::{Address, BOUNDS, Device};
use crate::base::{Finding, Level};
use crate::clock::Clock;
use crate::source::device::HttpDevice;
use crate::source::stream::connected;

impl Device {
    /// Requests one document and decodes it; a device that sends documents is only connected.
    pub async fn connect(&self, clock: Clock) -> Finding {
        let outcome = match &self.address {
            Address::Http(uri, authorization) => {
                let now = clock.now();
                let device = HttpDevice::once(&self.name, BOUNDS, self.ca_file.as_ref(), authorization.clone(), clock);
                let values = |body: &[u8]| -> Result<usize, String> {
                    let decoded = decode(&self.mapping, body, now)?;
                    Ok(decoded.readings.iter().map(|reading| reading.samples.len()).sum())
                };
                match device.get(uri).await {
                    Ok(body) => {
                        values(&body).map(|values| format!("returns {values} of {} values", self.mapping.values.len()))
                    }
                    Err(error) => Err(error.to_string()),
                }
            }
            Address::Tcp(address) => {
                let connection = connected(address).await;
                connection.map(|_| "accepts the connection".to_owned()).map_err(|error| error.to_string())
            }
        };
        match outcome {
            Ok(done) => Finding::new(Level::Good, format!("device '{}' {done}", self.name)),
            Err(why) => Finding::new(Level::Fault, format!("device '{}': {why}", self.name)),
        }
    }
}
