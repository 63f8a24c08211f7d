//! Members that come and go.

use super::harness::{LIMIT, Member, SESSION, World, reading};
use crate::questdb::wait_applied;
use crate::support::wait;
use meterline::deliver::SinkState;
use meterline::sink::questdb::migrate;
use prost::Message as _;
use std::sync::Arc;
use std::time::Duration;

const PARTITIONS: i32 = 6;

#[test]
fn members_that_join_and_leave_under_load_lose_nothing() {
    let world = World::new("rebalance", PARTITIONS);
    let produced =
        |from: i64, to: i64| (0..PARTITIONS).for_each(|partition| world.produce_seconds(partition, from..to));
    produced(0, 300);
    let first = world.join(None);
    first.wait_for_partitions(6);
    produced(300, 600);
    let second = world.join(None);
    second.wait_for_partitions(3);
    first.wait_for_partitions(3);
    produced(600, 900);
    let third = world.join(None);
    third.wait_for_partitions(2);
    produced(900, 1_200);
    first.leave();
    wait::until("the others have all", LIMIT, || {
        second.group.status().partitions.len() + third.group.status().partitions.len() == 6
    });
    produced(1_200, 1_500);
    world.wait_for_rows(9_000);
    wait::until("all offsets are committed", LIMIT, || world.committed() == [1_500; 6]);
    second.leave();
    third.leave();
    let of_one: Vec<f64> = (0..1_500).map(f64::from).collect();
    assert_eq!(world.values(), of_one.repeat(6));
}

#[test]
fn late_rows_that_are_held_are_read_again_by_the_next_owner() {
    let mut world = World::new("held", 2);
    world.table.late_flush = Duration::from_secs(3_600);
    for partition in 0..2 {
        let mut late = reading(partition, 0, 1.0);
        late.received_ns += 3_600_000_000_000;
        world.produce(partition, &late.encode_to_vec());
    }
    world.flush();
    let first = world.join(None);
    let held = || first.group.pumps().iter().map(|pump| pump.status().readings).sum::<u64>();
    wait::until("the rows are held", LIMIT, || held() == 2);
    let mut prompt = world.table.clone();
    prompt.late_flush = Duration::ZERO;
    let second = Member::join(&world, None, &prompt);
    second.wait_for_partitions(1);
    world.wait_for_rows(1);
    assert_eq!(held(), 1, "the first holds the row of its other partition");
    drop(first);
    world.wait_for_rows(2);
    wait::until("the offsets are committed", LIMIT, || world.committed() == [1, 1]);
    second.leave();
}

#[test]
fn a_store_that_is_blocked_for_longer_than_the_session_costs_no_partition() {
    let world = World::new("blocked", 1);
    world.produce_seconds(0, 0..100);
    let member = world.join(None);
    world.wait_for_rows(100);
    let pump = member.group.pumps().remove(0);
    world.client.execute(&format!("ALTER TABLE {} DROP COLUMN source", world.table.table));
    wait_applied(&world.client, &world.table.table);
    world.produce_seconds(0, 100..200);
    wait::until("the sink is blocked", LIMIT, || pump.status().state == SinkState::Blocked);
    std::thread::sleep(2 * SESSION);
    assert!(Arc::ptr_eq(&pump, &member.group.pumps()[0]), "the partition was taken away");
    migrate(&world.table, None).unwrap();
    wait::until("the sink runs", LIMIT, || pump.status().state == SinkState::Running);
    world.wait_for_rows(200);
    assert!(Arc::ptr_eq(&pump, &member.group.pumps()[0]), "the partition was taken away");
    member.leave();
}
