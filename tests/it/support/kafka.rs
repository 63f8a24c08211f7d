//! Kafka: topics and messages of any broker.

mod broker;

pub(crate) use broker::{Broker, Cluster, broker_keys, change_access};

use super::{from_environment, wait};
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

const REQUEST_LIMIT: Duration = Duration::from_secs(30);
const CONSUME_LIMIT: Duration = Duration::from_secs(60);

/// A message as a consumer gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Vec<u8>,
    pub(crate) timestamp_ms: Option<i64>,
}

/// The address of the broker that `./test` started for all tests.
pub(crate) fn shared() -> String {
    from_environment("METERLINE_TEST_KAFKA")
}

/// Which messages of transactions a consumer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// The messages outside of transactions and of committed ones.
    Committed,
    /// All, also of aborted and open transactions.
    Uncommitted,
}

/// Every message of a topic up to its end as of now, without aborted transactions: partition
/// by partition, each in the order of its offsets. The brokers finish a commit after they have
/// answered it, so this waits until all transactions have ended.
pub(crate) fn consume(brokers: &str, topic: &str) -> Vec<Message> {
    let committed = consumer(brokers, Isolation::Committed);
    let all = consumer(brokers, Isolation::Uncommitted);
    for partition in 0..partition_count(&all, topic) {
        let (_, end) = watermarks(&all, topic, partition);
        let what = format!("the transactions below offset {end} of {topic}[{partition}] have ended");
        wait::until(&what, CONSUME_LIMIT, || watermarks(&committed, topic, partition).1 >= end);
    }
    consume_with(brokers, topic, Isolation::Committed)
}

/// The messages that a consumer with this isolation gets now.
pub(crate) fn consume_with(brokers: &str, topic: &str, isolation: Isolation) -> Vec<Message> {
    let consumer = consumer(brokers, isolation);
    let partitions = partition_count(&consumer, topic);
    let mut messages = Vec::new();
    for partition in 0..partitions {
        let (low, high) = watermarks(&consumer, topic, partition);
        if low < high {
            read_partition(&consumer, topic, partition, &mut messages);
        }
    }
    messages
}

/// First offset of a partition and the offset after its last. A broker that has just
/// started does not lead its partitions yet, and the partitions of one that died are led by another soon.
fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> (i64, i64) {
    wait::until_some("the broker leads the partition", REQUEST_LIMIT, || {
        match consumer.fetch_watermarks(topic, partition, REQUEST_LIMIT) {
            Err(KafkaError::MetadataFetch(error)) if error != RDKafkaErrorCode::UnknownTopicOrPartition => None,
            fetched => Some(fetched.unwrap()),
        }
    })
}

fn consumer(brokers: &str, isolation: Isolation) -> BaseConsumer {
    let isolation = match isolation {
        Isolation::Committed => "read_committed",
        Isolation::Uncommitted => "read_uncommitted",
    };
    config(brokers)
        .set("group.id", "tests")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", isolation)
        .create()
        .unwrap()
}

/// Number of messages in a topic.
pub(crate) fn count(brokers: &str, topic: &str) -> i64 {
    let consumer: BaseConsumer = config(brokers).create().unwrap();
    (0..partition_count(&consumer, topic))
        .map(|partition| watermarks(&consumer, topic, partition))
        .map(|(low, high)| high - low)
        .sum()
}

/// Number of messages that a topic ever accepted.
pub(crate) fn taken(brokers: &str, topic: &str) -> i64 {
    let consumer: BaseConsumer = config(brokers).create().unwrap();
    (0..partition_count(&consumer, topic))
        .map(|partition| consumer.fetch_watermarks(topic, partition, REQUEST_LIMIT).unwrap().1)
        .sum()
}

/// The offset that a group has committed for each partition of a topic; negative where it has none.
pub(crate) fn committed(brokers: &str, topic: &str, group: &str) -> Vec<i64> {
    let consumer: BaseConsumer = config(brokers).set("group.id", group).create().unwrap();
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_range(topic, 0, partition_count(&consumer, topic) - 1);
    let partitions = consumer.committed_offsets(partitions, REQUEST_LIMIT).unwrap();
    partitions.elements().iter().map(|partition| partition.offset().to_raw().unwrap_or(-1)).collect()
}

/// The offset after the last record of every partition of a topic.
pub(crate) fn ends(brokers: &str, topic: &str) -> Vec<i64> {
    let consumer: BaseConsumer = config(brokers).create().unwrap();
    (0..partition_count(&consumer, topic)).map(|partition| watermarks(&consumer, topic, partition).1).collect()
}

/// Makes a topic with one replica.
pub(crate) fn create_topic(brokers: &str, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
    create_replicated_topic(brokers, topic, [partitions, 1], settings);
}

