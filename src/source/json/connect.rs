//! A check of a device for the operator: one document.

use super::document::decode;
use super::stream::Lines;
use super::{ALLOWED, Address, BOUNDS, Device};
use crate::clock::Clock;
use crate::source::device::HttpDevice;
use crate::source::stream::{Peer, first_message};
use crate::source::{Contact, Probe, SourceError};
use bytes::Bytes;

impl Device {
    /// Requests one document and decodes it; a device that sends documents is only connected. Both
    /// results are sentences.
    ///
    /// # Errors
    /// When the device does not answer, or with another document.
    pub async fn connect(&self, clock: Clock) -> Result<Contact, SourceError> {
        match &self.address {
            Address::Http(..) => {
                let decoded = self.probe(clock.clone()).await?.decoded;
                let answer = format!("returns {} of {} values", decoded.values(), self.mapping.values.len());
                Ok(Contact::of(answer, &decoded, &Vec::new(), clock.now()))
            }
            Address::Tcp(address) => {
                Peer::Tcp(address.clone()).connected().await.map(|_| Contact::answering("accepts the connection"))
            }
        }
    }

    /// Requests one document, or waits for one, and decodes it.
    ///
    /// # Errors
    /// When none comes, or another one.
    pub async fn probe(&self, clock: Clock) -> Result<Probe, SourceError> {
        let now = clock.now();
        let decoded = decode(&self.mapping, &self.document(clock).await?, now).map_err(SourceError::Failing)?;
        Ok(Probe::of("its document", decoded))
    }

    /// A document as it comes. The mapping does not matter.
    ///
    /// # Errors
    /// When none comes.
    pub async fn document(&self, clock: Clock) -> Result<Bytes, SourceError> {
        match &self.address {
            Address::Http(uri, authorization) => {
                let (ca_file, authorization) = (self.ca_file.as_ref(), authorization.clone());
                HttpDevice::once(&self.name, BOUNDS, ca_file, ALLOWED, authorization, clock).get(uri).await
            }
            Address::Tcp(address) => first_message::<Lines>(&Peer::Tcp(address.clone())).await.map(Bytes::from),
        }
    }
}
