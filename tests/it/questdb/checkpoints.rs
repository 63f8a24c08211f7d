//! Losses of confirmed rows in the server: the rows sent again automatically, and those that
//! need a replay.

use super::harness::{Harness, RECEIVED_S, body, device, numbers, received};
use super::{migrated_config, rows_once_there_are, wait_applied};
use crate::support::questdb::{Client, Server};
use crate::support::wait;
use meterline::base::Backoff;
use meterline::clock::Clock;
use meterline::deliver::{PumpHandle, PumpOptions, SinkError, SinkErrorKind};
use meterline::journal::{Journal, Options, RecordHeader, Retention, Sequence, Verdict};
use meterline::reading::Limits;
use meterline::sink::Level;
use meterline::sink::questdb::{Config, QuestDb, check, migrate};
use meterline::wire::PayloadFormat;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

const MINUTE: i64 = 60 * 1_000_000_000;
const LIMIT: Duration = Duration::from_secs(60);

/// Records that are confirmed three minutes after one another: each becomes a checkpoint.
fn confirm_each(harness: &mut Harness, numbers: std::ops::Range<i64>) {
    for number in numbers {
        harness.clock.set_offset(number * 3 * MINUTE);
        let value = f64::from(i32::try_from(number).unwrap());
        harness.add(vec![device(1, RECEIVED_S + number, &[value])]);
        harness.take_from(harness.next).unwrap();
        harness.settle_until_safe().unwrap();
    }
}

/// A harness with confirmed records 0 to `count`.
fn harness(client: &Client, test: &str, count: i64) -> Harness {
    let mut harness = Harness::new(client, migrated_config(client, test));
    harness.rewind().unwrap();
    confirm_each(&mut harness, 0..count);
    harness
}

/// Commits of another client into the same table, at other times.
fn write_on(client: &Client, table: &str, commits: i64) {
    for number in 0..commits {
        let at = format!("dateadd('s', {number}, '2020-01-01T00:00:00Z')");
        client.execute(&format!(
            "INSERT INTO {table} (ts, meter, obis, value) VALUES \
             ({at}, '12345678-9abc-def0-1234-56789abcdef0', 'other', -1)"
        ));
    }
}

fn own_values(harness: &Harness) -> Vec<f64> {
    harness.values().into_iter().filter(|value| *value >= 0.0).collect()
}

fn lost_from(troubles: &[SinkError]) -> Vec<u64> {
    let lost = troubles.iter().filter_map(|error| match error.kind {
        SinkErrorKind::Lost { back_to } => Some(back_to.0),
        _ => None,
    });
    lost.collect()
}

#[test]
fn restored_and_continued_files_get_every_row_again() {
    let mut server = Server::start();
    let client = server.client().clone();
    let mut harness = harness(&client, "put_back", 2);
    server.stop();
    let copy = server.copy_files();
    server.start_again();
    harness.deliver();
    confirm_each(&mut harness, 2..8);
    assert_eq!(own_values(&harness), numbers(0..8));

    server.stop();
    server.put_back(&copy);
    server.start_again();
    write_on(&client, "samples_put_back", 20);
    wait_applied(&client, &harness.config.table);
    assert_eq!(own_values(&harness), numbers(0..2), "what the copy had");
    harness.restart();
    let troubles = harness.deliver();
    assert_eq!(own_values(&harness), numbers(0..8));
    let [from] = lost_from(&troubles)[..] else { panic!("{troubles:?}") };
    assert!(from <= 3, "record {from} is the first that was sent again");
    confirm_each(&mut harness, 8..10);
    assert!(harness.deliver().is_empty(), "a loss is found once");
    assert_eq!(own_values(&harness), numbers(0..10));
}

#[test]
fn files_put_back_under_a_running_sink_get_every_row_again() {
    let mut server = Server::start();
    let client = server.client().clone();
    let mut harness = harness(&client, "under", 2);
    server.stop();
    let copy = server.copy_files();
    server.start_again();
    harness.deliver();
    confirm_each(&mut harness, 2..8);
    server.stop();
    server.put_back(&copy);
    server.start_again();
    write_on(&client, "samples_under", 20);
    harness.add(vec![device(1, RECEIVED_S + 8, &[8.0])]);
    harness.take_from(harness.next).unwrap();
    let error = harness.settle_until_safe().unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Waiting, "{error}");
    assert_eq!(lost_from(&harness.deliver()).len(), 1);
    assert_eq!(own_values(&harness), numbers(0..9));
}

