//! The subscriptions of one connection, and the broker's answers.

use super::connection::Requests;
use super::unknown::pattern;
use crate::source::SourceError;
use rumqttc::{QoS, SubAck, SubscribeReasonCode};
use std::collections::{HashMap, VecDeque};

/// Filters of one request. Brokers take at least a hundred.
const FILTERS_MAX: usize = 100;

/// Subscriptions that were requested.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// Filters that are not requested yet.
    wanted: Vec<(String, QoS)>,
    /// Requests that have no packet id yet, in the order of their sending.
    requested: VecDeque<Vec<(String, QoS)>>,
    /// Requests without an answer, by packet id.
    sent: HashMap<u16, Vec<(String, QoS)>>,
    granted: usize,
    /// Filters that the broker refused, without ids.
    refused: Vec<String>,
}

impl Subscriptions {
    /// Adds all filters to the next request, also those that were accepted or refused.
    pub(super) fn want_all(&mut self, filters: Vec<(String, QoS)>) {
        self.granted = 0;
        self.refused.clear();
        self.wanted = filters;
    }

    /// Adds filters to the next request.
    pub(super) fn want(&mut self, filters: impl IntoIterator<Item = (String, QoS)>) {
        self.wanted.extend(filters);
    }

    /// Requests the filters that are wanted.
    pub(super) fn request(&mut self, client: &Requests) -> Result<(), SourceError> {
        for filters in std::mem::take(&mut self.wanted).chunks(FILTERS_MAX) {
            client.subscribe(filters)?;
            self.requested.push_back(filters.to_vec());
        }
        Ok(())
    }

    /// The filters of the next request.
    #[cfg(test)]
    pub(super) fn wanted(&self) -> &[(String, QoS)] {
        &self.wanted
    }

    /// The requests that have no packet id yet.
    #[cfg(test)]
    pub(super) fn requested(&self) -> Vec<Vec<(String, QoS)>> {
        self.requested.iter().cloned().collect()
    }

    /// The number of filters that the broker accepted.
    pub(super) fn granted(&self) -> usize {
        self.granted
    }

    /// The next request was sent as this packet.
    pub(super) fn sent(&mut self, packet: u16) {
        if let Some(filters) = self.requested.pop_front() {
            self.sent.insert(packet, filters);
        }
    }

    /// Takes an answer.
    ///
    /// # Errors
    /// When the broker refused everything.
    pub(super) fn answered(&mut self, answer: &SubAck) -> Result<(), SourceError> {
        let filters = self.sent.remove(&answer.pkid).unwrap_or_default();
        for ((filter, _), code) in filters.iter().zip(&answer.return_codes) {
            match code {
                SubscribeReasonCode::Success(_) => self.granted += 1,
                SubscribeReasonCode::Failure => self.refused.push(pattern(filter)),
            }
        }
        match self.refused() {
            Some(why) if self.granted == 0 && self.is_answered() => {
                Err(SourceError::Misconfigured { why, retry_in: None })
            }
            _ => Ok(()),
        }
    }

    /// Whether every request has an answer, and there was one.
    pub(super) fn is_answered(&self) -> bool {
        self.requested.is_empty() && self.sent.is_empty() && self.granted + self.refused.len() > 0
    }

    /// A sentence if the broker refused a filter.
    pub(super) fn refused(&self) -> Option<String> {
        let first = self.refused.first()?;
        let count = self.refused.len();
        Some(format!("the broker refuses {count} of the subscriptions, such as {first}: check the rights of the user"))
    }
}
