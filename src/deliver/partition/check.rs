//! Asks the brokers whether topics and group can be read. Joins no group, and changes nothing.

use super::consumer::{ANSWER_TIMEOUT, Consumer, Events, reading};
use super::id::Topics;
use crate::base::{Finding, Level};
use crate::clock::Clock;
use crate::kafka::{self, Client};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::TopicPartitionList;
use std::time::Duration;

/// Checks the brokers, the credentials, the topics and the group. Findings that depend on a failed one are left out.
pub(in crate::deliver) fn check(client: &Client, topics: &Topics, group: &str) -> Vec<Finding> {
    let fault = |message| Finding { level: Level::Fault, message };
    let events = Events::new(client, Clock::system(), topics.clone());
    let consumer: Consumer = match reading(client, group).create_with_context(events) {
        Ok(consumer) => consumer,
        Err(error) => return vec![fault(kafka::of_client(&error).message)],
    };
    let mut found = Vec::new();
    for topic in topics.names() {
        match partitions(&consumer, topic) {
            None => {
                // The library tells of its connections in a poll.
                drop(consumer.poll(Duration::ZERO));
                let error = consumer.context().connection_error();
                found.push(fault(kafka::of_connection(error.as_ref(), client).message));
                return found;
            }
            Some(Err(why)) => found.push(fault(why)),
            Some(Ok(count)) => match group_fault(&consumer, topic, count, group) {
                Some(why) => found.push(fault(why)),
                None => {
                    let message = format!("topic {topic} has {count} partitions, and group {group} can read them");
                    found.push(Finding { level: Level::Good, message });
                }
            },
        }
    }
    found
}

/// The number of a topic's partitions, or why it cannot be read; `None` if no broker answers.
pub(super) fn partitions(consumer: &Consumer, topic: &str) -> Option<Result<i32, String>> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER_TIMEOUT).ok()?;
    let topic_found = metadata.topics().first()?;
    match topic_found.error().map(RDKafkaErrorCode::from) {
        None => Some(Ok(i32::try_from(topic_found.partitions().len()).unwrap_or(i32::MAX))),
        Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => Some(Err(format!(
            "topic {topic} does not exist; run `meterline migrate` at a node with a Kafka sink to create it"
        ))),
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
            Some(Err(format!("this user may not read topic {topic}; grant Read on it")))
        }
        Some(_) => None,
    }
}

/// Why the group cannot read a topic.
fn group_fault(consumer: &Consumer, topic: &str, partitions: i32, group: &str) -> Option<String> {
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions.saturating_sub(1));
    let error = consumer.committed_offsets(list, ANSWER_TIMEOUT).err()?;
    if kafka::is_refused_group(consumer, &error) {
        return Some(of_refused_group(group));
    }
    Some(format!("the brokers do not say what group {group} has read of topic {topic}: {error}"))
}

/// The user may not be a member of the group.
pub(in crate::deliver) fn of_refused_group(group: &str) -> String {
    format!("this user may not read in group {group}; grant Read on it")
}
