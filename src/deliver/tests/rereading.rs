//! Replays that read records differently from ingest, and restarts in the middle of one.

use super::*;
use crate::journal::Cursor;
use crate::reading::{Flags, Limits, MeterId, Obis, Sample, UnixNanos};
use crate::wire::batch::{self, Original};
use metrics_exporter_prometheus::PrometheusBuilder;
use uuid::Uuid;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const SECOND_NS: i64 = 1_000_000_000;

/// Limits that refuse measurements older than `seconds`.
fn accepting(age_seconds: i64) -> Limits {
    Limits { age_ns_max: age_seconds * SECOND_NS, ..Limits::DEFAULT }
}

/// A record with one reading, measured `second` seconds after now.
fn append_measured(feed: &Feed, second: i64, limits: &Limits) -> Sequence {
    feed.append_judged("acme", Verdict::Deliverable, limits, 1, &feed::body(1, second, 1.0).bytes)
}

fn rereading(from: u64, reread: Reread) -> Rewind {
    Rewind { reread, ..Rewind::to(Sequence(from)) }
}

fn with_rules(feed: &Feed, sink: &Recorder, limits: Limits) -> PumpHandle {
    pump(feed, sink, PumpOptions { rules: CurrentRules::new([("acme".to_owned(), limits)]), ..soon() })
}

#[test]
fn undecodable_records_go_to_the_sink_when_a_replay_decodes_again() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("acme", 1);
    // Undecodable for ingest, decodable now.
    feed.append_as("acme", Verdict::Undecodable, 1, &feed::body(1, 5, 2.0).bytes);
    feed.append_as("acme", Verdict::Undecodable, 1, b"\xff\xff");
    let pump = started(&feed, &sink);
    wait_for(&pump, 4);
    assert_eq!(sink.taken(), [1]);
    pump.rewind(Rewind::to(Sequence(1))).unwrap();
    wait_for(&pump, 4);
    assert_eq!(sink.taken(), [1, 1], "a plain replay leaves it out");

    pump.rewind(rereading(1, Reread { redecode: true, ..Reread::default() })).unwrap();
    feed.append_as("acme", Verdict::Undecodable, 1, &feed::body(1, 6, 2.0).bytes);
    wait_for(&pump, 5);
    assert_eq!(sink.script().samples[2..], [(1, 1), (2, 1), (3, 0)], "and nothing that came after it was asked for");
}

/// A batch with a reading of each of these meters and times, and this original message.
fn batch(readings: &[(u128, i64)], message: &str) -> Vec<u8> {
    let sample = Sample { obis: Obis([1, 0, 1, 8, 0, 255]), value: 1.0 };
    let readings = readings.iter().map(|(meter, second)| {
        let at = UnixNanos(feed::NOW_NS + second * SECOND_NS);
        (MeterId::from(Uuid::from_u128(*meter)), at, Flags::NONE, [sample])
    });
    batch::encode(readings, &Original { bytes: message.as_bytes(), ..Original::default() })
}

/// A decoder that makes as many readings as the message says, the last of them far in the future.
fn counting() -> Redecode {
    Redecode::by(|source, _, body| {
        let message = batch::original(body).unwrap().bytes.to_vec();
        match std::str::from_utf8(&message).unwrap() {
            "" => Err(format!("a message of {source} is not kept")),
            "panic" => panic!("a fault of the decoder"),
            count => {
                let count: i64 = count.parse().unwrap();
                Ok(batch(&(1..=count).map(|n| (1, if n < count { n } else { 99 * DAY })).collect::<Vec<_>>(), ""))
            }
        }
    })
}

