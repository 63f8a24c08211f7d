//! The report on posts of known content.

use super::super::file::tests::post;
use super::*;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use meterline_load::Reading as Sent;
use proptest::prelude::*;
use std::io::Write as _;

const SECOND: i64 = 1_000_000_000;
/// 2026-11-21T00:00:00Z.
const MIDNIGHT: i64 = 1_795_219_200 * SECOND;
const QUARTER: i64 = 900 * SECOND;
const ENERGY: [u8; 6] = [1, 0, 1, 8, 0, 255];
const ODD: [u8; 6] = [1, 0, 250, 99, 7, 255];

fn sent(meter: u8, time_ns: i64, value: f64) -> Sent {
    Sent { meter: [meter; 16], time_ns, values: vec![(ENERGY, value)] }
}

/// A post of these readings, received so many seconds after midnight.
fn of(second: i64, readings: Vec<Sent>) -> Post {
    let body = meterline_load::Body::new(0, readings).bytes;
    let inflated_bytes = Some(body.len() as u64);
    Post { received_ns: MIDNIGHT + second * SECOND, body: Some(Bytes::from(body)), inflated_bytes, ..post() }
}

fn gzipped(mut post: Post) -> Post {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&post.body.unwrap()).unwrap();
    post.body = Some(Bytes::from(encoder.finish().unwrap()));
    post.headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
    post
}

/// Some of everything.
fn mixed() -> Captured {
    let mut two = of(1, vec![sent(1, MIDNIGHT, 1.0), sent(2, MIDNIGHT, 5.0)]);
    two.version = "HTTP/2.0".to_owned();
    let mut refused = of(902, vec![sent(1, MIDNIGHT + QUARTER, 2.0)]);
    refused.answer = Some(503);
    let mut odd = sent(1, MIDNIGHT + 1800 * SECOND + 1_234_500, 4.0);
    odd.values.push((ODD, -7.5));
    let mut broken = post();
    broken.received_ns = MIDNIGHT + 1850 * SECOND;
    broken.body = Some(Bytes::from_static(b"\x0a\xff"));
    broken.client = "203.0.113.9".parse().unwrap();
    let posts = vec![
        two,
        refused,
        // The refused one again, then with another value, then one that is late.
        gzipped(of(903, vec![sent(1, MIDNIGHT + QUARTER, 2.0)])),
        of(1801, vec![odd]),
        of(1802, vec![sent(1, MIDNIGHT + QUARTER, 3.0)]),
        broken,
        // An hour of quarter-hours, stored.
        of(9000, (2..=5).map(|number| sent(2, MIDNIGHT + number * QUARTER, 6.0)).collect()),
    ];
    Captured { posts, unreadable_lines: 1 }
}

fn seen<'r>(report: &'r Report, id: &str) -> &'r str {
    let question = report.questions.iter().find(|question| question.id == id).unwrap();
    question.seen.as_deref().unwrap_or_else(|| panic!("nothing seen of {id}"))
}

