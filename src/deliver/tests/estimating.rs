//! Estimates of replays, compared with real ones.

use super::*;
use crate::deliver::{Estimate, estimate};

fn of(feed: &Feed, rewind: &Rewind, safe: u64) -> Option<Estimate> {
    estimate(feed.journal.view(), rewind, Sequence(safe), (&CurrentRules::default(), &Redecode::default())).unwrap()
}

#[test]
fn an_exact_estimate_is_what_the_replay_sends() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 3);
    feed.append_readings("other", 2);
    feed.append_as("acme", Verdict::Undecodable, 1, &feed::body(1, 9, 2.0).bytes);
    feed.append_as("acme", Verdict::PartlySetAside, 1, &feed::body(7, 200_000, f64::NAN).bytes);
    let pump = started(&feed, &sink);
    wait_for(&pump, 8);
    let redecode = Reread { redecode: true, ..Reread::default() };
    let rewinds = [
        (Rewind::to(Sequence(2)), (5, 4)),
        (Rewind { source: Some(feed.source("acme")), ..Rewind::to(Sequence(2)) }, (3, 2)),
        (Rewind { reread: redecode, ..Rewind::to(Sequence(2)) }, (6, 5)),
    ];
    for (rewind, wanted) in rewinds {
        let found = of(&feed, &rewind, 8).unwrap();
        assert_eq!((found.records, found.samples, found.readings), (wanted.0, wanted.1, wanted.1));
        assert!(found.is_exact());
        sink.script().samples.clear();
        pump.rewind(rewind).unwrap();
        wait_for(&pump, 8);
        let samples: usize = sink.script().samples.iter().map(|(_, samples)| samples).sum();
        assert_eq!((sink.script().samples.len() as u64, samples as u64), wanted);
    }
    assert_eq!(of(&feed, &Rewind::to(Sequence(8)), 8), None, "it has not come that far");
}

#[test]
fn a_long_range_is_sampled_and_extrapolated() {
    let feed = Feed::with(|options| {
        (options.record_bytes_max, options.group_bytes_max) = (16 << 10, 16 << 10);
        (options.segment_bytes, options.cap_bytes) = (64 << 10, 16 << 20);
    });
    feed.append_readings("acme", 200);
    let found = of(&feed, &Rewind::to(Sequence(1)), 201).unwrap();
    assert_eq!((found.records, found.samples), (200, 200));
    assert!(!found.is_exact() && found.records_read <= 64, "{found:?}");
}
