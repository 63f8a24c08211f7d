//! A body on its way to the sinks.

use axum::body::Bytes;
use meterline_compare::clock;
use meterline_load::proto::bcl;
use meterline_load::proto::smart_me::DeviceDataArray;
use prost::Message as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use uuid::Uuid;

const SINKS: usize = 2;
/// Nanoseconds of the time scales 0 to 5.
const SCALES_NS: [i64; 6] = [86_400_000_000_000, 3_600_000_000_000, 60_000_000_000, 1_000_000_000, 1_000_000, 100];

/// Bodies taken, and confirmed by each sink.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) taken: AtomicU64,
    pub(crate) questdb: AtomicU64,
    pub(crate) kafka: AtomicU64,
}

/// One meter at one instant.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) meter: Uuid,
    pub(crate) time_ns: i64,
    pub(crate) values: Vec<(Bytes, f64)>,
}

/// A decoded body.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) sequence: u64,
    pub(crate) received_ns: i64,
    pub(crate) readings: Vec<Reading>,
    /// Readings that Kafka has not confirmed.
    kafka_left: AtomicUsize,
    sinks_left: AtomicUsize,
    confirmed: Mutex<Option<oneshot::Sender<()>>>,
}

impl Job {
    /// A body, and the end of its confirmation if an answer waits for it.
    pub(crate) fn new(
        sequence: u64,
        readings: Vec<Reading>,
        waits: bool,
    ) -> (Arc<Self>, Option<oneshot::Receiver<()>>) {
        let (sender, receiver) = oneshot::channel();
        let job = Self {
            sequence,
            received_ns: i64::try_from(clock::wall().as_nanos()).unwrap_or(i64::MAX),
            kafka_left: AtomicUsize::new(readings.len()),
            readings,
            sinks_left: AtomicUsize::new(SINKS),
            confirmed: Mutex::new(waits.then_some(sender)),
        };
        (Arc::new(job), waits.then_some(receiver))
    }

    /// Notes that Kafka has a reading. Whether it now has all.
    pub(crate) fn reading_is_in_kafka(&self) -> bool {
        let has_all = self.kafka_left.fetch_sub(1, Ordering::AcqRel) == 1;
        if has_all {
            self.is_in_a_sink();
        }
        has_all
    }

    /// Notes that a sink has the body.
    pub(crate) fn is_in_a_sink(&self) {
        if self.sinks_left.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(sender) = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            // The sender of the body may have gone.
            sender.send(()).ok();
        }
    }
}

/// The readings of a body.
pub(crate) fn decode(body: Bytes) -> Result<Vec<Reading>, prost::DecodeError> {
    let message = DeviceDataArray::decode(body)?;
    let readings = message.device_data_items.into_iter().filter_map(|device| {
        let values = device.device_values.into_iter().map(|value| (value.obis, value.value)).collect();
        Some(Reading { meter: meter(&device.device_id?), time_ns: time_ns(&device.date_time?)?, values })
    });
    Ok(readings.collect())
}

fn meter(guid: &bcl::Guid) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&guid.lo.to_le_bytes());
    bytes[8..].copy_from_slice(&guid.hi.to_le_bytes());
    Uuid::from_bytes_le(bytes)
}

fn time_ns(time: &bcl::DateTime) -> Option<i64> {
    time.value.checked_mul(*SCALES_NS.get(usize::try_from(time.scale).ok()?)?)
}
