//! Late rows: held back, sent together, and never lost or put over a later value.

use super::stand::{RECEIVED_S, Stand, device, numbers};
use super::{fresh_config, migrated_config, wait_applied};
use crate::support::questdb::{Client, Server};
use crate::support::wait;
use meterline::deliver::{Sink, SinkTrouble};
use meterline::journal::Sequence;
use meterline::sink::questdb::{PartitionUnit, migrate};
use meterline_load::proto::smart_me::DeviceData;
use std::time::Duration;

const DAY: i64 = 86_400;
const LIMIT: Duration = Duration::from_secs(60);
/// Longer than a test.
const NEVER: Duration = Duration::from_secs(3600);

/// A stand that holds late rows for so long.
fn stand(client: &Client, test: &str, late_flush: Duration) -> Stand {
    let mut config = migrated_config(client, test);
    config.linger = Duration::from_millis(10);
    config.late_flush = late_flush;
    let mut stand = Stand::new(client, config);
    stand.rewind().unwrap();
    stand
}

/// A device measured so many seconds after the usual receive time.
fn at(seconds: i64, value: f64) -> DeviceData {
    device(1, RECEIVED_S + seconds, &[value])
}

/// Records of a live row each, the second and the third with late ones: 0 to 3 are
/// late, 4 to 7 are live, 7 of the future.
fn add_mixed(stand: &mut Stand) {
    stand.add(vec![at(0, 4.0)]);
    stand.add(vec![at(1, 5.0), at(-3 * DAY, 0.0), at(-DAY, 2.0)]);
    stand.add(vec![at(-601, 3.0), at(2, 6.0), at(-2 * DAY, 1.0)]);
    stand.add(vec![at(DAY / 2, 7.0)]);
}

#[test]
fn late_rows_wait_while_live_and_future_ones_are_sent() {
    let client = Client::shared();
    let mut stand = stand(&client, "held", NEVER);
    add_mixed(&mut stand);
    stand.take_from(Sequence::FIRST).unwrap();
    let progress = stand.settle_live();
    assert_eq!(progress.next_unsafe, Sequence(2), "the first record with a late row");
    assert_eq!(stand.values(), numbers(4..8));
    stand.settle_until_safe().unwrap();
    assert_eq!(stand.values(), numbers(0..8));
}

#[test]
fn late_rows_are_sent_when_they_were_held_for_so_long() {
    let client = Client::shared();
    let mut stand = stand(&client, "flushed", Duration::from_millis(300));
    add_mixed(&mut stand);
    stand.take_from(Sequence::FIRST).unwrap();
    let end = stand.end();
    wait::until("all is safe", LIMIT, || stand.sink.settle(false).unwrap().next_unsafe == end);
    assert_eq!(stand.values(), numbers(0..8));
}

#[test]
fn late_rows_are_sent_when_they_are_full_in_requests_of_their_partitions() {
    let client = Client::shared();
    let mut config = migrated_config(&client, "full");
    (config.late_flush, config.late_rows_max, config.linger) = (NEVER, 4, NEVER);
    let mut stand = Stand::new(&client, config);
    stand.rewind().unwrap();
    add_mixed(&mut stand);
    stand.take_from(Sequence::FIRST).unwrap();
    let end = stand.end();
    let progress = wait::until_some("late rows are confirmed", LIMIT, || {
        let progress = stand.sink.settle(false).unwrap();
        (progress.next_unsafe > Sequence(3)).then_some(progress)
    });
    assert!(progress.next_unsafe < end, "the last live row waits for more");
    wait_applied(&client, &stand.config.table);
    let requests = client.value("SELECT count() FROM wal_transactions('samples_full')");
    assert_eq!(requests, 5, "the live rows, then one of each of four partitions");
    assert_eq!(stand.values(), numbers(0..7));
}

