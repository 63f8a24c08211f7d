//! Prints each sample of a topic of meterline's readings exactly once, in constant memory for
//! each meter: `meter obis time_ns value` on a line. It keeps the rules of docs/consumers.md.
//!
//! Dependencies: rdkafka, prost, uuid. `Reading` is made by prost-build from
//! proto/meterline/v1/reading.proto; inside this repository it is the one below.

use meterline::proto::v1::Reading;
use prost::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message as _};
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::io::Write;
use std::time::Duration;

/// The place of a reading in its journal: record, index in it, part.
type Place = (u64, u32, u32);

/// The highest place of each meter and journal. A meter's first copies come in this order, so
/// a reading that is not above it is a repeat.
#[derive(Debug, Default)]
pub struct Repeats(HashMap<(Vec<u8>, Vec<u8>), Place>);

impl Repeats {
    /// Whether the reading came before; notes it otherwise.
    pub fn contains(&mut self, reading: &Reading) -> bool {
        let place = (reading.sequence, reading.index, reading.part);
        let highest = self.0.entry((reading.meter.clone(), reading.journal.clone())).or_default();
        let is_repeat = place <= *highest;
        *highest = place.max(*highest);
        is_repeat
    }
}

/// Reads a topic from its beginning: forever, or until its end as of now. Writes each sample once.
pub fn consume(brokers: &str, topic: &str, until_end: bool, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "example")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("enable.partition.eof", "true")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(30))?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let mut open: HashSet<i32> = partitions.map(|partition| partition.id()).collect();
    consumer.subscribe(&[topic])?;
    let mut repeats = Repeats::default();
    while !open.is_empty() || !until_end {
        let message = match consumer.poll(Duration::from_secs(1)) {
            None => continue,
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
                continue;
            }
            Some(message) => message?,
        };
        let reading = Reading::decode(message.payload().unwrap_or_default())?;
        if !repeats.contains(&reading) {
            write(&reading, out)?;
        }
    }
    Ok(())
}

fn write(reading: &Reading, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let meter = uuid::Uuid::from_slice(&reading.meter)?;
    for value in &reading.values {
        let [a, b, c, d, e, f] = <[u8; 6]>::try_from(value.obis.as_slice())?;
        writeln!(out, "{meter} {a}-{b}:{c}.{d}.{e}*{f} {} {}", reading.time_ns, value.value)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, brokers, topic] = arguments.as_slice() else {
        return Err("usage: consume BROKERS TOPIC".into());
    };
    consume(brokers, topic, false, &mut std::io::stdout().lock())
}
