//! Compares the stores with the answers: every reading of a body that was answered with 200 must be in QuestDB
//! and in Kafka with its values, and nothing else.
//!
//! QuestDB is asked for number, first and last time and the sum of the values of each meter; values are
//! pseudo-random whole numbers, so sums are exact and other rows give another sum. A meter that differs
//! is read row by row. Kafka's topic is read whole.

use crate::servers::Stores;
use meterline_compare::body::{self, Ticks, VALUES};
use meterline_compare::fleet::Lane;
use meterline_compare::kafka_record::Reading;
use prost::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// Meters read row by row; of more, the samples are counted.
const METERS_READ_MAX: usize = 200;

/// Samples of a store, against the answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// In the store.
    pub(crate) samples: u64,
    /// Answered with 200, but not in the store or with another value.
    pub(crate) lost: u64,
    /// In the store, but never answered.
    pub(crate) extra: u64,
    /// More than once in the store.
    pub(crate) repeated: u64,
}

impl Found {
    pub(crate) fn is_exact(self) -> bool {
        self.lost == 0 && self.extra == 0
    }
}

/// A lane with its times in order.
struct Answered<'a> {
    lane: &'a Lane,
    accepted: Vec<Ticks>,
}

impl<'a> Answered<'a> {
    fn of(lanes: &'a [Lane]) -> Vec<Self> {
        let sorted = |lane: &Lane| {
            let mut times = lane.accepted.clone();
            times.sort_unstable();
            times
        };
        lanes.iter().map(|lane| Self { lane, accepted: sorted(lane) }).collect()
    }

    fn may_have(&self, time: Ticks) -> bool {
        self.lane.unanswered.contains(&time)
    }
}

fn lane_of(lanes: &[Answered<'_>], meter: u32) -> Option<usize> {
    let at = lanes.partition_point(|answered| answered.lane.first <= meter).checked_sub(1)?;
    (meter - lanes[at].lane.first < u32::from(lanes[at].lane.meters)).then_some(at)
}

/// QuestDB's rows against the answers.
pub(crate) fn questdb(stores: &Stores, table: &str, lanes: &[Lane]) -> Result<Found, String> {
    let lanes = Answered::of(lanes);
    stores.query(&format!("SELECT wait_wal_table('{table}')"))?;
    let mut rows = BTreeMap::new();
    let sql = format!("SELECT meter, count(), min(ts)::long, max(ts)::long, sum(value) FROM \"{table}\"");
    for line in stores.query(&sql)? {
        let (meter, summary) = line.split_once(',').ok_or_else(|| format!("QuestDB gave the row {line:?}"))?;
        rows.insert(meter.to_owned(), summary.to_owned());
    }
    let mut found = Found::default();
    let mut differing = Vec::new();
    for (at, meter) in
        lanes.iter().enumerate().flat_map(|(at, answered)| answered.lane.indexes().map(move |it| (at, it)))
    {
        let actual = match rows.remove(&id_text(meter)) {
            Some(text) => Summary::read(&text).ok_or_else(|| format!("QuestDB gave the summary {text:?}"))?,
            None => Summary::default(),
        };
        found.samples += actual.samples;
        if actual != Summary::of(&lanes[at], meter) {
            differing.push((at, meter, actual));
        }
    }
    for meter in rows.into_values() {
        let samples = Summary::read(&meter).map_or(0, |summary| summary.samples);
        (found.samples, found.extra) = (found.samples + samples, found.extra + samples);
    }
    for (number, (at, meter, actual)) in differing.into_iter().enumerate() {
        if number < METERS_READ_MAX {
            rows_of(stores, table, &lanes[at], meter, &mut found)?;
        } else {
            let wanted = Summary::of(&lanes[at], meter).samples;
            found.lost += wanted.saturating_sub(actual.samples);
            found.extra += actual.samples.saturating_sub(wanted);
        }
    }
    Ok(found)
}

/// The rows of a meter in short.
#[derive(Debug, Default, PartialEq)]
struct Summary {
    samples: u64,
    first_ns: i64,
    last_ns: i64,
    sum: f64,
}

impl Summary {
    fn of(answered: &Answered<'_>, meter: u32) -> Self {
        let (Some(first), Some(last)) = (answered.accepted.first(), answered.accepted.last()) else {
            return Self::default();
        };
        let sum = answered.accepted.iter().map(|&time| sum_of(meter, time)).sum();
        let samples = (answered.accepted.len() * VALUES) as u64;
        Self { samples, first_ns: first.ns(), last_ns: last.ns(), sum }
    }

    fn read(text: &str) -> Option<Self> {
        let mut fields = text.split(',');
        let samples = fields.next()?.parse().ok()?;
        let (first_ns, last_ns) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self { samples, first_ns, last_ns, sum: fields.next()?.parse().ok()? })
    }
}

