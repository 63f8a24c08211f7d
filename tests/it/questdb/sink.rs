//! The sink against a real server: after every failure all rows are stored, and none counts as
//! safe before.

use super::harness::{Harness, JOURNAL, RECEIVED_S, SECOND, blocked, device, numbers, received};
use super::{fresh_config, migrated_config, wait_applied};
use crate::support::questdb::{Client, Server};
use crate::support::wait;
use meterline::deliver::{Sink, SinkErrorKind};
use meterline::journal::Sequence;
use meterline::reading::UnixNanos;
use meterline::sink::questdb::{RefusedRow, migrate};
use meterline_load::proto::bcl::DateTime;
use meterline_load::proto::bcl::date_time::TimeSpanScale;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn records_become_rows() {
    let client = Client::shared();
    let mut harness = Harness::new(&client, migrated_config(&client, "rows"));
    let mut precise = device(2, 0, &[0.1]);
    precise.date_time = Some(DateTime { value: 17_640_000_001_234_567, scale: TimeSpanScale::Ticks.into(), kind: 2 });
    harness.add(vec![device(1, RECEIVED_S, &[1.5, -2.5]), precise]);
    harness.add(vec![]);
    assert!(harness.deliver().is_empty());
    let rows = client.query(
        "SELECT cast(ts AS LONG), meter, obis, value, source, cast(received AS LONG), flags FROM samples_rows ORDER BY ts, obis",
    );
    let row = |at: i64, meter: &str, obis: &str, value: f64, flags: u16| {
        vec![json!(at), json!(meter), json!(obis), json!(value), json!("home"), json!(received().0), json!(flags)]
    };
    let (one, two) = ("00000001-0000-0000-0200-000000000000", "00000002-0000-0000-0200-000000000000");
    assert_eq!(
        rows,
        [
            row(RECEIVED_S * SECOND, one, "1-0:1.8.0*255", 1.5, 0),
            row(RECEIVED_S * SECOND, one, "1-0:2.8.0*255", -2.5, 0),
            row(1_764_000_000_123_456_700, two, "1-0:1.8.0*255", 0.1, 2),
        ]
    );
}

#[test]
fn a_record_larger_than_a_request_is_safe_only_as_a_whole() {
    let client = Client::shared();
    let mut config = migrated_config(&client, "large");
    config.rows_max = 5;
    let mut harness = Harness::new(&client, config);
    harness.add((0..4).map(|second| device(1, RECEIVED_S + second, &[1.0; 8])).collect());
    harness.rewind().unwrap();
    harness.take_from(Sequence::FIRST).unwrap();
    let progress = harness.sink.settle(false).unwrap();
    assert_eq!(progress.next_unsafe, Sequence::FIRST, "two rows of it were not sent yet");
    assert!(progress.wake_at.is_some());
    harness.settle_until_safe().unwrap();
    assert_eq!(harness.values().len(), 32);
}

#[test]
fn rows_that_wait_for_more_are_not_safe() {
    let client = Client::shared();
    let mut config = migrated_config(&client, "linger");
    config.linger = Duration::from_secs(600);
    let mut harness = Harness::new(&client, config);
    harness.add_seconds(0..3);
    harness.rewind().unwrap();
    harness.take_from(Sequence::FIRST).unwrap();
    let progress = harness.sink.settle(false).unwrap();
    assert_eq!(progress.next_unsafe, Sequence::FIRST);
    assert!(progress.wake_at.is_some());
    harness.settle_until_safe().unwrap();
    assert_eq!(harness.values(), numbers(0..3));
}

#[test]
fn records_without_a_row_are_safe_at_once() {
    let client = Client::shared();
    let mut harness = Harness::new(&client, migrated_config(&client, "no_rows"));
    harness.add(vec![]);
    harness.bodies.push((received(), b"\xff\xff\xff".to_vec()));
    harness.rewind().unwrap();
    harness.take_from(Sequence::FIRST).unwrap();
    let progress = harness.sink.settle(false).unwrap();
    assert_eq!((progress.next_unsafe, progress.wake_at), (Sequence(3), None));
}

#[test]
fn a_correction_stands_also_when_everything_is_sent_again() {
    let client = Client::shared();
    let mut harness = Harness::new(&client, migrated_config(&client, "correction"));
    for value in [1.0, 2.0, 3.0] {
        harness.add(vec![device(1, RECEIVED_S, &[value])]);
    }
    assert!(harness.deliver().is_empty());
    assert_eq!(harness.values(), [3.0]);
    harness.next = Sequence::FIRST;
    assert!(harness.deliver().is_empty());
    assert_eq!(harness.values(), [3.0]);
}

