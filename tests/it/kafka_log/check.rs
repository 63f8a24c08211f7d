//! The check of the group before a start.

use super::harness::World;
use crate::support::ports;
use meterline::base::{Finding, Level};
use meterline::deliver::{GroupConfig, Topics};
use meterline::kafka::Client;
use std::time::Duration;

/// The findings about a group that reads this topic and the topic of descriptions beside it.
pub(crate) fn found(client: &Client, readings: &str) -> Vec<(Level, String)> {
    let config = GroupConfig {
        kafka: client.clone(),
        topics: Topics { readings: readings.to_owned(), meters: Some(format!("{readings}-meters")) },
        group: "check".to_owned(),
        member: None,
        session_timeout: Duration::from_secs(45),
    };
    config.check().into_iter().map(|Finding { level, message }| (level, message)).collect()
}

#[test]
fn a_topic_that_can_be_read_and_one_that_is_missing_are_named() {
    let world = World::new("check", 3);
    let all = found(&Client::new(&world.brokers), &world.topic);
    let [(Level::Good, readings), (Level::Fault, meters)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(readings, "topic log-check has 3 partitions, and group check can read them");
    assert!(meters.contains("log-check-meters does not exist") && meters.contains("meterline migrate"), "{meters}");
}

#[test]
fn brokers_that_do_not_answer_are_one_finding() {
    let brokers = format!("127.0.0.1:{}", ports::free());
    let all = found(&Client::new(&brokers), "any");
    let [(Level::Fault, why)] = all.as_slice() else { panic!("{all:?}") };
    assert!(why.contains(&format!("no Kafka broker at {brokers}")), "{why}");
}