fn sum_of(meter: u32, time: Ticks) -> f64 {
    (0..VALUES).map(|register| body::value(meter, time, register)).sum()
}

fn id_text(meter: u32) -> String {
    Uuid::from_bytes(body::meter_id(meter)).to_string()
}

/// Adds the lost and the extra rows of a meter.
fn rows_of(stores: &Stores, table: &str, answered: &Answered<'_>, meter: u32, found: &mut Found) -> Result<(), String> {
    let id = id_text(meter);
    let sql = format!("SELECT ts::long, count(), sum(value) FROM \"{table}\" WHERE meter = '{id}' GROUP BY ts");
    let mut missing: BTreeSet<i64> = answered.accepted.iter().map(|time| time.ns()).collect();
    for line in stores.query(&sql)? {
        let mut fields = line.split(',');
        let read = (|| {
            Some((
                fields.next()?.parse::<i64>().ok()?,
                fields.next()?.parse::<u64>().ok()?,
                fields.next()?.parse::<f64>().ok()?,
            ))
        })();
        let (ns, samples, sum) = read.ok_or_else(|| format!("QuestDB gave the row {line:?}"))?;
        let time = Ticks::at_ns(ns.unsigned_abs());
        let is_whole = time.ns() == ns && samples == VALUES as u64 && sum == sum_of(meter, time);
        if missing.contains(&ns) && is_whole {
            missing.remove(&ns);
        } else if !missing.contains(&ns) && !answered.may_have(time) {
            found.extra += samples;
        }
    }
    found.lost += (missing.len() * VALUES) as u64;
    Ok(())
}

/// The records of Kafka's topic against the answers.
pub(crate) fn kafka(stores: &Stores, topic: &str, lanes: &[Lane]) -> Result<Found, String> {
    let lanes = Answered::of(lanes);
    let mut seen: Vec<Vec<u8>> =
        lanes.iter().map(|answered| vec![0; answered.accepted.len() * usize::from(answered.lane.meters)]).collect();
    let mut found = Found::default();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &stores.kafka)
        .set("group.id", "meterline-compare")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .map_err(|error| error.to_string())?;
    each_record(&consumer, topic, &mut |payload| {
        let Ok(reading) = Reading::decode(payload) else {
            found.extra += 1;
            return;
        };
        found.samples += reading.values.len() as u64;
        match place_of(&lanes, &reading) {
            Place::Of(lane, at) => seen[lane][at] = seen[lane][at].saturating_add(1),
            Place::Unanswered => {}
            Place::None => found.extra += reading.values.len() as u64,
        }
    })?;
    for count in seen.into_iter().flatten() {
        match count {
            0 => found.lost += VALUES as u64,
            1 => {}
            more => found.repeated += u64::from(more - 1) * VALUES as u64,
        }
    }
    Ok(found)
}

enum Place {
    /// Lane and place among its readings.
    Of(usize, usize),
    Unanswered,
    None,
}

