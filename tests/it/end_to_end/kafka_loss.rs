//! A store that loses confirmed data, under the built program.

use crate::support::kafka;
use crate::support::load::{Load, fleet};
use crate::support::service::Setup;
use crate::support::stores::assert_exactly;
use crate::support::stream::Stream;
use crate::support::wait;
use meterline_load::Script;
use std::time::Duration;

#[test]
fn a_topic_deleted_under_load_is_shown_and_gets_everything_again_once_it_is_made() {
    let brokers = kafka::shared();
    let topic = "e2e-topic-deleted";
    let service = Setup { kafka: Some((brokers.clone(), topic.to_owned())), ..Setup::default() }.start();
    let load = Load::start(fleet(11), service.target(), 2, Script::mixed);
    wait::until("something is in the topic", Duration::from_secs(60), || kafka::count(&brokers, topic) > 500);

    kafka::delete_topic(&brokers, topic);
    service.wait_for_state("kafka", "blocked");
    let why = service.sink("kafka")["why"].to_string();
    assert!(why.contains("meterline migrate"), "{why}");
    assert_eq!(service.metric("meterline_sink_state{sink=\"kafka\",state=\"blocked\"}"), 1.0);

    service.text_of(&["migrate"]);
    service.wait_for_sink("kafka");
    let (_, sent) = load.stop();
    service.wait_drained();
    assert_eq!(service.sink("kafka")["state"], "running");
    assert_eq!(service.metric("meterline_sink_resends_total{sink=\"kafka\"}"), 1.0);
    let stream = Stream::read(&brokers, topic);
    stream.assert_in_journal_order();
    assert_exactly("Kafka", &sent.expected(), &stream.samples());
}
