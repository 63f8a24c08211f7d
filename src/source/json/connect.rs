//! A check of a device for the operator: one document, or one connection.

use super::document::decode;
use super::{ALLOWED, Address, BOUNDS, Device};
use crate::clock::Clock;
use crate::source::SourceError;
use crate::source::device::HttpDevice;
use crate::source::stream::connected;

impl Device {
    /// Requests one document and decodes it; a device that sends documents is only connected. Both
    /// results are sentences.
    ///
    /// # Errors
    /// When the device does not answer, or with another document.
    pub async fn connect(&self, clock: Clock) -> Result<String, SourceError> {
        match &self.address {
            Address::Http(uri, authorization) => {
                let now = clock.now();
                let (ca_file, authorization) = (self.ca_file.as_ref(), authorization.clone());
                let device = HttpDevice::once(&self.name, BOUNDS, ca_file, ALLOWED, authorization, clock);
                let body = device.get(uri).await?;
                let decoded = decode(&self.mapping, &body, now).map_err(SourceError::Failing)?;
                Ok(format!("returns {} of {} values", decoded.values(), self.mapping.values.len()))
            }
            Address::Tcp(address) => connected(address).await.map(|_| "accepts the connection".to_owned()),
        }
    }
}
