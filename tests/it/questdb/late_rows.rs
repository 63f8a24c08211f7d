//! Late rows: held back, sent together, never lost, and never stored over a later value.

use super::harness::{Harness, RECEIVED_S, device, numbers};
use super::{fresh_config, migrated_config, wait_applied};
use crate::support::questdb::{Client, Server};
use crate::support::wait;
use meterline::deliver::{Sink, SinkErrorKind};
use meterline::journal::Sequence;
use meterline::sink::questdb::{PartitionUnit, migrate};
use meterline_load::proto::smart_me::DeviceData;
use std::time::Duration;

const DAY: i64 = 86_400;
const LIMIT: Duration = Duration::from_secs(60);
/// Longer than a test.
const NEVER: Duration = Duration::from_secs(3600);

/// A harness with this `late_flush`.
fn harness(client: &Client, test: &str, late_flush: Duration) -> Harness {
    let mut config = migrated_config(client, test);
    config.linger = Duration::from_millis(10);
    config.late_flush = late_flush;
    let mut harness = Harness::new(client, config);
    harness.rewind().unwrap();
    harness
}

/// A device measured `seconds` after the usual receive time.
fn at(seconds: i64, value: f64) -> DeviceData {
    device(1, RECEIVED_S + seconds, &[value])
}

/// Records of a live row each, the second and the third with late ones: 0 to 3 are
/// late, 4 to 7 are live, 7 of the future.
fn add_mixed(harness: &mut Harness) {
    harness.add(vec![at(0, 4.0)]);
    harness.add(vec![at(1, 5.0), at(-3 * DAY, 0.0), at(-DAY, 2.0)]);
    harness.add(vec![at(-601, 3.0), at(2, 6.0), at(-2 * DAY, 1.0)]);
    harness.add(vec![at(DAY / 2, 7.0)]);
}

#[test]
fn late_rows_wait_while_live_and_future_ones_are_sent() {
    let client = Client::shared();
    let mut harness = harness(&client, "held", NEVER);
    add_mixed(&mut harness);
    harness.take_from(Sequence::FIRST).unwrap();
    let progress = harness.settle_live();
    assert_eq!(progress.next_unsafe, Sequence(2), "the first record with a late row");
    assert_eq!(harness.values(), numbers(4..8));
    harness.settle_until_safe().unwrap();
    assert_eq!(harness.values(), numbers(0..8));
}

#[test]
fn late_rows_are_sent_after_the_configured_time() {
    let client = Client::shared();
    let mut harness = harness(&client, "flushed", Duration::from_millis(300));
    add_mixed(&mut harness);
    harness.take_from(Sequence::FIRST).unwrap();
    let end = harness.end();
    wait::until("all is safe", LIMIT, || harness.sink.settle(false).unwrap().next_unsafe == end);
    assert_eq!(harness.values(), numbers(0..8));
}

#[test]
fn late_rows_are_sent_when_they_are_full_in_requests_of_their_partitions() {
    let client = Client::shared();
    let mut config = migrated_config(&client, "full");
    (config.late_flush, config.late_rows_max, config.linger) = (NEVER, 4, NEVER);
    let mut harness = Harness::new(&client, config);
    harness.rewind().unwrap();
    add_mixed(&mut harness);
    harness.take_from(Sequence::FIRST).unwrap();
    let end = harness.end();
    let progress = wait::until_some("late rows are confirmed", LIMIT, || {
        let progress = harness.sink.settle(false).unwrap();
        (progress.next_unsafe > Sequence(3)).then_some(progress)
    });
    assert!(progress.next_unsafe < end, "the last live row waits for more");
    wait_applied(&client, &harness.config.table);
    let requests = client.value("SELECT count() FROM wal_transactions('samples_full')");
    assert_eq!(requests, 5, "the live rows, then one of each of four partitions");
    assert_eq!(harness.values(), numbers(0..7));
}