#[test]
fn a_loss_is_found_again_until_the_sink_was_set_back() {
    let mut server = Server::start();
    let client = server.client().clone();
    let mut harness = harness(&client, "found_again", 1);
    server.stop();
    let copy = server.copy_files();
    server.start_again();
    harness.deliver();
    confirm_each(&mut harness, 1..6);
    server.stop();
    server.put_back(&copy);
    server.start_again();
    for _ in 0..2 {
        harness.restart();
        for _ in 0..2 {
            let error = harness.rewind().unwrap_err();
            assert!(matches!(error.kind, SinkErrorKind::Lost { .. }), "{error}");
        }
    }
    harness.deliver();
    assert_eq!(own_values(&harness), numbers(0..6));
}

#[test]
fn a_table_dropped_and_made_again_goes_on_and_a_replay_brings_the_rest() {
    let client = Client::shared();
    let mut harness = harness(&client, "lost_table", 3);
    client.execute("DROP TABLE samples_lost_table");
    harness.add(vec![device(1, RECEIVED_S + 3, &[3.0])]);
    harness.take_from(harness.next).unwrap();
    let error = harness.settle_until_safe().unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Blocked, "{error}");

    let steps: Vec<String> = migrate(&harness.config, None).unwrap().iter().map(ToString::to_string).collect();
    assert!(steps.iter().any(|step| step.contains("samples_lost_table_15m")), "{steps:?}");
    wait::until("table and view are as needed", LIMIT, || {
        migrate(&harness.config, None).unwrap();
        check(&harness.config)
            .iter()
            .all(|finding| finding.level != Level::Fault && !finding.message.contains("invalid"))
    });
    harness.deliver();
    confirm_each(&mut harness, 4..6);
    assert_eq!(harness.values(), numbers(3..6), "automatically: the rows not confirmed before the drop");
    harness.next = Sequence::FIRST;
    assert!(harness.deliver().is_empty());
    assert_eq!(harness.values(), numbers(0..6), "by a replay: all");
    client.execute("REFRESH MATERIALIZED VIEW samples_lost_table_15m INCREMENTAL");
    rows_once_there_are(&client, 1, "SELECT DISTINCT obis FROM samples_lost_table_15m");
}

#[test]
fn a_truncated_table_goes_on_and_a_replay_brings_the_rest() {
    let client = Client::shared();
    let mut harness = harness(&client, "truncated", 3);
    client.execute("TRUNCATE TABLE samples_truncated");
    confirm_each(&mut harness, 3..5);
    harness.restart();
    assert!(harness.deliver().is_empty(), "a TRUNCATE is a transaction like any other");
    assert_eq!(harness.values(), numbers(3..5), "automatically: the rows after it");
    harness.next = Sequence::FIRST;
    assert!(harness.deliver().is_empty());
    assert_eq!(harness.values(), numbers(0..5), "by a replay: all");
}

#[test]
fn a_server_killed_while_the_sink_is_down_gets_the_last_five_minutes_again() {
    let mut server = Server::start();
    let client = server.client().clone();
    let mut harness = harness(&client, "both_down", 5);
    server.kill();
    server.start_again();
    harness.restart();
    // Confirmed at the minutes 0, 3, 6, 9 and 12: the third is the newest that is
    // five minutes older than the last.
    assert_eq!(lost_from(&harness.deliver()), [4]);
    assert_eq!(harness.values(), numbers(0..5));
    harness.restart();
    assert!(harness.deliver().is_empty(), "a restart is answered once");
}

#[test]
fn a_purged_log_is_warned_of_once_and_delivery_continues() {
    let server = Server::start_with(&["cairo.default.sequencer.part.txn.count=50", "cairo.wal.purge.interval=200"]);
    let client = server.client().clone();
    let mut harness = harness(&client, "purged", 2);
    write_on(&client, "samples_purged", 120);
    wait::until("the log is purged", LIMIT, || {
        let first = client.value("SELECT min(sequencerTxn) FROM wal_transactions('samples_purged')");
        first.as_i64().is_some_and(|first| first > 10)
    });
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        assert!(harness.deliver().is_empty());
        assert!(harness.deliver().is_empty());
        confirm_each(&mut harness, 2..4);
    });
    assert_eq!(log.text().matches("cannot be detected now").count(), 1, "{}", log.text());
    harness.restart();
    assert!(harness.deliver().is_empty());
    assert_eq!(own_values(&harness), numbers(0..4));
}

