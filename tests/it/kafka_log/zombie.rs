//! A member that the brokers do not count any more: it changes nothing in the store.

use super::harness::{LIMIT, Member, World, reading};
use crate::questdb::migrated_config;
use crate::support::kafka::Broker;
use crate::support::wait;
use meterline::deliver::SinkState;
use prost::Message as _;
use std::time::Duration;

/// Half the session, for which a commit is good, is 3 seconds; the row is due 2 seconds after that, and the session ends
/// a second later.
#[test]
fn nothing_is_sent_once_the_brokers_do_not_confirm_the_membership() {
    let broker = Broker::start();
    let mut world = World::at(broker.brokers(), "lease", 1);
    world.table.late_flush = Duration::from_secs(5);
    let member = world.join(None);
    member.wait_for_partitions(1);
    let mut late = reading(0, 0, 1.0);
    late.received_ns += 3_600_000_000_000;
    world.produce(0, &late.encode_to_vec());
    world.flush();
    wait::until("the row is held", LIMIT, || member.group.pumps().iter().any(|pump| pump.status().readings == 1));
    broker.freeze();
    wait::until("the partition is lost", LIMIT, || member.group.status().partitions.is_empty());
    assert_eq!(world.rows(), 0);
    broker.thaw();
    world.wait_for_rows(1);
    member.leave();
}

#[test]
fn a_member_whose_name_another_process_takes_sends_nothing_more_and_stays_out() {
    let world = World::new("fenced", 2);
    world.produce_seconds(0, 0..50);
    world.produce_seconds(1, 0..50);
    let first = world.join(Some("writer-1"));
    world.wait_for_rows(100);
    let other = migrated_config(&world.client, "log_fenced_2");
    let second = Member::join(&world, Some("writer-1"), &other);
    wait::until("the first is out", LIMIT, || first.group.status().state == SinkState::Blocked);
    let status = first.group.status();
    assert!(status.partitions.is_empty() && status.why.unwrap().contains("another process has its name"));
    world.produce_seconds(0, 50..100);
    world.produce_seconds(1, 50..100);
    wait::until("the second has the rest", LIMIT, || world.client.count("samples_log_fenced_2") >= 100);
    assert_eq!(world.rows(), 100, "the first has sent more");
    second.leave();
    first.leave();
}
