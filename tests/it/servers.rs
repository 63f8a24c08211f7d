//! The test servers themselves: properties that every other test relies on.

use crate::support::{kafka, questdb, wait};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_questdb_of_its_own_keeps_its_rows_over_stop_kill_and_start() {
    let mut server = questdb::Server::start();
    server.client().execute("create table t (ts timestamp_ns, x long) timestamp(ts) partition by day wal");
    server.client().execute("insert into t values (0, 7)");
    server.stop();
    assert!(!server.client().is_up());
    server.start_again();
    has_its_row(server.client());
    server.kill();
    server.start_again();
    has_its_row(server.client());
}

/// The server applies its log to the table some time after it answers.
fn has_its_row(server: &questdb::Client) {
    wait::until("the row is in the table", LIMIT, || server.count("t") > 0);
    assert_eq!(server.value("select x from t"), 7);
}

#[test]
fn a_broker_of_its_own_keeps_its_topics_over_stop_kill_and_start() {
    let mut broker = kafka::Broker::start_with(&["log.retention.check.interval.ms=500"]);
    kafka::create_topic(&broker.brokers(), "t", 3, &[("message.timestamp.type", "LogAppendTime")]);
    broker.stop();
    broker.start_again();
    assert_eq!(kafka::consume(&broker.brokers(), "t"), []);
    broker.kill();
    broker.start_again();
    assert_eq!(kafka::count(&broker.brokers(), "t"), 0);
}

#[test]
fn a_cluster_takes_and_keeps_records_while_one_broker_is_away() {
    let mut cluster = kafka::Cluster::start();
    kafka::create_replicated_topic(&cluster.brokers(), "t", [3, 3], &[]);
    kafka::fill(&cluster.brokers(), "t", 5, b"x");
    cluster.broker(0).kill();
    kafka::fill(&cluster.brokers(), "t", 5, b"x");
    cluster.start_again(0);
    assert_eq!(kafka::consume(&cluster.brokers(), "t").len(), 30);
}

#[test]
fn the_shared_servers_answer() {
    assert!(questdb::Client::shared().is_up());
    assert_eq!(questdb::Client::shared().value("select 1"), 1);
    kafka::create_topic(&kafka::shared(), "servers-shared", 1, &[]);
    assert_eq!(kafka::count(&kafka::shared(), "servers-shared"), 0);
}
