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
    for node in &mut nodes {
        assert!(node.stop().success());
        wait_for_more(&cluster, name);
        node.start_again();
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

/// A node that takes readings in and writes them to the topic.
fn ingest_node(brokers: &str, kafka_lines: &'static str, name: &str) -> Service {
    Setup { kafka: Some((brokers.to_owned(), name.to_owned())), kafka_lines, ..Setup::default() }.start()
}

/// A node that reads the topic into QuestDB, in the group of the topic's name.
fn writer_node(brokers: &str, name: &str) -> Service {
    let questdb = Some((questdb::Client::shared().url().to_owned(), name.replace('-', "_")));
    Setup { questdb, kafka_log: Some((brokers.to_owned(), name.to_owned())), ..Setup::default() }.start()
}

/// Waits until the group has committed the end of every partition that has records.
fn wait_committed(brokers: &str, name: &str) {
    wait::until("the group has committed everything", LIMIT, || {
        let (ends, committed) = (kafka::ends(brokers, name), kafka::committed(brokers, name, name));
        ends.iter().zip(&committed).all(|(end, committed)| *end == 0 || committed == end)
    });
}

fn wait_for_more_rows(name: &str) {
    let table = name.replace('-', "_");
    let goal = questdb::Client::shared().count(&table) + 400;
    wait::until("the table grows", LIMIT, || questdb::Client::shared().count(&table) >= goal);
}

/// The partitions of readings that these writers read.
fn partitions_read(writers: &[&Service]) -> Vec<String> {
    let of_one = |writer: &&Service| writer.sink("questdb")["facts"]["partitions"].as_str().unwrap().to_owned();
    let shown = writers.iter().map(of_one).collect::<Vec<_>>().join(", ");
    let mut read: Vec<_> = shown.split(", ").filter(|it| !it.is_empty() && !it.starts_with("meters-")).collect();
    read.sort_unstable();
    read.into_iter().map(str::to_owned).collect()
}

#[test]
fn writers_that_die_join_and_leave_and_a_broker_that_dies_lose_nothing_and_the_last_values_stand() {
    let name = "scale-out-writers";
    let mut cluster = kafka::Cluster::start();
    let brokers = cluster.brokers();
    let ingest = [(); 2].map(|()| ingest_node(&brokers, "replication = 3", name));
    let mut writers = vec![writer_node(&brokers, name), writer_node(&brokers, name)];
    let loads = [61, 62].map(|seed| {
        let node = &ingest[usize::from(seed == 62)];
        Load::start(fleet(seed), node.target(), 1, Script::mixed)
    });
    wait_for_more_rows(name);

    writers[0].kill();
    wait_for_more_rows(name);
    writers.push(writer_node(&brokers, name));
    writers[0].start_again();
    wait_for_more_rows(name);
    cluster.broker(0).kill();
    wait_for_more_rows(name);
    assert!(writers[1].stop().success());
    wait_for_more_rows(name);

    let mut sent = Sent::default();
    loads.into_iter().for_each(|load| sent.extend(load.stop().1));
    ingest.iter().for_each(|node| node.wait_for_sink("kafka"));
    wait_committed(&brokers, name);
    assert_exactly("QuestDB", &sent.expected(), &rows(name));
    assert_eq!(
        partitions_read(&[&writers[0], &writers[2]]),
        ["0", "1", "2", "3"],
        "each partition is read by one writer"
    );
}

/// A request that was on its way when the writer was stopped may land after its successor's. This counts such values, and
/// makes the documented repair.
#[test]
fn after_a_writer_was_stopped_past_its_session_the_documented_replay_makes_the_last_values_right() {
    let name = "scale-out-zombie";
    let brokers = kafka::shared();
    let ingest = ingest_node(&brokers, "", name);
    let mut stopped = writer_node(&brokers, name);
    let mut meters = fleet(63);
    let first = meters.script(&Script::live(200, now_ns()));
    ingest.post_all(&first);
    wait_committed(&brokers, name);

    let before = meters.script(&Script::live(200, now_ns()));
    let after: Vec<Body> = before.iter().map(|body| meters.correction(body)).collect();
    ingest.post_all(&before);
    stopped.process().signal("STOP");
    let successor = writer_node(&brokers, name);
    ingest.post_all(&after);
    ingest.wait_for_sink("kafka");
    wait_committed(&brokers, name);
    stopped.process().signal("CONT");
    // The one that woke gave its partitions up, and takes its part again.
    wait::until("each partition is read by one writer", LIMIT, || {
        let reads_some = |writer: &&Service| writer.sink("questdb")["facts"]["partitions"] != "";
        partitions_read(&[&stopped, &successor]) == ["0", "1", "2", "3"]
            && [&stopped, &successor].iter().all(reads_some)
    });
    wait_committed(&brokers, name);
    let expected = Expected::of(first.iter().chain(&before).chain(&after));
    let table = rows(name);
    let landed = expected.iter().filter(|(key, value)| table.get(key).is_some_and(|found| found != value)).count();
    println!("{landed} of {} values are of requests that were on their way", expected.len());
    assert_eq!(table.len(), expected.len());

    for writer in [&stopped, &successor] {
        writer.text_of(&["replay", "--sink", "questdb", "--from", "2000-01-01T00:00:00Z"]);
    }
    wait_committed(&brokers, name);
    assert_exactly("QuestDB", &expected, &rows(name));
}

#[test]
fn a_node_whose_questdb_read_the_journal_says_how_it_can_begin_to_read_the_topic() {
    let (name, brokers) = ("scale-out-from-journal", kafka::shared());
    let [mut node, _] = nodes(brokers.clone(), "", name);
    node.post_all(&fleet(64).script(&Script::live(20, now_ns())));
    node.wait_drained();
    assert!(node.stop().success());
    node.append_configuration(&format!("[kafka_log]\nbrokers = \"{brokers}\"\ntopic = \"{name}\"\ngroup = \"{name}\""));
    let why = node.refusal_of(&["run"]);
    assert!(why.contains("Start without [kafka_log]") && why.contains("meterline journal forget questdb"), "{why}");
    node.text_of(&["journal", "forget", "questdb"]);
    node.start_again();
    wait_committed(&brokers, name);
    assert!(!rows(name).is_empty());
    wait::until("the sink runs", LIMIT, || node.sink("questdb")["state"] == "running");
}

/// The letter's reading would reach no store: QuestDB does not read this node's journal.
#[test]
fn a_writer_does_not_resubmit_a_letter_that_would_not_reach_the_topic() {
    let (name, brokers) = ("scale-out-letter", kafka::shared());
    let _ingest = ingest_node(&brokers, "", name);
    let writer = writer_node(&brokers, name);
    kafka::fill(&brokers, name, 1, b"no reading");
    wait_committed(&brokers, name);
    let refused = writer.refusal_of(&["dead-letters", "resubmit", "1"]);
    assert!(refused.contains("add [sink.kafka]") && refused.contains("letter 1 stays open"), "{refused}");
    assert!(writer.text_of(&["dead-letters", "list"]).contains("undecodable"));
}
