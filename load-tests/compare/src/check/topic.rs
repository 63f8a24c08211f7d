//! The records of a topic against the answers.

use super::{Answered, Found, lane_of};
use crate::body::{self, Ticks, VALUES};
use crate::fleet::Lane;
use crate::kafka_record::Reading;
use crate::servers::Stores;
use prost::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const REQUEST_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
const TRIES_MAX: u32 = 600;

/// The records of Kafka's topic against the answers.
///
/// # Errors
/// If Kafka does not answer as it should.
pub fn kafka(stores: &Stores, topic: &str, lanes: &[Lane]) -> Result<Found, String> {
    let consumer = consumer(stores, "read_committed")?;
    wait_for_transactions(&consumer, &self::consumer(stores, "read_uncommitted")?, topic)?;
    let lanes = Answered::of(lanes);
    let mut records = Records::of(&lanes);
    each_record(&consumer, topic, &mut |payload| records.add(payload))?;
    Ok(records.ended())
}

/// The records so far.
pub(super) struct Records<'a> {
    lanes: &'a [Answered<'a>],
    /// How often each accepted reading was there, by lane, time and meter.
    seen: Vec<Vec<u32>>,
    unanswered: BTreeSet<(u32, Ticks)>,
    /// The latest reading of each meter.
    latest: BTreeMap<u32, Ticks>,
    found: Found,
}

impl<'a> Records<'a> {
    pub(super) fn of(lanes: &'a [Answered<'a>]) -> Self {
        let places = |answered: &Answered<'_>| vec![0; answered.accepted.len() * usize::from(answered.lane.meters)];
        Self {
            lanes,
            seen: lanes.iter().map(places).collect(),
            unanswered: BTreeSet::new(),
            latest: BTreeMap::new(),
            found: Found::default(),
        }
    }

    pub(super) fn add(&mut self, payload: &[u8]) {
        let Ok(reading) = Reading::decode(payload) else {
            self.found.invented += 1;
            return;
        };
        let samples = reading.values.len() as u64;
        self.found.samples += samples;
        match place_of(self.lanes, &reading) {
            Place::Of { lane, at, meter, time } => {
                self.seen[lane][at] += 1;
                if self.seen[lane][at] == 1 {
                    self.follow(meter, time);
                } else {
                    self.found.duplicated += samples;
                }
            }
            Place::Unanswered(meter, time) => {
                if !self.unanswered.insert((meter, time)) {
                    self.found.duplicated += samples;
                }
            }
            Place::None => self.found.invented += samples,
        }
    }

    /// Checks the order of a reading that is there for the first time.
    fn follow(&mut self, meter: u32, time: Ticks) {
        let latest = self.latest.entry(meter).or_default();
        if time < *latest {
            self.found.reordered += VALUES as u64;
        } else {
            *latest = time;
        }
    }

    pub(super) fn ended(mut self) -> Found {
        let missing = self.seen.iter().flatten().filter(|count| **count == 0).count();
        self.found.lost += (missing * VALUES) as u64;
        self.found
    }
}

pub(super) enum Place {
    /// Lane and place among its readings, meter and time.
    Of {
        lane: usize,
        at: usize,
        meter: u32,
        time: Ticks,
    },
    Unanswered(u32, Ticks),
    None,
}

pub(super) fn place_of(lanes: &[Answered<'_>], reading: &Reading) -> Place {
    let time = Ticks::at_ns(reading.time_ns.unsigned_abs());
    let Some(meter) = body::meter_index(&reading.meter) else { return Place::None };
    let Some(lane) = lane_of(lanes, meter) else { return Place::None };
    let values = reading.values.iter().map(|it| (&it.obis[..], it.value));
    let is_whole =
        time.ns() == reading.time_ns && values.eq(body::values(meter, time).iter().map(|(o, v)| (&o[..], *v)));
    let answered = &lanes[lane];
    match answered.accepted.binary_search(&time) {
        Ok(at) if is_whole => {
            let own = usize::try_from(meter - answered.lane.first).unwrap_or(0);
            Place::Of { lane, at: at * usize::from(answered.lane.meters) + own, meter, time }
        }
        Err(_) if is_whole && answered.unanswered.contains(&time) => Place::Unanswered(meter, time),
        _ => Place::None,
    }
}

fn consumer(stores: &Stores, isolation: &str) -> Result<BaseConsumer, String> {
    ClientConfig::new()
        .set("bootstrap.servers", &stores.kafka)
        .set("group.id", "meterline-check")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", isolation)
        .create()
        .map_err(|error| error.to_string())
}

/// Waits until no transaction is open. The brokers finish a commit after they have answered it.
fn wait_for_transactions(committed: &BaseConsumer, all: &BaseConsumer, topic: &str) -> Result<(), String> {
    let end = |consumer: &BaseConsumer, partition| -> Result<i64, String> {
        let (_, end) = consumer.fetch_watermarks(topic, partition, REQUEST_LIMIT).map_err(|error| error.to_string())?;
        Ok(end)
    };
    for partition in 0..partition_count(all, topic)? {
        let until = end(all, partition)?;
        let mut tries = 0;
        while end(committed, partition)? < until {
            tries += 1;
            if tries > TRIES_MAX {
                return Err(format!("partition {partition} of {topic} has an open transaction"));
            }
            std::thread::sleep(POLL);
        }
    }
    Ok(())
}

fn partition_count(consumer: &BaseConsumer, topic: &str) -> Result<i32, String> {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST_LIMIT).map_err(|error| error.to_string())?;
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    i32::try_from(partitions).map_err(|error| error.to_string())
}

/// Calls with the value of every committed record that the topic has now. The last offsets of a
/// partition may be markers of transactions, so its end is awaited, not a number of records.
fn each_record(consumer: &BaseConsumer, topic: &str, with: &mut dyn FnMut(&[u8])) -> Result<(), String> {
    let mut left = 0;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partition_count(consumer, topic)? {
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
