//! Beyond one machine: several nodes write to one topic of three brokers and to one table.

use crate::support::load::{Load, Sent, fleet, now_ns};
use crate::support::service::{Service, Setup};
use crate::support::stores::{Samples, assert_between, assert_exactly, of_questdb};
use crate::support::stream::Stream;
use crate::support::{kafka, questdb, wait};
use meterline_load::{Body, Expected, Script};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Two nodes with the same topic and the same table.
fn nodes(brokers: String, kafka_lines: &'static str, name: &str) -> [Service; 2] {
    let table = name.replace('-', "_");
    let questdb = Some((questdb::Client::shared().url().to_owned(), table));
    let setup = Setup { questdb, kafka: Some((brokers, name.to_owned())), kafka_lines, ..Setup::default() };
    [setup.clone().start(), setup.start()]
}

fn rows(name: &str) -> Samples {
    of_questdb(&questdb::Client::shared(), &name.replace('-', "_"))
}

fn wait_for_more(cluster: &kafka::Cluster, topic: &str) {
    let brokers = cluster.brokers();
    let goal = kafka::ends(&brokers, topic).iter().sum::<i64>() + 200;
    wait::until("the topic grows", LIMIT, || kafka::ends(&brokers, topic).iter().sum::<i64>() >= goal);
}

fn samples(bodies: &[Body]) -> Samples {
    Expected::of(bodies).iter().map(|(key, value)| (*key, value)).collect()
}

#[test]
fn nodes_and_brokers_that_die_or_restart_under_load_lose_nothing_and_invent_nothing() {
    let name = "scale-out-ingest";
    let mut cluster = kafka::Cluster::start();
    let mut nodes = nodes(cluster.brokers(), "replication = 3", name);
    // Meters of their own for each node, as a load balancer by account path sends them.
    let start = |node: &Service, seed| Load::start(fleet(seed), node.target(), 2, Script::live);
    let loads = [start(&nodes[0], 51), start(&nodes[1], 52)];
    wait_for_more(&cluster, name);

    cluster.broker(0).kill();
    wait_for_more(&cluster, name);
    nodes[0].kill();
    wait_for_more(&cluster, name);
    nodes[0].start_again();
    cluster.start_again(0);
    for index in 0..nodes.len() {
        assert!(nodes[index].stop().success());
        wait_for_more(&cluster, name);
        nodes[index].start_again();
    }

    let mut sent = Sent::default();
    loads.into_iter().for_each(|load| sent.extend(load.stop().1));
    nodes.iter().for_each(Service::wait_drained);
    assert!(!sent.open.is_empty(), "a killed node answers nothing");
    let (least, mut most) = (samples(&sent.answered), samples(&sent.open));
    most.extend(&least);
    let stream = Stream::read(&cluster.brokers(), name);
    stream.assert_keyed_by_meter();
    assert_between("Kafka", &least, &most, &stream.last_in_topic());
    assert_between("QuestDB", &least, &most, &rows(name));
}

#[test]
fn the_last_value_of_a_meter_wins_when_it_moves_to_another_node_after_the_first_delivered_everything() {
    let name = "scale-out-moved";
    let nodes = nodes(kafka::shared(), "", name);
    let mut meters = fleet(53);
    let before = meters.script(&Script::live(40, now_ns()));
    let after: Vec<Body> = before.iter().map(|body| meters.correction(body)).collect();
    nodes[0].post_all(&before);
    nodes[0].wait_drained();
    nodes[1].post_all(&after);
    nodes[1].wait_drained();
    let expected = Expected::of(before.iter().chain(&after));
    assert_ne!(expected, Expected::of(&before));
    assert_exactly("Kafka", &expected, &Stream::read(&kafka::shared(), name).last_in_topic());
    assert_exactly("QuestDB", &expected, &rows(name));
}

/// The documented limit, and its documented repair.
#[test]
fn a_backlog_that_is_sent_after_the_meter_moved_puts_the_earlier_value_last_until_a_replay_at_the_other_node() {
    let name = "scale-out-too-early";
    let mut broker = kafka::Broker::start();
    let mut nodes = nodes(broker.brokers(), "", name);
    let mut meters = fleet(54);
    let before = meters.script(&Script::live(40, now_ns()));
    let after: Vec<Body> = before.iter().map(|body| meters.correction(body)).collect();
    broker.stop();
    nodes[0].post_all(&before);
    nodes[0].kill();
    broker.start_again();
    nodes[1].post_all(&after);
    nodes[1].wait_drained();
    nodes[0].start_again();
    nodes[0].wait_drained();
    let (right, wrong) = (Expected::of(&after), Expected::of(&before));
    assert_ne!(right, wrong);
    assert_exactly("Kafka", &wrong, &Stream::read(&broker.brokers(), name).last_in_topic());

    nodes[1].text_of(&["replay", "--sink", "all", "--from", "2000-01-01T00:00:00Z"]);
    nodes[1].wait_drained();
    assert_exactly("Kafka", &right, &Stream::read(&broker.brokers(), name).last_in_topic());
    assert_exactly("QuestDB", &right, &rows(name));
}
