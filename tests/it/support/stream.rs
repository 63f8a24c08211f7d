//! The topic's content, as its consumers read it.

use super::kafka::{Message, consume};
use super::stores::Samples;
use meterline::proto::v1::Reading;
use meterline_load::{Body, SampleKey};
use prost::Message as _;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The identity of a reading: journal, sequence, index, part, decode revision.
pub(crate) type Identity = (Vec<u8>, u64, u32, u32, u32);

/// The readings of a topic: as they came, and without repeats.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Every record in the order of its partition, partition after partition.
    pub(crate) records: Vec<(Message, Reading)>,
    /// The first occurrence of each identity, in the same order.
    pub(crate) first: Vec<Reading>,
}

impl Stream {
    /// Reads a topic to its end as of now, without aborted transactions.
    pub(crate) fn read(brokers: &str, topic: &str) -> Self {
        let records: Vec<(Message, Reading)> = consume(brokers, topic)
            .into_iter()
            .map(|message| (message.clone(), Reading::decode(message.value.as_slice()).unwrap()))
            .collect();
        let mut seen: BTreeMap<Identity, Reading> = BTreeMap::new();
        let mut first = Vec::new();
        for (_, reading) in &records {
            if let Some(before) = seen.get(&identity(reading)) {
                assert_eq!(before, reading, "a repeat says the same");
            } else {
                seen.insert(identity(reading), reading.clone());
                first.push(reading.clone());
            }
        }
        Self { records, first }
    }

    /// Number of records whose identity came before.
    pub(crate) fn repeats(&self) -> usize {
        self.records.len() - self.first.len()
    }

    /// Fails unless every record's key is its meter's UUID as text, and a meter is in
    /// one partition only.
    pub(crate) fn assert_keyed_by_meter(&self) {
        let mut partitions: BTreeMap<&[u8], i32> = BTreeMap::new();
        for (message, reading) in &self.records {
            let meter = Uuid::from_slice(&reading.meter).unwrap().to_string();
            assert_eq!(message.key.as_deref(), Some(meter.as_bytes()));
            let partition = *partitions.entry(&reading.meter).or_insert(message.partition);
            assert_eq!(message.partition, partition, "partition of {meter}");
        }
    }

    /// Fails unless the first occurrences of each meter's readings come in the order
    /// of the journal.
    pub(crate) fn assert_in_journal_order(&self) {
        let mut last: BTreeMap<&[u8], (u64, u32, u32)> = BTreeMap::new();
        for reading in &self.first {
            let place = (reading.sequence, reading.index, reading.part);
            let before = last.insert(&reading.meter, place);
            assert!(before < Some(place), "a meter's {place:?} comes after {before:?}");
        }
    }

    /// Per key the last value in journal order; of one record the readings of the newest decoder.
    pub(crate) fn samples(&self) -> Samples {
        let mut ordered: Vec<&Reading> = self.first.iter().collect();
        ordered.sort_by_key(|reading| (reading.sequence, reading.decode_revision, reading.index, reading.part));
        Self::last_of(ordered)
    }

    /// Per key the last value in the order of the topic, which may have readings of several journals.
    pub(crate) fn last_in_topic(&self) -> Samples {
        Self::last_of(self.records.iter().map(|(_, reading)| reading))
    }

    fn last_of<'a>(ordered: impl IntoIterator<Item = &'a Reading>) -> Samples {
        let mut samples = Samples::new();
        for reading in ordered {
            for value in &reading.values {
                let meter = reading.meter.as_slice().try_into().unwrap();
                let obis = value.obis.as_slice().try_into().unwrap();
                samples.insert(SampleKey { meter, obis, time_ns: reading.time_ns }, value.value);
            }
        }
        samples
    }

    /// Number of occurrences of each reading (meter, time, values to the bit), without repeats.
    pub(crate) fn counts(&self) -> BTreeMap<Content, usize> {
        let readings = self.first.iter().map(|reading| {
            let values = reading.values.iter().map(|value| (value.obis.to_vec(), value.value.to_bits())).collect();
            (reading.meter.to_vec(), reading.time_ns, values)
        });
        count(readings)
    }
}

/// A reading without its identity: meter, time, values.
pub(crate) type Content = (Vec<u8>, i64, Vec<(Vec<u8>, u64)>);

/// Number of occurrences of each reading in these bodies.
pub(crate) fn counts_of(bodies: &[Body]) -> BTreeMap<Content, usize> {
    let readings = bodies.iter().flat_map(|body| &body.readings).map(|reading| {
        let values = reading.values.iter().map(|(obis, value)| (obis.to_vec(), value.to_bits())).collect();
        (reading.meter.to_vec(), reading.time_ns, values)
    });
    count(readings)
}

fn count(readings: impl Iterator<Item = Content>) -> BTreeMap<Content, usize> {
    let mut counts = BTreeMap::new();
    for reading in readings {
        *counts.entry(reading).or_insert(0) += 1;
    }
    counts
}

fn identity(reading: &Reading) -> Identity {
    (reading.journal.to_vec(), reading.sequence, reading.index, reading.part, reading.decode_revision)
}
