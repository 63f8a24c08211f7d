//! Tests of the example query on stored samples.

use super::*;
use crate::deliver::tests::feed::{Feed, body};
use crate::deliver::{Delivery, Sink};
use crate::journal::Sequence;
use crate::reading::Limits;
use crate::sink::sqlite::Sqlite;
use crate::wire::PayloadFormat;

/// A store with these values of meter 1, a second apart.
fn stored(values: &[f64]) -> (Feed, PathBuf) {
    let feed = Feed::new();
    let file = feed.directory.path().join("store.sqlite");
    let mut sink = Sqlite::new("sqlite", &file, feed.clock.clone());
    sink.rewind(feed.journal.position(Sequence::FIRST)).unwrap();
    for (second, value) in (0..).zip(values) {
        feed.append(&body(1, second, *value));
    }
    let mut reader = feed.journal.reader(Sequence::FIRST).unwrap();
    while let Some(record) = reader.read().unwrap() {
        let delivery = Delivery {
            record,
            source: "acme",
            limits: &Limits::DEFAULT,
            judged_at: record.header.received,
            format: PayloadFormat::SmartMe,
        };
        sink.take(&delivery).unwrap();
    }
    sink.settle(true).unwrap();
    (feed, file)
}

#[test]
fn the_example_shows_the_stored_samples() {
    let (_feed, file) = stored(&[1.5, 2.0, 40.0]);
    let found = example(&file).unwrap();
    assert_eq!(found.columns, ["meter", "obis", "samples", "mean", "highest"]);
    let row = ["01010101-0101-0101-0101-010101010101", "1-0:1.8.0*255", "3", "14.5", "40"];
    assert_eq!(found.rows, [row]);
}

#[test]
fn a_file_that_is_not_a_store_is_an_error_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let error = example(&directory.path().join("nothing")).unwrap_err();
    assert!(error.to_string().contains("nothing"), "{error}");
}
