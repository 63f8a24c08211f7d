//! A check of a broker for the operator: one connect, without a session and without a subscription.

use super::broker::Broker;
use super::connection::{explain, next, open_once};
use crate::source::{Contact, SourceError};
use rumqttc::{Event, Packet};

impl Broker {
    /// Connects and logs in. Both results are sentences.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses the login.
    pub async fn connect(&self) -> Result<Contact, SourceError> {
        let mut connection = open_once(self)?;
        loop {
            let (again, event) = next(connection).await;
            connection = again;
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => return Ok(Contact::answering("accepts the login")),
                Ok(_) => {}
                Err(error) => return Err(explain(&error, &self.address)),
            }
        }
    }
}
