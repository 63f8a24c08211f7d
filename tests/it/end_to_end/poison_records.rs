//! A record that makes a sink's own code panic.

use crate::support::load::now_ns;
use crate::support::service::Setup;
use crate::support::stores::{assert_exactly, of_questdb, of_sqlite};
use crate::support::stream::Stream;
use crate::support::{kafka, questdb};
use meterline_load::{Body, Expected, Reading};
use std::collections::BTreeSet;

const POISON: f64 = 4711.0;
const SWITCH: &str = "poison-questdb=4711,poison-kafka=4711";

/// One value; the wire's times are exact to 100 ns.
fn body(meter: u8, value: f64) -> Body {
    let now_ns = now_ns();
    let reading =
        Reading { meter: [meter; 16], time_ns: now_ns - now_ns % 100, values: vec![([1, 0, 1, 8, 0, 255], value)] };
    Body::new(0, vec![reading])
}

#[test]
fn values_keep_the_format_of_the_topic_after_the_encoder_was_killed() {
    let (brokers, topic) = (kafka::shared(), "e2e_poison_json");
    let kafka = Some((brokers.clone(), topic.to_owned()));
    let mut service = Setup { kafka, kafka_lines: "format = \"json\"", ..Setup::default() }.start();
    service.restart_with(SWITCH);
    service.post_all(&[body(1, 1.0), body(2, POISON), body(3, 3.0)]);
    service.wait_drained();
    let messages = kafka::consume(&brokers, topic);
    let meters: BTreeSet<_> = messages.iter().map(|message| message.key.clone()).collect();
    assert_eq!(meters.len(), 2, "all but the record that kills");
    for message in messages {
        assert!(message.value.starts_with(b"{"), "{:?}", String::from_utf8_lossy(&message.value));
    }
}

#[test]
fn a_record_that_kills_the_encoders_is_set_aside_and_comes_back_with_the_version_that_can() {
    let (questdb, brokers) = (questdb::Client::shared(), kafka::shared());
    let mut service = Setup::with_all_sinks("e2e_poison").start();
    service.restart_with(SWITCH);
    let bodies = [body(1, 1.0), body(2, POISON), body(3, 3.0)];
    service.post_all(&bodies);
    service.wait_drained();
    let harmless = Expected::of(&[bodies[0].clone(), bodies[2].clone()]);
    assert_exactly("SQLite", &Expected::of(&bodies), &of_sqlite(&service.sqlite_file()));
    assert_exactly("QuestDB", &harmless, &of_questdb(&questdb, "e2e_poison"));
    assert_exactly("Kafka", &harmless, &Stream::read(&brokers, "e2e_poison").samples());
    assert_eq!(service.process().ended(), None, "the process lives");
    for sink in ["questdb", "kafka"] {
        assert_eq!(service.metric(&format!("meterline_sink_restarts_total{{sink=\"{sink}\"}}")), 3.0, "{sink}");
        assert_eq!(service.sink(sink)["state"], "running");
    }
    assert_eq!(service.metric("meterline_dead_letters{kind=\"poison\"}"), 2.0, "one a sink");
    assert!(service.text_of(&["dead-letters", "list"]).contains("the sink's code failed at it"));

    // Skipped after a restart too, without a third letter.
    service.restart_with(SWITCH);
    service.text_of(&["replay", "--sink", "all", "--from", "2020-01-01T00:00:00Z"]);
    service.wait_drained();
    assert_eq!(service.metric("meterline_dead_letters{kind=\"poison\"}"), 2.0);

    service.restart_with("");
    service.text_of(&["dead-letters", "resubmit", "1-2"]);
    service.wait_drained();
    assert_exactly("QuestDB", &Expected::of(&bodies), &of_questdb(&questdb, "e2e_poison"));
    assert_exactly("Kafka", &Expected::of(&bodies), &Stream::read(&brokers, "e2e_poison").samples());
    assert_eq!(service.metric("meterline_dead_letters{kind=\"poison\"}"), 0.0);
}
