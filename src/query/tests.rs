//! Reading back what the sink stored.

use super::*;
use crate::deliver::tests::feed::{Feed, NOW_NS, body};
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
fn the_example_shows_what_is_stored_in_aligned_columns() {
    let (_feed, file) = stored(&[1.5, 2.0, 40.0]);
    let shown = example(&file).unwrap();
    assert_eq!(
        shown.result,
        "meter                                 obis           samples  mean  highest\n\
         01010101-0101-0101-0101-010101010101  1-0:1.8.0*255        3  14.5       40\n"
    );
}

#[test]
fn the_newest_samples_of_a_meter_come_newest_first() {
    let (_feed, file) = stored(&[1.0, 2.0, 3.0]);
    assert_eq!(count(&file).unwrap(), 3);
    let newest = newest(&file, "01010101-0101-0101-0101-010101010101", 2).unwrap();
    let found: Vec<_> = newest.iter().map(|sample| (sample.at.0, sample.value, sample.source.as_str())).collect();
    assert_eq!(found, [(NOW_NS + 2_000_000_000, 3.0, "acme"), (NOW_NS + 1_000_000_000, 2.0, "acme")]);
}

#[test]
fn a_file_that_is_no_store_is_an_error_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let error = count(&directory.path().join("nothing")).unwrap_err();
    assert!(error.to_string().contains("nothing"), "{error}");
}
