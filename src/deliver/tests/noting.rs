//! The coverage sink notes arrived readings, also past records without any.

use super::*;
use crate::clock::Clock;
use crate::coverage::{Coverage, MEMORY_BYTES, SLOT_NS};
use crate::journal::OptionalCursor;
use crate::reading::{MeterId, UnixNanos};
use crate::recent_records::{RecentRecords, RecordOutline};
use crate::wire::SeenReading;
use uuid::Uuid;

fn noting(feed: &Feed, coverage: &Coverage) -> PumpHandle {
    noting_with(feed, coverage, RecentRecords::default())
}

fn noting_with(feed: &Feed, coverage: &Coverage, recent: RecentRecords) -> PumpHandle {
    let sink = CoverageSink::new(coverage.clone(), recent, feed.journal.clone(), feed.clock.clone());
    PumpHandle::start("coverage", Box::new(sink), feed.journal.clone(), feed.clock.clone(), soon()).unwrap()
}

fn meter(number: u8) -> MeterId {
    MeterId::from(Uuid::from_bytes([number; 16]))
}

/// An outline of a record with one reading of a meter.
fn outline(feed: &Feed, number: u8, is_deliverable: bool) -> RecordOutline {
    let at = UnixNanos(feed::NOW_NS);
    let seen = SeenReading { meter: meter(number), at, has_counter: true, is_repair: false, is_row: false };
    let received = feed.clock.now();
    RecordOutline { source: "acme".into(), received, bytes: 1, is_deliverable, readings: vec![seen].into() }
}

/// Removes the journal's files, so that nothing can be read any more.
fn remove_segments(feed: &Feed) {
    for entry in std::fs::read_dir(feed.directory.path().join("journal")).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|extension| extension == "seg") {
            std::fs::remove_file(entry).unwrap();
        }
    }
}

#[test]
fn a_position_counts_as_noted_once_everything_below_it_was_or_was_passed_over() {
    let feed = Feed::new();
    let coverage = Coverage::open(feed.directory.path(), MEMORY_BYTES);
    feed.append_readings("acme", 2);
    let end = feed.append_as("acme", Verdict::Undecodable, 1, b"\xff").next();
    assert!(!coverage.has_noted(end));
    let pump = noting(&feed, &coverage);
    until("all is noted", || coverage.has_noted(end));
    assert!(!coverage.has_noted(end.next()));
    pump.rewind(Rewind::to(Sequence(1))).unwrap();
    assert!(coverage.has_noted(end), "a rewind takes nothing back");
    stop(&feed, &pump);

    let again = Coverage::open(feed.directory.path(), MEMORY_BYTES);
    let _pump = noting(&feed, &again);
    until("a start loads the stored state", || again.has_noted(end));
}

#[test]
fn records_that_ingest_described_are_not_read() {
    let feed = Feed::new();
    let (coverage, recent) = (Coverage::open(feed.directory.path(), MEMORY_BYTES), RecentRecords::default());
    let letters = feed.letters();
    feed.append_readings("acme", 3);
    for number in 1..=3 {
        recent.add(Sequence(u64::from(number)), outline(&feed, 10 + number, true));
    }
    remove_segments(&feed);
    let keeper = Box::new(Keeper::new(letters, recent.clone()));
    let keeper = PumpHandle::start("keeper", keeper, feed.journal.clone(), feed.clock.clone(), soon()).unwrap();
    let pump = noting_with(&feed, &coverage, recent);
    until("all is noted", || coverage.has_noted(Sequence(4)));
    let noted = |number| coverage.newest_measurement(meter(number)).is_some();
    assert_eq!([11, 12, 13, 1].map(noted), [true, true, true, false]);
    wait_for(&keeper, 4);
    until("they are counted", || pump.status().readings == 3);
    assert_eq!(pump.status().last_error, None);
}

#[test]
fn a_record_that_ingest_did_not_describe_is_read_wherever_it_is() {
    let feed = Feed::new();
    let letters = feed.letters();
    let (coverage, recent) = (Coverage::open(feed.directory.path(), MEMORY_BYTES), RecentRecords::default());
    for number in 1..=7 {
        feed.append_as("acme", Verdict::Deliverable, 1, &feed::body(number, 1, 1.0).bytes);
    }
    feed.append_as("acme", Verdict::Undecodable, 1, b"\xff\xff");
    // The first two are older than all outlines, the fourth and the last have none.
    for number in [3, 5, 6, 7] {
        recent.add(Sequence(u64::from(number)), outline(&feed, 10 + number, number != 6));
    }
    let keeper = Box::new(Keeper::new(letters.clone(), recent.clone()));
    let keeper = PumpHandle::start("keeper", keeper, feed.journal.clone(), feed.clock.clone(), soon()).unwrap();
    let _pump = noting_with(&feed, &coverage, recent);
    until("all is noted", || coverage.has_noted(Sequence(9)));
    let noted = (1..=17).filter(|number| coverage.newest_measurement(meter(*number)).is_some());
    assert_eq!(noted.collect::<Vec<u8>>(), [1, 2, 4, 13, 15, 16, 17]);
    wait_for(&keeper, 9);
    assert_eq!(letters.open_by_kind()["undecodable"], 1);
}

/// A reading of the meter 1 at a quarter-hour, as it is sent a little later.
fn send_at_quarter_hour(feed: &Feed, begin: i64, number: i64) {
    let time_ns = (begin / SLOT_NS + number) * SLOT_NS;
    feed.clock.set_offset(time_ns + 1_000_000_000 - Clock::system().now().0);
    let reading = meterline_load::Reading { time_ns, ..feed::reading(1, 0, 1.0) };
    feed.append(&meterline_load::Body::new(0, vec![reading]));
}

#[test]
fn records_that_retention_deleted_before_gap_detection_saw_them_make_no_gap() {
    let feed = Feed::with(|options| {
        options.retain.bytes = 0;
        options.optional = vec![OptionalCursor { cursor: "coverage".to_owned(), lag_bytes_max: 8 << 20 }];
    });
    let begin = feed.clock.now().0;
    let coverage = Coverage::open(feed.directory.path(), MEMORY_BYTES);
    let pump = noting(&feed, &coverage);
    (0..4).for_each(|number| send_at_quarter_hour(&feed, begin, number));
    until("they are noted", || coverage.has_noted(feed.journal.next()));
    stop(&feed, &pump);
    let deleted_below = feed.journal.next();
    while feed.journal.oldest().next < Sequence(deleted_below.0 + 2) {
        let number = 4 + i64::try_from(feed.journal.next().0 - deleted_below.0).unwrap();
        send_at_quarter_hour(&feed, begin, number);
        feed.append(&meterline_load::Body::new(0, (0..15_000).map(|_| feed::reading(2, 0, 1.0)).collect()));
    }
    let coverage = Coverage::open(feed.directory.path(), MEMORY_BYTES);
    let _pump = noting(&feed, &coverage);
    until("the rest is noted", || coverage.has_noted(feed.journal.next()));
    coverage.judge(feed.clock.now());
    assert_eq!(coverage.gaps(), []);
    assert_eq!(feed.journal.gaps().list()[0].sink, "coverage");
}
