//! The state of a membership, from what the client library reports.

use super::Shared;
use crate::deliver::metrics::show_state;
use crate::deliver::partition::{Membership, of_refused_group};
use crate::deliver::status::SinkState;
use crate::kafka::{self, ConnectionError, Fault};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// When a topic that cannot be read is looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(10);

impl Shared {
    /// Takes note of an error that the client library reports. It reports a topic that cannot be read once.
    pub(super) fn note(&self, error: &KafkaError, membership: &Membership) {
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed,
            ) => *self.topic_fault.lock() = self.look_at_topics(membership),
            Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {
                self.set_state(SinkState::Blocked, Some(of_refused_group(&membership.group)));
            }
            _ if !self.is_assigned.load(Ordering::SeqCst) => {
                let why = format!("the brokers do not accept this member of group {} now: {error}", membership.group);
                self.set_state(SinkState::Waiting, Some(why));
            }
            _ => tracing::debug!(%error, "the Kafka client reports an error"),
        }
    }

    /// The state after a poll.
    pub(super) fn update_state(&self, membership: &Membership) {
        let connection_error = membership.consumer.context().connection_error();
        let is_old = |error: &ConnectionError| self.clock.elapsed(error.since) > self.config.session_timeout / 2;
        if let Some(error) = connection_error.filter(is_old) {
            let Fault { is_blocking, message } = kafka::of_connection(Some(&error), &self.config.kafka);
            self.set_state(if is_blocking { SinkState::Blocked } else { SinkState::Waiting }, Some(message));
        } else if let Some(why) = self.topic_fault(membership) {
            self.set_state(SinkState::Blocked, Some(why));
        } else if let Some(why) = self.unopened() {
            self.set_state(SinkState::Waiting, Some(why));
        } else if self.is_assigned.load(Ordering::SeqCst) {
            self.set_state(SinkState::Running, None);
        }
    }

    /// Why an assigned partition is not read yet.
    fn unopened(&self) -> Option<String> {
        let opening = self.opening.lock();
        let why = opening.values().find_map(|one| one.retry.as_ref().map(|(_, why)| why.clone()));
        why.or_else(|| (!opening.is_empty()).then(|| "its partitions are being opened".to_owned()))
    }

    /// Why a topic cannot be read, if that was so lately; looked at again from time to time.
    fn topic_fault(&self, membership: &Membership) -> Option<String> {
        let (seen, why) = self.topic_fault.lock().clone()?;
        if self.clock.elapsed(seen) < LOOK_EVERY {
            return Some(why);
        }
        let found = self.look_at_topics(membership);
        self.topic_fault.lock().clone_from(&found);
        found.map(|(_, why)| why)
    }

    /// Why the first topic that cannot be read cannot, and when that was seen.
    fn look_at_topics(&self, membership: &Membership) -> Option<(Instant, String)> {
        let why = membership.topics.names().into_iter().find_map(|topic| membership.unreadable(topic));
        why.map(|why| (self.clock.monotonic(), why))
    }

    /// Enters a state, and says so in the log.
    pub(super) fn set_state(&self, state: SinkState, why: Option<String>) {
        let mut now = self.state.lock();
        if now.0 == state && now.1 == why {
            return;
        }
        *now = (state, why.clone(), self.clock.now());
        show_state(&self.gauges, state);
        drop(now);
        let (group, why) = (self.config.group.as_str(), why.unwrap_or_default());
        match state {
            SinkState::Running => tracing::info!(group, "the group's partitions are read"),
            SinkState::Waiting => tracing::warn!(group, why, "the group's partitions are not read now"),
            SinkState::Blocked => tracing::error!(group, why, "the group's partitions are not read"),
        }
    }
}