#[test]
fn a_replay_decodes_original_messages_again_and_keeps_the_readings_of_the_others() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    let append = |body: &[u8]| feed.append_as("acme", Verdict::Deliverable, 2, body);
    for message in ["3", "", "panic"] {
        append(&batch(&[(1, 0)], message));
    }
    feed.append_readings("acme", 1);
    let metrics = PrometheusBuilder::new().build_recorder();
    let options = PumpOptions { redecode: counting(), ..soon() };
    let pump = ::metrics::with_local_recorder(&metrics, || pump(&feed, &sink, options));
    wait_for(&pump, 5);
    pump.rewind(Rewind::to(Sequence(1))).unwrap();
    wait_for(&pump, 5);
    let as_stored = [(1, 1), (2, 1), (3, 1), (4, 1)];
    assert_eq!(sink.script().samples, [as_stored, as_stored].concat(), "a plain replay changes nothing");

    let redecode = Reread { redecode: true, ..Reread::default() };
    let (rules, decoder) = (CurrentRules::default(), counting());
    let estimate =
        crate::deliver::estimate(feed.journal.view(), &rereading(1, redecode), Sequence(5), (&rules, &decoder));
    let estimate = estimate.unwrap().unwrap();
    assert_eq!((estimate.records, estimate.samples, estimate.kept), (4, 5, 2));
    pump.rewind(rereading(1, redecode)).unwrap();
    append(&batch(&[(1, 0)], "9"));
    wait_for(&pump, 6);
    let (limits_of_the_record, kept) = ((1, 2), [(2, 1), (3, 1), (4, 1)]);
    assert_eq!(sink.script().samples[8..12], [&[limits_of_the_record][..], &kept].concat());
    assert_eq!(sink.script().samples[12..], [(5, 1)], "what came later is read normally");
    for (outcome, count) in [("decoded", 1), ("kept", 2)] {
        let labels = format!(r#"{{sink="sink",outcome="{outcome}"}}"#);
        let line = format!("meterline_sink_redecoded_records_total{labels} {count}\n");
        assert!(metrics.handle().render().contains(&line), "{line}");
    }
}

#[test]
fn a_replay_of_a_lagging_sink_also_rereads_records_it_had_not_had() {
    for asked_from in [1, 4] {
        let feed = Feed::new();
        let sink = Recorder::new("sink", &feed.journal);
        sink.fail_at(2, Fault::Blocked, u32::MAX);
        feed.append_readings("acme", 2);
        for second in [3, 4] {
            feed.append_as("acme", Verdict::Undecodable, 1, &feed::body(1, second, 2.0).bytes);
        }
        let pump = started(&feed, &sink);
        wait_for_state(&pump, SinkState::Blocked);
        let redecode = Reread { redecode: true, ..Reread::default() };
        let rewound = pump.rewind(rereading(asked_from, redecode)).unwrap();
        assert_eq!(rewound, Rewound { from: Sequence(asked_from), until: Sequence(5) });
        feed.append_as("acme", Verdict::Undecodable, 1, &feed::body(1, 6, 2.0).bytes);
        assert_eq!(pump.status().replaying_until, Some(Sequence(5)));
        sink.script().faults.clear();
        wait_for(&pump, 6);
        let mut taken = sink.taken();
        taken.sort_unstable();
        taken.dedup();
        let wanted: &[u64] = if asked_from == 1 { &[1, 2, 3, 4] } else { &[1, 2, 4] };
        assert_eq!(taken, wanted, "asked from {asked_from}");
    }
}

#[test]
fn every_record_is_judged_by_its_own_rule_also_by_a_lagging_pump() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    sink.fail_at(1, Fault::Blocked, u32::MAX);
    append_measured(&feed, -2 * HOUR, &accepting(HOUR));
    append_measured(&feed, -2 * HOUR, &accepting(DAY));
    let first = started(&feed, &sink);
    wait_for_state(&first, SinkState::Blocked);
    stop(&feed, &first);
    let feed = feed.reopened();
    append_measured(&feed, -2 * HOUR, &accepting(HOUR));
    let sink = Recorder::new("sink", &feed.journal);
    let second = with_rules(&feed, &sink, accepting(400 * DAY));
    wait_for(&second, 4);
    assert_eq!(sink.script().samples, [(1, 0), (2, 1), (3, 0)]);
}

#[test]
fn a_replay_by_the_current_rule_delivers_samples_set_aside_by_an_older_rule() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    append_measured(&feed, -2 * HOUR, &accepting(HOUR));
    append_measured(&feed, -2 * DAY, &accepting(HOUR));
    let pump = with_rules(&feed, &sink, accepting(DAY));
    wait_for(&pump, 3);
    assert_eq!(sink.script().samples, [(1, 0), (2, 0)]);
    pump.rewind(rereading(1, Reread { current_rule: true, ..Reread::default() })).unwrap();
    wait_for(&pump, 3);
    assert_eq!(sink.script().samples[2..], [(1, 1), (2, 0)]);
}

