//! Stores that differ in each way that is counted.

use super::table::Summary;
use super::topic::{Place, Records, place_of};
use super::*;
use crate::body::Template;
use crate::fleet::{Sizes, lanes};
use crate::kafka_record::{Reading, Value};
use prost::Message as _;
use uuid::Uuid;

fn posted() -> Vec<Lane> {
    let mut lanes = lanes(60, Sizes::Mixed);
    for lane in &mut lanes {
        for _ in 0..3 {
            let time = lane.body(&Template::default(), &mut Vec::new());
            lane.accepted.push(time);
        }
        let time = lane.body(&Template::default(), &mut Vec::new());
        lane.unanswered.push(time);
    }
    lanes
}

fn record(meter: u32, time: Ticks) -> Reading {
    let values = body::values(meter, time);
    let values = values.into_iter().map(|(obis, value)| Value { obis: obis.to_vec().into(), value });
    let meter = body::meter_id(meter).to_vec().into();
    Reading { meter, time_ns: time.ns(), values: values.collect(), ..Reading::default() }
}

/// Every accepted reading in the order of time, then the ones without an answer.
fn stream(posted: &[Lane]) -> Vec<Reading> {
    let of = |times: fn(&Lane) -> &Vec<Ticks>| {
        posted.iter().flat_map(move |lane| {
            times(lane).iter().flat_map(|&time| lane.indexes().map(move |meter| record(meter, time)))
        })
    };
    of(|lane| &lane.accepted).chain(of(|lane| &lane.unanswered)).collect()
}

fn topic(posted: &[Lane], stream: &[Reading]) -> Found {
    let answered = Answered::of(posted);
    let mut records = Records::of(&answered);
    for reading in stream {
        records.add(&reading.encode_to_vec());
    }
    records.ended()
}

/// A table with these readings, one sample a row.
fn table(posted: &[Lane], stream: &[Reading]) -> Found {
    let store = rusqlite::Connection::open_in_memory().unwrap();
    store.execute_batch("create table samples (meter text, obis text, ts integer, value real)").unwrap();
    for reading in stream {
        let meter = Uuid::from_slice(&reading.meter).unwrap().to_string();
        for (register, value) in reading.values.iter().enumerate() {
            let row = (&meter, body::register_text(register), reading.time_ns, value.value);
            store.execute("insert into samples values (?1, ?2, ?3, ?4)", row).unwrap();
        }
    }
    let query = |sql: &str| lines_of(&store, sql).map_err(|error| error.to_string());
    Table { name: "samples".to_owned(), query: &query }.compare(&Answered::of(posted)).unwrap()
}

#[test]
fn stores_that_have_what_was_answered_are_exact_with_and_without_the_unanswered() {
    let posted = posted();
    let all = stream(&posted);
    let accepted = &all[..60 * 3];
    for (stream, samples) in [(&all[..], 60 * 4 * 8), (accepted, 60 * 3 * 8)] {
        let wanted = Found { samples, ..Found::default() };
        assert_eq!((topic(&posted, stream), table(&posted, stream)), (wanted, wanted));
    }
}

#[test]
fn a_lost_an_invented_a_duplicated_and_a_reordered_reading_are_each_counted() {
    let posted = posted();
    let whole = stream(&posted);
    let differing = |change: fn(&mut Vec<Reading>)| {
        let mut stream = whole.clone();
        change(&mut stream);
        [topic(&posted, &stream), table(&posted, &stream)].map(|it| (it.lost, it.invented, it.duplicated, it.reordered))
    };
    let dropped = |stream: &mut Vec<Reading>| drop(stream.remove(7));
    let other_time = |stream: &mut Vec<Reading>| stream.push(record(3, Ticks::at_ns(1_700_000_000_000_000_000)));
    let other_meter = |stream: &mut Vec<Reading>| {
        let time = stream[0].time_ns.unsigned_abs();
        stream.push(record(1_000, Ticks::at_ns(time)));
    };
    let twice = |stream: &mut Vec<Reading>| stream.push(stream[7].clone());
    let unanswered_twice = |stream: &mut Vec<Reading>| stream.extend(stream.last().cloned());
    // The first lane has one meter, so its readings are the first three.
    let swapped = |stream: &mut Vec<Reading>| stream.swap(0, 1);
    assert_eq!(differing(dropped), [(8, 0, 0, 0); 2]);
    assert_eq!(differing(other_time), [(0, 8, 0, 0); 2]);
    assert_eq!(differing(other_meter), [(0, 8, 0, 0); 2]);
    assert_eq!(differing(twice), [(0, 0, 8, 0); 2]);
    assert_eq!(differing(unanswered_twice), [(0, 0, 8, 0); 2]);
    assert_eq!(differing(swapped), [(0, 0, 0, 8), (0, 0, 0, 0)]);
    // A topic counts the whole reading, a table the sample.
    let other_value = |stream: &mut Vec<Reading>| stream[7].values[2].value += 1.0;
    assert_eq!(differing(other_value), [(8, 8, 0, 0), (1, 1, 0, 0)]);
}

#[test]
fn only_answered_readings_have_a_place_each_one_its_own() {
    let posted = posted();
    let answered = Answered::of(&posted);
    let mut places = BTreeSet::new();
    for lane in &posted {
        for (meter, &time) in lane.indexes().flat_map(|meter| lane.accepted.iter().map(move |time| (meter, time))) {
            let Place::Of { lane, at, .. } = place_of(&answered, &record(meter, time)) else { panic!("{meter}") };
            assert!(places.insert((lane, at)));
        }
        assert!(matches!(place_of(&answered, &record(lane.first, lane.unanswered[0])), Place::Unanswered(..)));
    }
    assert_eq!(places.len(), 60 * 3);
    assert!(matches!(place_of(&answered, &record(60, posted[0].accepted[0])), Place::None));
    assert!(matches!(place_of(&answered, &record(0, Ticks::at_ns(1_000))), Place::None));
}

#[test]
fn a_summary_differs_when_a_row_is_lost_or_another() {
    let posted = posted();
    let whole = Summary::of(&Answered::of(&posted)[0], 0);
    let sum: f64 = posted[0].accepted.iter().map(|&time| sum_of(0, time)).sum();
    let (first, last) = (posted[0].accepted[0].ns(), posted[0].accepted[2].ns());
    assert_eq!(Summary::read(&format!("24,{first},{last},{sum:E}")), Some(Summary::of(&Answered::of(&posted)[0], 0)));
    let mut less = posted.clone();
    less[0].accepted.remove(1);
    assert_ne!(Summary::of(&Answered::of(&less)[0], 0), whole);
    assert_ne!(Summary::of(&Answered::of(&posted)[0], 1), whole);
}