#[test]
fn a_suspended_table_loses_nothing_that_was_confirmed_before() {
    let server = Server::start_with(&["dev.mode.enabled=true"]);
    let client = server.client().clone();
    let mut harness = harness(&client, "suspended", 2);
    client.execute("ALTER TABLE samples_suspended SUSPEND WAL");
    harness.add(vec![device(1, RECEIVED_S + 2, &[2.0])]);
    harness.take_from(harness.next).unwrap();
    harness.settle_until_safe().unwrap_err();
    harness.restart();
    harness.rewind().unwrap_err();
    client.execute("ALTER TABLE samples_suspended RESUME WAL");
    let troubles = harness.deliver();
    assert_eq!(lost_from(&troubles), [0; 0], "{troubles:?}");
    assert_eq!(harness.values(), numbers(0..3));
}

#[test]
fn records_deleted_before_the_loss_was_found_stay_lost_and_the_rest_comes() {
    let mut server = Server::start();
    let client = server.client().clone();
    let mut config = migrated_config(&client, "retained");
    config.linger = Duration::from_millis(10);
    let pipeline = Pipeline::start(&config);
    pipeline.confirm_each(0..2);
    server.stop();
    let copy = server.copy_files();
    server.start_again();
    pipeline.confirm_each(2..24);
    wait::until("retention took some", LIMIT, || pipeline.journal.oldest().next > Sequence(4));

    server.stop();
    server.put_back(&copy);
    server.start_again();
    let oldest = pipeline.journal.oldest().next;
    pipeline.confirm_each(24..25);
    let kept = i32::try_from(oldest.0).unwrap() - 1;
    let expected: Vec<f64> = numbers(0..2).into_iter().chain(numbers(kept..25)).collect();
    wait::until("all that is retained is back", LIMIT, || {
        let sql = "SELECT value FROM samples_retained ORDER BY ts";
        let values: Vec<f64> = client.query(sql).iter().map(|row| row[0].as_f64().unwrap()).collect();
        values == expected
    });
    assert_eq!(pipeline.pump.status().next, pipeline.journal.next());
}

/// A journal that keeps little, and a pump from it into QuestDB.
struct Pipeline {
    journal: Journal,
    clock: Clock,
    pump: PumpHandle,
    _directory: TempDir,
}

impl Pipeline {
    fn start(config: &Config) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes: 32 << 10,
            record_bytes_max: 4 << 10,
            group_bytes_max: 4 << 10,
            retain: Retention { bytes: 0, age_ns: 0 },
            ..Options::new(directory.path())
        };
        let (journal, _) = Journal::open(options).unwrap();
        let clock = Clock::system();
        let keep = Box::new(|_| Ok(()));
        let sink = QuestDb::new("questdb", config, clock.clone(), &journal, keep).unwrap();
        let backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(200)).unwrap();
        let options = PumpOptions { backoff, ..PumpOptions::default() };
        let pump = PumpHandle::start("questdb", Box::new(sink), journal.clone(), clock.clone(), options).unwrap();
        Self { journal, clock, pump, _directory: directory }
    }

    /// The same as [`confirm_each`], through the journal.
    fn confirm_each(&self, numbers: std::ops::Range<i64>) {
        for number in numbers {
            self.clock.set_offset(number * 3 * MINUTE);
            let value = f64::from(i32::try_from(number).unwrap());
            let header = RecordHeader {
                source: self.journal.source_id("home").unwrap(),
                format: PayloadFormat::SmartMe.number(),
                verdict: Verdict::Deliverable,
                rule: self.journal.rule_version(&Limits::DEFAULT).unwrap(),
                received: received(),
            };
            let body = body(vec![device(1, RECEIVED_S + number, &[value])]);
            self.journal.append(header, &body).unwrap().wait().unwrap();
            let end = self.journal.next();
            wait::until("it is confirmed", LIMIT, || self.pump.status().next == end);
        }
    }
}

/// The log lines.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