#[test]
fn rows_of_an_earlier_hour_are_late_where_hours_are_the_partitions() {
    let client = Client::shared();
    let mut config = fresh_config(&client, "hour");
    migrate(&config, Some(PartitionUnit::Hour)).unwrap();
    (config.late_flush, config.linger) = (NEVER, Duration::from_millis(10));
    let mut harness = Harness::new(&client, config);
    harness.rewind().unwrap();
    // The usual receive time is a full hour.
    harness.add(vec![at(-1, 0.0), at(0, 1.0)]);
    harness.take_from(Sequence::FIRST).unwrap();
    assert_eq!(harness.settle_live().next_unsafe, Sequence::FIRST);
    assert_eq!(harness.values(), [1.0]);
    harness.settle_until_safe().unwrap();
    assert_eq!(harness.values(), numbers(0..2));
}

#[test]
fn rows_held_at_a_kill_or_a_rewind_are_all_delivered_once() {
    let client = Client::shared();
    for end in [Harness::restart, |_: &mut Harness| {}] {
        let mut harness = harness(&client, "held_at_the_end", NEVER);
        add_mixed(&mut harness);
        harness.take_from(Sequence::FIRST).unwrap();
        harness.settle_live();
        end(&mut harness);
        assert!(harness.deliver().is_empty());
        assert_eq!(harness.values(), numbers(0..8));
    }
}

#[test]
fn rows_held_while_the_server_is_down_are_all_delivered_once() {
    let mut server = Server::start();
    let client = server.client().clone();
    let mut harness = harness(&client, "held_down", NEVER);
    add_mixed(&mut harness);
    harness.take_from(Sequence::FIRST).unwrap();
    harness.settle_live();
    server.kill();
    let error = harness.settle_until_safe().unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Waiting, "{error}");
    assert_eq!(harness.next, Sequence(2));
    server.start_again();
    harness.deliver();
    assert_eq!(harness.values(), numbers(0..8));
}

#[test]
fn errors_again_and_again_do_not_put_late_rows_off() {
    let client = Client::shared();
    let mut harness = harness(&client, "put_off", Duration::from_secs(2));
    add_mixed(&mut harness);
    let end = harness.end();
    // Each attempt ends before the late rows were held for long enough in it.
    wait::until("all is safe", LIMIT, || {
        harness.rewind().unwrap();
        harness.take_from(harness.next).unwrap();
        (0..5).any(|_| {
            std::thread::sleep(Duration::from_millis(200));
            harness.next = harness.sink.settle(false).unwrap().next_unsafe;
            harness.next == end
        })
    });
    assert_eq!(harness.values(), numbers(0..8));
}

#[test]
fn the_last_of_a_value_its_correction_and_its_late_correction_stands() {
    let client = Client::shared();
    let mut harness = harness(&client, "corrected", NEVER);
    harness.add_received(0, vec![at(0, 1.0)]);
    harness.add_received(60, vec![at(0, 2.0)]);
    harness.take_from(Sequence::FIRST).unwrap();
    harness.settle_live();
    assert_eq!(harness.values(), [2.0]);
    harness.add_received(1000, vec![at(0, 3.0)]);
    harness.take_from(Sequence(3)).unwrap();
    harness.settle_live();
    assert_eq!(harness.values(), [2.0], "the late one is held");
    // The answer to the next request is lost: everything unsafe is sent again.
    harness.add_received(1001, vec![at(1000, 9.0)]);
    harness.take_from(Sequence(4)).unwrap();
    harness.sink.settle(false).unwrap();
    harness.rewind().unwrap();
    harness.take_from(harness.next).unwrap();
    harness.settle_until_safe().unwrap();
    assert_eq!(harness.values(), [3.0, 9.0]);
    // A replay, with all of it in both lanes at once, and a clock that went back.
    harness.add_received(2000, vec![at(0, 4.0)]);
    harness.add_received(0, vec![at(0, 5.0)]);
    harness.next = Sequence::FIRST;
    assert!(harness.deliver().is_empty());
    assert_eq!(harness.values(), [5.0, 9.0]);
}
