//! A record per reading, by librdkafka's own thread.

use crate::job::{Counts, Job};
use crate::{Options, SinkStop};
use meterline_compare::kafka_record::{Reading, Value};
use prost::Message as _;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use uuid::Uuid;

const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(1);

/// Counts acknowledgements.
struct Acknowledged(Arc<Counts>);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = Arc<Job>;

    fn delivery(&self, result: &DeliveryResult<'_>, job: Arc<Job>) {
        if let Err((error, _)) = result {
            eprintln!("by-hand: Kafka refused a record: {error}");
        } else if job.reading_is_in_kafka() {
            self.0.kafka.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends the readings of all bodies; ends with the queue.
pub(crate) fn run(options: &Options, counts: &Arc<Counts>, mut jobs: mpsc::Receiver<Arc<Job>>) -> Result<(), SinkStop> {
    let producer: ThreadedProducer<Acknowledged> = ClientConfig::new()
        .set("bootstrap.servers", &options.brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", "0")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", if options.after_sinks { "1" } else { "20" })
        .create_with_context(Acknowledged(counts.clone()))?;
    let journal = Uuid::new_v4();
    let (mut key, mut value) = (Uuid::encode_buffer(), Vec::new());
    while let Some(job) = jobs.blocking_recv() {
        for (index, reading) in (0..).zip(&job.readings) {
            let message = Reading {
                meter: reading.meter.as_bytes().to_vec().into(),
                time_ns: reading.time_ns,
                received_ns: job.received_ns,
                source: "smart-me".to_owned(),
                journal: journal.as_bytes().to_vec().into(),
                sequence: job.sequence,
                index,
                values: reading
                    .values
                    .iter()
                    .map(|(obis, value)| Value { obis: obis.clone(), value: *value })
                    .collect(),
                ..Reading::default()
            };
            value.clear();
            message.encode(&mut value).map_err(|error| error.to_string())?;
            let key = &*reading.meter.hyphenated().encode_lower(&mut key);
            let mut record = BaseRecord::with_opaque_to(&options.topic, job.clone()).key(key).payload(&value);
            while let Err((error, refused)) = producer.send(record) {
                if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                    return Err(error.into());
                }
                record = refused;
                std::thread::sleep(QUEUE_FULL_PAUSE);
            }
        }
    }
    Ok(())
}
