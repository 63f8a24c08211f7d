//! Encodes readings as the values of Kafka records.
//!
//! Does not know the values' format. Invariant: samples allocate nothing once the largest
//! reading has been seen; the message, its values and the buffer are reused.

use super::config::Config;
use super::value::ValueEncoder;
use crate::journal::Record;
use crate::proto::v1;
use crate::reading::Sample;
use crate::wire::Judged;

/// Values kept for the next reading; more are freed.
const SPARE_VALUES_MAX: usize = 1_024;

/// An encoder of readings, one journal record after the other.
#[derive(Debug, Default)]
pub struct Encoder {
    values: ValueEncoder,
    message: v1::Reading,
    spare: Vec<v1::Value>,
    bytes: Vec<u8>,
}

impl Encoder {
    /// An encoder of the values of the topic of readings.
    pub fn of(config: &Config) -> Self {
        Self::new(config.values())
    }

    fn new(values: ValueEncoder) -> Self {
        Self { values, ..Self::default() }
    }

    /// Starts a record: the following readings belong to it.
    pub fn begin(&mut self, record: &Record<'_>, source: &str) {
        let message = &mut self.message;
        replace(&mut message.journal, record.journal.0.as_bytes());
        message.source.clear();
        message.source.push_str(source);
        message.received_ns = record.header.received.0;
        message.sequence = record.sequence.0;
    }

    /// Passes the encoded parts of a reading to `send`: nearly always one, none without a
    /// deliverable value.
    ///
    /// # Errors
    /// An error of `send`.
    pub fn parts<E>(&mut self, reading: &Judged<'_>, mut send: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let message = &mut self.message;
        replace(&mut message.meter, reading.meter.as_bytes());
        message.time_ns = reading.at.0;
        message.flags = u32::from(reading.flags.bits());
        message.index = reading.index;
        message.decode_revision = u32::from(reading.decode_revision);
        message.part = 0;
        self.put_back();
        let values_max = self.values.values_max();
        for sample in reading.samples() {
            if self.message.values.len() == values_max {
                send(self.encoded())?;
                self.put_back();
                self.message.part += 1;
            }
            self.push(sample);
        }
        if self.message.values.is_empty() { Ok(()) } else { send(self.encoded()) }
    }

    fn push(&mut self, sample: Sample) {
        #[cfg(feature = "test-faults")]
        crate::faults::panic_at("poison-kafka", sample.value);
        let mut value = self.spare.pop().unwrap_or_default();
        replace(&mut value.obis, &sample.obis.0);
        value.value = sample.value;
        self.message.values.push(value);
    }

    fn put_back(&mut self) {
        let room = SPARE_VALUES_MAX.saturating_sub(self.spare.len());
        self.message.values.truncate(room);
        self.spare.append(&mut self.message.values);
        self.message.values.shrink_to(SPARE_VALUES_MAX);
    }

    fn encoded(&mut self) -> &[u8] {
        self.values.reading(&self.message, &mut self.bytes);
        &self.bytes
    }
}

fn replace(bytes: &mut Vec<u8>, with: &[u8]) {
    bytes.clear();
    bytes.extend_from_slice(with);
}

#[cfg(test)]
mod tests;
