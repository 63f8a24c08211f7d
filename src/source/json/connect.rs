//! A check of a device for the operator: one document, or one connection.

use super::intake::document;
use super::stream::connected;
use super::{Address, BOUNDS, Device, requested};
use crate::base::{Finding, Level, Stop};
use crate::clock::Clock;
use crate::http::{Budget, Client, Requester};

impl Device {
    /// Requests one document and decodes it; a device that sends documents is only connected.
    pub async fn connect(&self, clock: Clock) -> Finding {
        let outcome = match &self.address {
            Address::Http(uri, authorization) => {
                let client = Client::trusting(BOUNDS, self.ca_file.as_ref());
                let requester = Requester::new(&self.name, client, Budget::unlimited(), Stop::default(), clock);
                match requested(&requester, uri, authorization.as_ref()).await {
                    Ok(body) => document(&self.mapping, &body).map(|document| {
                        format!("returns {} of {} values", document.samples.len(), self.mapping.values.len())
                    }),
                    Err(error) => Err(error.to_string()),
                }
            }
            Address::Tcp(address) => connected(*address).await.map(|_| "accepts the connection".to_owned()),
        };
        match outcome {
            Ok(done) => Finding::new(Level::Good, format!("device '{}' {done}", self.name)),
            Err(why) => Finding::new(Level::Fault, format!("device '{}': {why}", self.name)),
        }
    }
}
