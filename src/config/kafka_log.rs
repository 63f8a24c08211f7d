//! `[kafka_log]`: the consumer group that reads the topic of readings into QuestDB.

use super::section::Section;
use super::sinks::Sinks;

#[cfg(all(feature = "kafka", feature = "questdb"))]
use {
    super::kafka::security,
    crate::deliver::{GroupConfig, Topics},
    crate::kafka::Client,
    std::ops::RangeInclusive,
    std::time::Duration,
};

/// The default of Kafka's own clients.
#[cfg(all(feature = "kafka", feature = "questdb"))]
const SESSION_TIMEOUT: Duration = Duration::from_secs(45);
/// The time-outs that brokers accept by their defaults (`group.min.session.timeout.ms` and
/// `group.max.session.timeout.ms`).
#[cfg(all(feature = "kafka", feature = "questdb"))]
const SESSION_TIMEOUTS: RangeInclusive<Duration> = Duration::from_secs(6)..=Duration::from_mins(30);

/// The longest time-out of a request to QuestDB: half of the time that a pump has to end when its partition moves.
#[cfg(all(feature = "kafka", feature = "questdb"))]
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// Reads the table. Without another fault, it must fit the sinks.
#[cfg(all(feature = "kafka", feature = "questdb"))]
pub(super) fn kafka_log(root: &mut Section<'_>, sinks: &mut Sinks, has_sources: bool) {
    sinks.kafka_log = group(root.section("kafka_log"));
    if let Some(log) = sinks.kafka_log.as_ref().filter(|_| root.fault_count() == 0) {
        check(root, log, sinks, has_sources);
    }
}

#[cfg(not(all(feature = "kafka", feature = "questdb")))]
pub(super) fn kafka_log(root: &mut Section<'_>, _: &mut Sinks, _: bool) {
    if root.section("kafka_log").is_present() {
        let why = "this build cannot read a topic into QuestDB; build it with the features 'kafka' and 'questdb'";
        root.fault("kafka_log", why);
    }
}

#[cfg(all(feature = "kafka", feature = "questdb"))]
fn group(mut section: Section<'_>) -> Option<GroupConfig> {
    if !section.is_present() {
        return None;
    }
    let brokers = section.required::<String>("brokers", "\"127.0.0.1:9092\"");
    let topic = section.get_or("topic", "meterline.readings".to_owned());
    let meters = section.get_or("meters_topic", format!("{topic}-meters"));
    if meters == topic {
        section.fault("meters_topic", "must not be the topic of the readings");
    }
    let topics = Topics { readings: topic, meters: Some(meters).filter(|it| !it.is_empty()) };
    let group = section.get_or("group", "meterline".to_owned());
    let member: Option<String> = section.get("member");
    for (key, name) in [("group", Some(&group)), ("member", member.as_ref())] {
        if name.is_some_and(String::is_empty) {
            section.fault(key, "must not be empty");
        }
    }
    let session_timeout = section.get_or("session_timeout", SESSION_TIMEOUT);
    if !SESSION_TIMEOUTS.contains(&session_timeout) {
        section.fault("session_timeout", "must be from 6s to 30m, which brokers accept");
    }
    let mut kafka = Client::new(brokers.clone().unwrap_or_default());
    (kafka.tls, kafka.sasl) = security(&mut section);
    section.finish();
    brokers.map(|_| GroupConfig { kafka, topics, group, member, session_timeout })
}

/// Adds the faults of a log that does not fit the sinks.
#[cfg(all(feature = "kafka", feature = "questdb"))]
fn check(root: &Section<'_>, log: &GroupConfig, sinks: &Sinks, has_sources: bool) {
    let Some(questdb) = &sinks.questdb else {
        root.fault(
            "kafka_log",
            "needs [sink.questdb], which gets the readings of the topic; add it, or remove [kafka_log]",
        );
        return;
    };
    if questdb.sink.request_timeout > REQUEST_TIMEOUT_MAX {
        root.fault(
            "kafka_log",
            "sink.questdb.timeout must be at most 30s with it, so that a request ends before a partition moves to another \
             node; lower it",
        );
    }
    if sinks.optional.iter().any(|sink| sink.cursor == "questdb") {
        root.fault(
            "kafka_log",
            "QuestDB then reads the topic instead of the journal, so required = false does not apply to it; remove that \
             from [sink.questdb]",
        );
    }
    #[cfg(feature = "sqlite")]
    let has_sqlite = sinks.sqlite.is_some();
    #[cfg(not(feature = "sqlite"))]
    let has_sqlite = false;
    if has_sources && sinks.kafka.is_none() && !has_sqlite {
        root.fault(
            "kafka_log",
            "this node has sources, but no sink reads its journal: add [sink.kafka], so that their readings reach the \
             topic, or remove the sources",
        );
    }
    let meters_topic = sinks.kafka.as_ref().and_then(|kafka| kafka.meters_topic.as_ref());
    if meters_topic == Some(&log.topics.readings) {
        root.fault(
            "kafka_log",
            "its topic is the one of the meter descriptions of [sink.kafka]; give it the topic of the readings",
        );
    }
}
