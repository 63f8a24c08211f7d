//! `migrate` and `check`.

use crate::support::kafka;
use meterline::sink::Level;
use meterline::sink::kafka::{Config, MigrateError, check, migrate};
use std::time::Duration;

#[test]
fn migrate_makes_the_topic_and_a_second_run_does_nothing() {
    let mut config = Config::new(kafka::shared(), "topic-made");
    config.partitions = 5;
    let steps = migrate(&config).unwrap();
    assert_eq!(
        steps.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "topic topic-made: created with 5 partitions, 1 copy of each, message.timestamp.type=LogAppendTime, \
          retention.ms=604800000, cleanup.policy=delete",
            "topic topic-made-meters: created with 5 partitions, 1 copy of each, message.timestamp.type=LogAppendTime, \
          cleanup.policy=compact"
        ]
    );
    assert_eq!(migrate(&config).unwrap(), []);
    let findings = check(&config);
    assert!(findings.iter().all(|finding| finding.level != Level::Fault), "{findings:?}");
    assert!(findings.iter().any(|finding| finding.message.contains("has 5 partitions")), "{findings:?}");
    assert!(findings.iter().any(|finding| finding.message.contains("one copy")), "{findings:?}");
    assert!(findings.iter().any(|finding| finding.message.contains("min.insync.replicas")), "{findings:?}");
}

#[test]
fn migrate_changes_what_differs_and_keeps_the_topics_other_settings() {
    let mut config = Config::new(kafka::shared(), "topic-changed");
    config.partitions = 2;
    let settings = [("cleanup.policy", "compact"), ("segment.bytes", "2000000")];
    kafka::create_topic(&config.client.brokers, &config.topic, 2, &settings);
    kafka::create_topic(
        &config.client.brokers,
        "topic-changed-meters",
        2,
        &[("message.timestamp.type", "LogAppendTime")],
    );
    let faults = |config: &Config| check(config).into_iter().filter(|finding| finding.level == Level::Fault).count();
    assert_eq!(faults(&config), 3);
    let steps = migrate(&config).unwrap();
    assert_eq!(
        steps.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "topic topic-changed: message.timestamp.type changed from CreateTime to LogAppendTime, \
          cleanup.policy changed from compact to delete",
            "topic topic-changed-meters: cleanup.policy changed from delete to compact"
        ]
    );
    assert_eq!(kafka::topic_setting(&config.client.brokers, &config.topic, "segment.bytes"), "2000000");
    assert_eq!(faults(&config), 0);
    assert_eq!(migrate(&config).unwrap(), []);

    config.retention = Some(Duration::from_secs(3_600));
    assert_eq!(migrate(&config).unwrap().len(), 1);
    config.retention = None;
    assert_eq!(migrate(&config).unwrap().len(), 1);
    assert_eq!(kafka::topic_setting(&config.client.brokers, &config.topic, "retention.ms"), "-1");
}

#[test]
fn migrate_never_changes_a_partition_count() {
    let mut config = Config::new(kafka::shared(), "topic-partitions");
    kafka::create_topic(&config.client.brokers, &config.topic, 3, &[]);
    config.partitions = 6;
    let refused = migrate(&config).unwrap_err();
    assert!(matches!(refused, MigrateError::Refused(_)), "{refused:?}");
    assert!(refused.to_string().contains("set `partitions = 3`"), "{refused}");
    assert_eq!(kafka::topic_setting(&config.client.brokers, &config.topic, "message.timestamp.type"), "CreateTime");
    config.partitions = 3;
    config.meters_topic = None;
    assert_eq!(migrate(&config).unwrap().len(), 1);
}

#[test]
fn check_names_a_missing_topic_and_missing_brokers() {
    let config = Config::new(kafka::shared(), "topic-missing");
    let findings = check(&config);
    assert!(
        findings.iter().any(|finding| finding.level == Level::Fault && finding.message.contains("meterline migrate")),
        "{findings:?}"
    );
    let nowhere = Config::new(format!("127.0.0.1:{}", crate::support::ports::free()), "topic-missing");
    let findings = check(&nowhere);
    assert_eq!(findings.len(), 1);
    assert!(findings[0].level == Level::Fault && findings[0].message.contains(&nowhere.client.brokers), "{findings:?}");
}
