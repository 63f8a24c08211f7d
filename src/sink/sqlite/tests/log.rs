//! A reader keeps SQLite's log from being emptied, and a volume runs full.

use super::*;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of the log now.
fn log_bytes(feed: &Feed) -> u64 {
    fs::metadata(crate::base::file::with_suffix(&file(feed), "-wal")).map_or(0, |metadata| metadata.len())
}

/// One value each of 200 meters.
fn append_round(feed: &Feed, second: i64) {
    feed.append(&Body::new(0, (1..=200).map(|meter| reading(meter, -second, 1.0)).collect()));
}

fn reader(feed: &Feed) -> Connection {
    let reader = Connection::open(file(feed)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM samples").unwrap();
    reader
}

#[test]
fn a_reader_that_never_ends_bounds_the_log_and_is_named_and_the_sink_continues_after_it() {
    let feed = Feed::new();
    let pump = start(&feed);
    append_round(&feed, 0);
    drain(&feed, &pump);
    let reader = reader(&feed);
    let mut second = 0;
    let is_waiting = || pump.status().state == SinkState::Waiting;
    while !is_waiting() {
        for _ in 0..10 {
            second += 1;
            append_round(&feed, second);
        }
        // So a transaction is smaller than the bound: with a slow sink it would have all rounds that wait.
        until("it is stored or waits", || is_waiting() || pump.status().next == feed.journal.next());
    }
    let why = pump.status().why.unwrap();
    assert!(why.contains("read transaction"), "{why}");
    (0..100).for_each(|more| append_round(&feed, second + 1 + more));
    // One transaction may exceed the bound.
    assert!(log_bytes(&feed) < 2 * LOG_BYTES_MAX, "{}", log_bytes(&feed));
    let facts = pump.status().facts;
    assert!(facts.iter().any(|(name, _)| *name == "log"), "{facts:?}");
    drop(reader);
    drain(&feed, &pump);
    feed.append(&body(1, 1, 1.0));
    drain(&feed, &pump);
    until("the log is emptied", || log_bytes(&feed) < LOG_BYTES_MAX / 2);
    let rounds = second + 101;
    assert_eq!(rows(&file(&feed), "SELECT count(*) FROM samples"), [[(rounds * 200 + 1).to_string()]]);
    stop(&feed, &pump);
}

#[test]
fn readers_that_follow_each_other_hold_up_neither_commits_nor_sealing() {
    let feed = Feed::new();
    let pump = start(&feed);
    append_round(&feed, 0);
    drain(&feed, &pump);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _done = SetAtEnd(&is_done);
        for _ in 0..3 {
            scope.spawn(|| {
                let reader = Connection::open(file(&feed)).unwrap();
                let count =
                    || -> i64 { reader.query_row("SELECT count(*) FROM samples", [], |row| row.get(0)).unwrap() };
                let mut before = 0;
                while !is_done.load(Ordering::Relaxed) {
                    // A snapshot of a few milliseconds, and the next one at once.
                    reader.execute_batch("BEGIN").unwrap();
                    let stored = count();
                    std::thread::sleep(Duration::from_millis(5));
                    assert_eq!(count(), stored);
                    reader.execute_batch("COMMIT").unwrap();
                    assert!(
                        stored % 20 == 0 && stored >= before,
                        "a part of a record, or less than {before}: {stored}"
                    );
                    before = stored;
                }
            });
        }
        for second in 1..=25 {
            feed.append(&Body::new(0, (1..=20).map(|meter| reading(meter, second, 1.0)).collect()));
            drain(&feed, &pump);
        }
        until("the samples are sealed", || {
            rows(&file(&feed), "SELECT count(*) < 40 FROM samples_0") == [["1"]] && pump.status().why.is_none()
        });
    });
    stop(&feed, &pump);
    assert_eq!(rows(&file(&feed), "SELECT count(*) FROM samples"), [["700"]]);
}

/// Ends the readers, also when the test fails.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_log_beyond_its_bound_is_emptied_when_the_store_is_opened() {
    let feed = Feed::new();
    let pump = start(&feed);
    append_round(&feed, 0);
    drain(&feed, &pump);
    let holding = reader(&feed);
    let mut second = 0;
    until("the sink waits", || {
        second += 1;
        append_round(&feed, second);
        pump.status().state == SinkState::Waiting
    });
    // Stopped with the reader still there: the log stays.
    stop(&feed, &pump);
    assert!(log_bytes(&feed) > LOG_BYTES_MAX);
    drop(holding);
    let mut sink = Sqlite::new("sqlite", file(&feed), Clock::system());
    sink.stored_position().unwrap();
    assert_eq!(log_bytes(&feed), 0);
}