#[test]
fn a_server_that_is_away_is_waited_for() {
    let mut server = Server::start();
    let client = server.client().clone();
    let mut harness = Harness::new(&client, migrated_config(&client, "away"));
    harness.add_seconds(0..10);
    assert!(harness.deliver().is_empty());
    server.stop();
    harness.add_seconds(10..20);
    harness.take_from(harness.next).unwrap();
    let error = harness.settle_until_safe().unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Waiting, "{error}");
    assert_eq!(harness.rewind().unwrap_err().kind, SinkErrorKind::Waiting);
    assert_eq!(harness.next, Sequence(11));
    server.start_again();
    harness.deliver();
    assert_eq!(harness.values(), numbers(0..20));
}

#[test]
fn a_server_killed_while_it_takes_rows_loses_none() {
    let mut server = Server::start();
    let client = server.client().clone();
    let mut harness = Harness::new(&client, migrated_config(&client, "killed"));
    harness.add_seconds(0..200);
    harness.rewind().unwrap();
    harness.take_from(Sequence::FIRST).unwrap();
    harness.settle().unwrap();
    server.kill();
    server.start_again();
    harness.deliver();
    assert_eq!(harness.values(), numbers(0..200));
}

#[test]
fn a_changed_type_blocks_until_it_is_fixed() {
    let client = Client::shared();
    let mut harness = Harness::new(&client, migrated_config(&client, "mended"));
    harness.add_seconds(0..3);
    assert!(harness.deliver().is_empty());
    for kind in ["SYMBOL", "BOOLEAN"] {
        client.execute(&format!("ALTER TABLE samples_mended ALTER COLUMN value TYPE {kind}"));
        wait_applied(&client, &harness.config.table);
    }
    harness.add_seconds(3..6);
    harness.take_from(harness.next).unwrap();
    blocked(harness.settle_until_safe(), "column value of table samples_mended is BOOLEAN instead of DOUBLE");
    blocked(harness.rewind(), "ALTER TABLE samples_mended ALTER COLUMN value TYPE DOUBLE");
    assert_eq!(harness.next, Sequence(4));
    client.execute("ALTER TABLE samples_mended ALTER COLUMN value TYPE DOUBLE");
    wait_applied(&client, &harness.config.table);
    client.execute("TRUNCATE TABLE samples_mended");
    harness.next = Sequence::FIRST;
    harness.deliver();
    assert_eq!(harness.values(), numbers(0..6));
}

#[test]
fn a_missing_table_blocks_until_it_is_made() {
    let client = Client::shared();
    let mut harness = Harness::new(&client, fresh_config(&client, "made"));
    harness.add_seconds(0..3);
    blocked(harness.rewind(), "run `meterline migrate`");
    migrate(&harness.config, None).unwrap();
    assert!(harness.deliver().is_empty());
    assert_eq!(harness.values(), numbers(0..3));
}

#[test]
fn a_column_that_goes_missing_blocks_until_it_is_made() {
    let client = Client::shared();
    let mut harness = Harness::new(&client, migrated_config(&client, "column"));
    harness.add_seconds(0..3);
    harness.rewind().unwrap();
    client.execute("ALTER TABLE samples_column DROP COLUMN source");
    wait_applied(&client, &harness.config.table);
    harness.take_from(Sequence::FIRST).unwrap();
    blocked(harness.settle_until_safe(), "column: source does not exist");
    blocked(harness.rewind(), "run `meterline migrate` to add it");
    migrate(&harness.config, None).unwrap();
    assert!(harness.deliver().is_empty());
    assert_eq!(harness.values(), numbers(0..3));
}