#[test]
fn a_mixed_capture_answers_what_can_be_seen_of_it() {
    let report = Report::of(&mixed());
    let scales: Vec<_> = report.scales.iter().map(|it| (it.scale.as_str(), it.readings, it.at_quarter_hours)).collect();
    assert_eq!(scales, [("DAYS", 2, 2), ("HOURS", 1, 1), ("MINUTES", 6, 6), ("TICKS", 1, 0)]);
    assert_eq!((report.not_coarsest, report.kinds["none written"]), (0, 10));
    assert_eq!((report.http.versions["HTTP/1.1"], report.http.versions["HTTP/2.0"]), (6, 1));
    assert_eq!((report.http.encodings["gzip"], report.http.encodings[""]), (1, 6));
    assert_eq!(report.http.sources.len(), 2);
    assert_eq!(report.bodies.meters, Some(Spread { least: 1, median: 1, greatest: 2 }));
    assert_eq!(report.bodies.readings, Some(Spread { least: 1, median: 1, greatest: 4 }));
    assert_eq!(report.bodies.values_of_reading, Some(Spread { least: 1, median: 1, greatest: 2 }));
    assert_eq!(report.bodies.undecodable.values().sum::<u64>(), 1);
    let codes: Vec<_> = report.registers.iter().map(|it| (it.obis.as_str(), it.name.is_some(), it.values)).collect();
    assert_eq!(codes, [("1-0:1.8.0*255", true, 10), ("1-0:250.99.7*255", false, 1)]);
    assert_eq!(report.registers[1].example, -7.5);
    let first = &report.meters[0];
    assert_eq!((first.readings, first.at_quarter_hours), (5, 4));
    assert_eq!((first.repeats_same, first.repeats_other, first.late), (1, 1, 0));
    assert_eq!(first.distance_ms, Some(Spread { least: 900_000, median: 900_000, greatest: 900_001 }));
    assert_eq!(first.delay_ms, Some(Spread { least: 998, median: 2000, greatest: 902_000 }));
    assert!(seen(&report, "after_errors").starts_with("1 posts, 1 of their 1 readings came again"));
    assert!(seen(&report, "stored").contains("4 readings of 1 meters") && seen(&report, "stored").contains("oldest"));
    assert!(seen(&report, "registers").ends_with("without an entry in the registry: 1-0:250.99.7*255"));
    assert_eq!(seen(&report, "encoding"), "none (6), gzip (1)");
}

#[test]
fn a_late_reading_and_a_scale_that_is_not_the_coarsest_are_told() {
    // The hour of midnight, written in hours: 08 <sint64> 10 01.
    let id = [0x0a, 28, 0x0a, 18, 0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x11, 1, 2, 3, 4, 5, 6, 7, 8];
    let hours = [0x12, 6, 0x08, 0xe0, 0xef, 0x3c, 0x10, 1];
    let coarse = Post { body: Some(Bytes::from([&id[..], &hours[..]].concat())), ..post() };
    let late = vec![of(10, vec![sent(1, MIDNIGHT + 9 * SECOND, 1.0)]), of(11, vec![sent(1, MIDNIGHT, 1.0)]), coarse];
    let report = Report::of(&Captured { posts: late, unreadable_lines: 0 });
    assert_eq!(report.meters.iter().map(|meter| meter.late).sum::<u64>(), 1);
    assert_eq!(report.bodies.undecodable, BTreeMap::new());
    assert_eq!(report.not_coarsest, 1);
}

#[test]
fn what_a_capture_cannot_answer_is_named() {
    for captured in [Captured::default(), Captured { posts: vec![of(1, Vec::new())], unreadable_lines: 0 }] {
        let report = Report::of(&captured);
        for question in &report.questions {
            assert!(question.seen.is_some() || question.missing.is_some(), "{question:?}");
        }
        let scales = report.questions.iter().find(|question| question.id == "scales").unwrap();
        assert_eq!((&scales.seen, scales.missing), (&None, Some("no reading was captured")));
        let units = report.questions.iter().find(|question| question.id == "units").unwrap();
        assert!(units.missing.is_some_and(|why| why.contains("REST")));
    }
}

proptest! {
    #[test]
    fn no_body_and_no_head_make_the_report_panic(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..6),
        received_ns in any::<i64>(),
        encoding in "[a-z\u{0}-\u{1f}]{0,8}|gzip|deflate",
    ) {
        let posts = bodies.into_iter().map(|body| Post {
            received_ns,
            body: Some(Bytes::from(body)),
            headers: vec![("content-encoding".to_owned(), encoding.clone())],
            ..post()
        });
        let posts: Vec<Post> = posts.collect();
        let count = posts.len();
        prop_assert_eq!(Report::of(&Captured { posts, unreadable_lines: 0 }).posts, count);
    }

    #[test]
    fn times_at_the_ends_of_what_can_be_written_make_the_report_no_trouble(
        times in proptest::collection::vec(any::<i64>(), 1..6),
        received_ns in any::<i64>(),
    ) {
        let readings = times.into_iter().map(|time| sent(1, time / 100 * 100, 1.0)).collect();
        let posts = vec![Post { received_ns, ..of(0, readings) }];
        prop_assert_eq!(Report::of(&Captured { posts, unreadable_lines: 0 }).posts, 1);
    }
}