/// Makes a topic with this number of partitions, and of replicas of each.
pub(crate) fn create_replicated_topic(
    brokers: &str,
    topic: &str,
    [partitions, replicas]: [i32; 2],
    settings: &[(&str, &str)],
) {
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(replicas));
    for (key, value) in settings {
        new = new.set(key, value);
    }
    let results = block_on(admin(brokers).create_topics([&new], &AdminOptions::new())).unwrap();
    for result in results {
        result.unwrap();
    }
}

/// Raises the partition count of a topic.
pub(crate) fn add_partitions(brokers: &str, topic: &str, count: usize) {
    let more = NewPartitions::new(topic, count);
    let results = block_on(admin(brokers).create_partitions([&more], &AdminOptions::new())).unwrap();
    results[0].as_ref().unwrap();
}

/// Deletes a topic, and waits until the broker no longer knows it.
pub(crate) fn delete_topic(brokers: &str, topic: &str) {
    let results = block_on(admin(brokers).delete_topics(&[topic], &AdminOptions::new())).unwrap();
    results[0].as_ref().unwrap();
    let consumer: BaseConsumer = config(brokers).create().unwrap();
    wait::until("the topic is gone", REQUEST_LIMIT, || {
        consumer.fetch_metadata(Some(topic), REQUEST_LIMIT).unwrap().topics()[0].error().is_some()
    });
}

/// Deletes the records of a partition before an offset, as retention does.
pub(crate) fn delete_records(brokers: &str, topic: &str, partition: i32, before: i64) {
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, partition, Offset::Offset(before)).unwrap();
    let deleted = block_on(admin(brokers).delete_records(&offsets, &AdminOptions::new())).unwrap();
    deleted.elements()[0].error().unwrap();
}

/// Writes `count` records with this value to every partition, as another program would.
pub(crate) fn fill(brokers: &str, topic: &str, count: usize, value: &[u8]) {
    let mut settings = config(brokers);
    settings.set("acks", "all").set("message.max.bytes", "20000000");
    let producer: BaseProducer = settings.create().unwrap();
    for partition in 0..partition_count(&config(brokers).create().unwrap(), topic) {
        for _ in 0..count {
            let record = BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
    }
    producer.flush(REQUEST_LIMIT).unwrap();
}

/// Commits an offset of partition 0 for a group without members, as Kafka's tools do.
pub(crate) fn commit_offset(brokers: &str, group: &str, topic: &str, offset: i64) {
    let consumer: BaseConsumer = config(brokers).set("group.id", group).create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, 0, Offset::Offset(offset)).unwrap();
    consumer.commit(&offsets, rdkafka::consumer::CommitMode::Sync).unwrap();
}

/// Replaces the settings of a topic.
pub(crate) fn set_topic_settings(brokers: &str, topic: &str, settings: &[(&str, &str)]) {
    let entries: HashMap<&str, &str> = settings.iter().copied().collect();
    let change = AlterConfig { specifier: ResourceSpecifier::Topic(topic), entries };
    let results = block_on(admin(brokers).alter_configs([&change], &AdminOptions::new())).unwrap();
    for result in results {
        result.unwrap();
    }
}

/// A topic's setting in force.
pub(crate) fn topic_setting(brokers: &str, topic: &str, name: &str) -> String {
    let resource = ResourceSpecifier::Topic(topic);
    let results = block_on(admin(brokers).describe_configs([&resource], &AdminOptions::new())).unwrap();
    results[0].as_ref().unwrap().get(name).unwrap().value.clone().unwrap()
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    config(brokers).create().unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn partition_count(consumer: &BaseConsumer, topic: &str) -> i32 {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST_LIMIT).unwrap();
    i32::try_from(metadata.topics()[0].partitions().len()).unwrap()
}

/// Reads up to the end: the last offsets may be markers of transactions, not messages.
fn read_partition(consumer: &BaseConsumer, topic: &str, partition: i32, messages: &mut Vec<Message>) {
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    consumer.assign(&assignment).unwrap();
    let what = format!("messages of {topic}[{partition}] up to its end");
    wait::until(&what, CONSUME_LIMIT, || {
        while let Some(next) = consumer.poll(Duration::from_millis(100)) {
            let message = match next {
                Err(KafkaError::PartitionEOF(ended)) if ended == partition => return true,
                Err(KafkaError::PartitionEOF(_)) => continue,
                next => next.unwrap(),
            };
            messages.push(Message {
                partition,
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().unwrap_or_default().to_vec(),
                timestamp_ms: message.timestamp().to_millis(),
            });
        }
        false
    });
}