#[test]
fn a_row_that_can_never_be_stored_is_handed_over_and_the_rest_is_stored() {
    let client = Client::shared();
    let mut harness = Harness::new(&client, migrated_config(&client, "dead"));
    harness.add_seconds(0..2);
    harness.add(vec![
        device(1, RECEIVED_S + 2, &[2.0]),
        device(2, 9_220_000_000, &[7.0, 8.0]),
        device(3, RECEIVED_S + 3, &[3.0]),
    ]);
    harness.add_seconds(4..6);
    assert!(harness.deliver().is_empty());
    assert_eq!(harness.values(), numbers(0..6));
    let refused: Vec<RefusedRow> = harness.refused.try_iter().collect();
    let names: Vec<_> =
        refused.iter().map(|row| (row.journal, row.sequence, row.index, row.obis.to_string())).collect();
    assert_eq!(names, ["1-0:1.8.0*255", "1-0:2.8.0*255"].map(|obis| (JOURNAL, Sequence(3), 1, obis.to_owned())));
    assert_eq!(refused[0].at, UnixNanos(9_220_000_000 * SECOND));
    assert!(refused[0].reason.contains("designated timestamp overflow"), "{}", refused[0].reason);
}

#[test]
fn a_request_full_of_such_rows_blocks_and_costs_none() {
    let client = Client::shared();
    let mut harness = Harness::new(&client, migrated_config(&client, "flood"));
    harness.add((0..101).map(|number| device(number, 9_220_000_000, &[1.0])).collect());
    harness.rewind().unwrap();
    harness.take_from(Sequence::FIRST).unwrap();
    blocked(harness.settle_until_safe(), "more than 100 rows");
    assert_eq!(harness.next, Sequence::FIRST);
    assert_eq!(harness.refused.try_iter().count(), 0);
}

#[test]
fn a_table_recreated_between_two_requests_gets_the_unconfirmed_rows() {
    let client = Client::shared();
    let mut harness = Harness::new(&client, migrated_config(&client, "again"));
    harness.rewind().unwrap();
    // Far enough from the first checkpoint for another one.
    harness.clock.set_offset(60 * SECOND);
    harness.add_seconds(0..3);
    assert!(harness.deliver().is_empty());
    harness.add_seconds(3..6);
    client.execute("DROP TABLE samples_again");
    migrate(&harness.config, None).unwrap();
    harness.take_from(harness.next).unwrap();
    let error = harness.settle_until_safe().unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Waiting);
    assert!(error.message.contains("was dropped and recreated"), "{error}");
    harness.deliver();
    assert_eq!(harness.values(), numbers(3..6), "what was confirmed before the drop is the operator's to replay");
}

#[test]
fn a_suspended_table_confirms_nothing_and_gets_no_more_until_it_is_resumed() {
    let server = Server::start_with(&["dev.mode.enabled=true"]);
    let client = server.client().clone();
    let mut harness = Harness::new(&client, migrated_config(&client, "resumed"));
    harness.rewind().unwrap();
    client.execute("ALTER TABLE samples_resumed SUSPEND WAL");
    harness.add_seconds(0..3);
    harness.take_from(Sequence::FIRST).unwrap();
    blocked(harness.settle_until_safe(), "ALTER TABLE samples_resumed RESUME WAL");
    assert_eq!(harness.next, Sequence::FIRST);
    let log_end = || client.value("SELECT sequencerTxn FROM wal_tables() WHERE name = 'samples_resumed'");
    assert_eq!(log_end(), Value::from(1));
    blocked(harness.attempt(), "is suspended");
    assert_eq!(log_end(), Value::from(1), "nothing is sent into a suspended table again");
    client.execute("ALTER TABLE samples_resumed RESUME WAL");
    harness.deliver();
    assert_eq!(harness.values(), numbers(0..3));
}

#[test]
fn an_invalid_and_a_stale_view_are_warned_of_while_the_sink_runs() {
    let client = Client::shared();
    let mut config = migrated_config(&client, "watched");
    (config.look_every, config.view_stale_after) = (Duration::ZERO, Duration::ZERO);
    let mut harness = Harness::new(&client, config);
    harness.add_seconds(0..3);
    harness.attempt().unwrap();
    let warned = |harness: &mut Harness, words: &str| {
        wait::until(words, Duration::from_secs(90), || {
            harness.settle().unwrap();
            harness.sink.warnings().iter().any(|warning| warning.contains(words))
        });
    };
    // The timer refreshes it every minute, until then it is behind.
    warned(&mut harness, "view samples_watched_15m is stale");
    wait::until("no warning", Duration::from_secs(30), || {
        client.refresh_views("samples_watched");
        harness.settle().unwrap();
        harness.sink.warnings().is_empty()
    });
    client.execute("TRUNCATE TABLE samples_watched");
    warned(&mut harness, "view samples_watched_15m is invalid");
    client.execute("DROP MATERIALIZED VIEW samples_watched_15m");
    warned(&mut harness, "view samples_watched_15m is missing");
}