fn place_of(lanes: &[Answered<'_>], reading: &Reading) -> Place {
    let time = Ticks::at_ns(reading.time_ns.unsigned_abs());
    let Some(meter) = body::meter_index(&reading.meter) else { return Place::None };
    let Some(lane) = lane_of(lanes, meter) else { return Place::None };
    let is_whole = time.ns() == reading.time_ns
        && reading.values.len() == VALUES
        && reading.values.iter().enumerate().all(|(register, it)| it.value == body::value(meter, time, register));
    let answered = &lanes[lane];
    match answered.accepted.binary_search(&time) {
        Ok(at) if is_whole => {
            let own = usize::try_from(meter - answered.lane.first).unwrap_or(0);
            Place::Of(lane, at * usize::from(answered.lane.meters) + own)
        }
        Err(_) if answered.may_have(time) => Place::Unanswered,
        _ => Place::None,
    }
}

/// Calls with the value of every committed record that the topic has now. The last offsets of a
/// partition may be markers of transactions, so its end is awaited, not a number of records.
fn each_record(consumer: &BaseConsumer, topic: &str, with: &mut dyn FnMut(&[u8])) -> Result<(), String> {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST_LIMIT).map_err(|error| error.to_string())?;
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    let mut left = 0;
    let mut assignment = TopicPartitionList::new();
    for partition in (0..).take(partitions) {
        let ends = consumer.fetch_watermarks(topic, partition, REQUEST_LIMIT).map_err(|error| error.to_string())?;
        if ends.0 < ends.1 {
            left += 1;
            assignment
                .add_partition_offset(topic, partition, Offset::Offset(ends.0))
                .map_err(|error| error.to_string())?;
        }
    }
    consumer.assign(&assignment).map_err(|error| error.to_string())?;
    while left > 0 {
        match consumer.poll(REQUEST_LIMIT).ok_or("Kafka gave no record within 30 seconds")? {
            Err(KafkaError::PartitionEOF(_)) => left -= 1,
            record => with(record.map_err(|error| error.to_string())?.payload().unwrap_or_default()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use meterline_compare::body::Template;
    use meterline_compare::fleet::{Sizes, lanes};
    use meterline_compare::kafka_record::Value;

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

    #[test]
    fn only_answered_readings_have_a_place_each_one_its_own() {
        let posted = posted();
        let answered = Answered::of(&posted);
        let mut places = BTreeSet::new();
        for lane in &posted {
            for (meter, &time) in lane.indexes().flat_map(|meter| lane.accepted.iter().map(move |time| (meter, time))) {
                let Place::Of(lane, at) = place_of(&answered, &record(meter, time)) else { panic!("{meter}") };
                assert!(places.insert((lane, at)));
            }
            assert!(matches!(place_of(&answered, &record(lane.first, lane.unanswered[0])), Place::Unanswered));
        }
        assert_eq!(places.len(), 60 * 3);
        let mut other = record(0, posted[0].accepted[0]);
        other.values[7].value += 1.0;
        assert!(matches!(place_of(&answered, &other), Place::None));
        assert!(matches!(place_of(&answered, &record(60, posted[0].accepted[0])), Place::None));
        assert!(matches!(place_of(&answered, &record(0, Ticks::at_ns(1_000))), Place::None));
    }

    #[test]
    fn a_summary_differs_when_a_row_is_lost_or_another() {
        let posted = posted();
        let whole = Summary::of(&Answered::of(&posted)[0], 0);
        let text = format!("{},{},{},{:E}", whole.samples, whole.first_ns, whole.last_ns, whole.sum);
        assert_eq!(Summary::read(&text), Some(Summary::of(&Answered::of(&posted)[0], 0)));
        let mut less = posted.clone();
        less[0].accepted.remove(1);
        assert_ne!(Summary::of(&Answered::of(&less)[0], 0), whole);
        assert_ne!(Summary::of(&Answered::of(&posted)[0], 1), whole);
    }
}
