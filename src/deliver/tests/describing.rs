//! Meter descriptions: delivered in journal order, and skipped by a sink that takes none.

use super::*;
use crate::reading::{MeterId, UnixNanos};
use crate::recent_records::RecentRecords;
use crate::wire::PayloadFormat;
use crate::wire::meters::{Description, Version, encode};
use uuid::Uuid;

fn describe(feed: &Feed) {
    let version = Version {
        meter: MeterId::from(Uuid::from_u128(7)),
        metering_point: "house-1".to_owned(),
        description: Description::default(),
        source: "acme".to_owned(),
        valid_from: UnixNanos(0),
        valid_to: None,
    };
    feed.append_as("acme", Verdict::Deliverable, PayloadFormat::Meters.number(), &encode([&version]));
}

#[test]
fn a_sink_that_takes_no_descriptions_skips_them() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 2);
    describe(&feed);
    let pump = started(&feed, &sink);
    wait_for(&pump, 4);
    assert_eq!(pump.status().lag_records, 0);
    feed.append_readings("acme", 1);
    wait_for(&pump, 5);
    stop(&feed, &pump);
    assert_eq!(sink.taken(), [1, 2, 4]);
    assert_eq!(feed.stored_cursor("sink"), Some(Sequence(5)));
}

#[test]
fn a_description_is_no_dead_letter_and_one_that_cannot_be_read_is() {
    let feed = Feed::new();
    let letters = feed.letters();
    let keeper = Box::new(Keeper::new(letters.clone(), RecentRecords::default()));
    describe(&feed);
    feed.append_as("acme", Verdict::Undecodable, PayloadFormat::Meters.number(), b"\x0a\x05");
    let pump = PumpHandle::start("keeper", keeper, feed.journal.clone(), feed.clock.clone(), soon()).unwrap();
    wait_for(&pump, 3);
    stop(&feed, &pump);
    let letter = letters.get(LetterId(1)).unwrap();
    assert_eq!((letter.sequence, letter.kind), (Sequence(2), Kind::Undecodable));
    assert!(letter.reason.contains("not a valid meter description"), "{}", letter.reason);
    assert!(letters.get(LetterId(2)).is_err());
}