#[test]
fn a_replay_at_now_delivers_samples_set_aside_by_a_wrong_clock() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    let right = feed.clock.clone();
    let offset = feed::NOW_NS - {
        right.set_offset(0);
        right.now().0
    };
    right.set_offset(offset + 2 * 366 * DAY * SECOND_NS);
    append_measured(&feed, 0, &Limits::DEFAULT);
    right.set_offset(offset);
    append_measured(&feed, 1, &Limits::DEFAULT);
    let pump = started(&feed, &sink);
    wait_for(&pump, 3);
    assert_eq!(sink.script().samples, [(1, 0), (2, 1)], "two years old by the clock of then");
    let judged_at = Some(feed.clock.now());
    pump.rewind(rereading(1, Reread { judged_at, ..Reread::default() })).unwrap();
    wait_for(&pump, 3);
    assert_eq!(sink.script().samples[2..], [(1, 1), (2, 1)]);
}

#[test]
fn a_restart_in_the_middle_of_a_replay_reads_on_in_its_way_and_ends_where_it_would_have() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    for second in 0..4 {
        feed.append_as("acme", Verdict::Undecodable, 1, &feed::body(1, second, 1.0).bytes);
    }
    let pump = started(&feed, &sink);
    wait_for(&pump, 5);
    sink.fail_at(3, Fault::Blocked, u32::MAX);
    pump.rewind(rereading(2, Reread { redecode: true, ..Reread::default() })).unwrap();
    wait_for_state(&pump, SinkState::Blocked);
    assert_eq!(pump.status().replaying_until, Some(Sequence(5)));
    stop(&feed, &pump);

    let feed = feed.reopened();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_as("acme", Verdict::Undecodable, 1, &feed::body(1, 9, 1.0).bytes);
    let pump = started(&feed, &sink);
    wait_for(&pump, 6);
    assert!(sink.taken().ends_with(&[3, 4]), "without the last, which came later: {:?}", sink.taken());
    until("the cursor has no replay note", || {
        feed.journal.cursors().load("sink").unwrap().is_some_and(|cursor| cursor.note.is_empty())
    });
    assert_eq!(pump.status().replaying_until, None);
}

#[test]
fn a_replay_of_one_source_stays_one_over_a_restart() {
    let feed = Feed::new();
    let sink = Recorder::new("sink", &feed.journal);
    feed.append_readings("other", 2);
    feed.append_readings("acme", 2);
    let pump = started(&feed, &sink);
    wait_for(&pump, 5);
    sink.fail_at(3, Fault::Waiting, u32::MAX);
    pump.rewind(Rewind { source: Some(feed.source("acme")), ..Rewind::to(Sequence(1)) }).unwrap();
    wait_for_state(&pump, SinkState::Waiting);
    stop(&feed, &pump);
    let sink = Recorder::new("sink", &feed.journal);
    let pump = started(&feed, &sink);
    wait_for(&pump, 5);
    assert_eq!(sink.taken(), [3, 4]);
}

#[test]
fn a_stored_cursor_is_rewound_for_the_next_start() {
    let feed = Feed::new();
    feed.append_as("acme", Verdict::Undecodable, 1, &feed::body(1, 0, 1.0).bytes);
    feed.append_readings("acme", 2);
    feed.store_cursor("sink", 4);
    let reread = Reread { redecode: true, ..Reread::default() };
    let rewound = rewind_stored(&feed.journal, "sink", &rereading(1, reread), feed.clock.now()).unwrap();
    assert_eq!(rewound, Some(Rewound { from: Sequence(1), until: Sequence(4) }));
    feed.append_as("acme", Verdict::Undecodable, 1, &feed::body(1, 6, 1.0).bytes);
    let further = rewind_stored(&feed.journal, "sink", &rereading(4, reread), feed.clock.now()).unwrap();
    assert_eq!(further, Some(Rewound { from: Sequence(4), until: Sequence(5) }), "what it has not had yet");
    let again = rewind_stored(&feed.journal, "sink", &Rewind::to(Sequence(9)), feed.clock.now()).unwrap();
    assert_eq!(again, None, "it has not come that far");
    feed.append_as("acme", Verdict::Undecodable, 1, &feed::body(1, 7, 1.0).bytes);
    let sink = Recorder::new("sink", &feed.journal);
    wait_for(&started(&feed, &sink), 6);
    assert_eq!(sink.taken(), [1, 2, 3, 4]);
}

#[test]
fn a_note_of_another_program_does_not_stop_a_sink() {
    let feed = Feed::new();
    feed.append_readings("acme", 2);
    let mut cursor = Cursor::at("sink", feed.journal.position(Sequence(2)), feed.clock.now());
    cursor.note = "something=else".to_owned();
    feed.journal.cursors().store(&cursor).unwrap();
    let sink = Recorder::new("sink", &feed.journal);
    wait_for(&started(&feed, &sink), 3);
    assert_eq!(sink.taken(), [2]);
}