#[test]
fn rows_of_an_earlier_hour_are_late_where_hours_are_the_partitions() {
    let client = Client::shared();
    let mut config = fresh_config(&client, "hour");
    migrate(&config, Some(PartitionUnit::Hour)).unwrap();
    (config.late_flush, config.linger) = (NEVER, Duration::from_millis(10));
    let mut stand = Stand::new(&client, config);
    stand.rewind().unwrap();
    // The usual receive time is a full hour.
    stand.add(vec![at(-1, 0.0), at(0, 1.0)]);
    stand.take_from(Sequence::FIRST).unwrap();
    assert_eq!(stand.settle_live().next_unsafe, Sequence::FIRST);
    assert_eq!(stand.values(), [1.0]);
    stand.settle_until_safe().unwrap();
    assert_eq!(stand.values(), numbers(0..2));
}

#[test]
fn rows_held_at_a_kill_or_a_rewind_are_all_delivered_once() {
    let client = Client::shared();
    for end in [Stand::restart, |_: &mut Stand| {}] {
        let mut stand = stand(&client, "held_at_the_end", NEVER);
        add_mixed(&mut stand);
        stand.take_from(Sequence::FIRST).unwrap();
        stand.settle_live();
        end(&mut stand);
        assert!(stand.deliver().is_empty());
        assert_eq!(stand.values(), numbers(0..8));
    }
}

#[test]
fn rows_held_while_the_server_is_down_are_all_delivered_once() {
    let mut server = Server::start();
    let client = server.client().clone();
    let mut stand = stand(&client, "held_down", NEVER);
    add_mixed(&mut stand);
    stand.take_from(Sequence::FIRST).unwrap();
    stand.settle_live();
    server.kill();
    let error = stand.settle_until_safe().unwrap_err();
    assert_eq!(error.trouble, SinkTrouble::Waiting, "{error}");
    assert_eq!(stand.next, Sequence(2));
    server.start_again();
    stand.deliver();
    assert_eq!(stand.values(), numbers(0..8));
}

#[test]
fn errors_again_and_again_do_not_put_late_rows_off() {
    let client = Client::shared();
    let mut stand = stand(&client, "put_off", Duration::from_secs(2));
    add_mixed(&mut stand);
    let end = stand.end();
    // Each attempt ends before the late rows were held for long enough in it.
    wait::until("all is safe", LIMIT, || {
        stand.rewind().unwrap();
        stand.take_from(stand.next).unwrap();
        (0..5).any(|_| {
            std::thread::sleep(Duration::from_millis(200));
            stand.next = stand.sink.settle(false).unwrap().next_unsafe;
            stand.next == end
        })
    });
    assert_eq!(stand.values(), numbers(0..8));
}

#[test]
fn the_last_of_a_value_its_correction_and_its_late_correction_stands() {
    let client = Client::shared();
    let mut stand = stand(&client, "corrected", NEVER);
    stand.add_received(0, vec![at(0, 1.0)]);
    stand.add_received(60, vec![at(0, 2.0)]);
    stand.take_from(Sequence::FIRST).unwrap();
    stand.settle_live();
    assert_eq!(stand.values(), [2.0]);
    stand.add_received(1000, vec![at(0, 3.0)]);
    stand.take_from(Sequence(3)).unwrap();
    stand.settle_live();
    assert_eq!(stand.values(), [2.0], "the late one is held");
    // The answer to the next request is lost: everything unsafe is sent again.
    stand.add_received(1001, vec![at(1000, 9.0)]);
    stand.take_from(Sequence(4)).unwrap();
    stand.sink.settle(false).unwrap();
    stand.rewind().unwrap();
    stand.take_from(stand.next).unwrap();
    stand.settle_until_safe().unwrap();
    assert_eq!(stand.values(), [3.0, 9.0]);
    // A replay, with all of it in both lanes at once, and a clock that went back.
    stand.add_received(2000, vec![at(0, 4.0)]);
    stand.add_received(0, vec![at(0, 5.0)]);
    stand.next = Sequence::FIRST;
    assert!(stand.deliver().is_empty());
    assert_eq!(stand.values(), [5.0, 9.0]);
}
