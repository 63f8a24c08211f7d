//! Decodes the original messages of records again, for replays after a decoder was mended.
//!
//! A source gives one [`Decoder`] for each format that it journals, with its options of today. It is
//! the same code that decoded the message at receipt. Invariants: only what ingest took of a message
//! is delivered again, unless the new decoder finds another number of readings. A message that filled a gap gives
//! only what was missing; rows of intervals have codes of their own, so they replace nothing that arrived. A zero of a
//! counter of gas, water or heat that was left out stays out.

use super::inlet::{Decoded, is_zero_of_counter};
use crate::contexts::{Contexts, version_of};
use crate::reading::registry::{is_counter, is_of_interval};
use crate::reading::{Flags, MeterId, Obis, UnixNanos};
use crate::vendor::Reading;
use crate::wire::batch::{Original, encode, original, readings};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// A message of the journal.
#[derive(Debug)]
pub struct Recorded<'a> {
    /// The message.
    pub original: &'a Original<'a>,
    /// The context that it names. If it names none, the oldest of the device, which came after it.
    pub context: Option<&'a [u8]>,
    /// When it was received: the time of its readings that have none of their own.
    pub received: UnixNanos,
}

/// Decodes a message as at receipt. The error is a sentence.
pub type Decoder = Box<dyn Fn(&Recorded<'_>) -> Result<Decoded, String> + Send + Sync>;

/// The decoders of all configured sources.
#[derive(Default)]
pub struct Redecoder {
    /// By source, then by format.
    decoders: HashMap<String, HashMap<&'static str, Decoder>>,
    contexts: Contexts,
}

impl Redecoder {
    /// No decoders yet; contexts come from this store.
    pub fn new(contexts: Contexts) -> Self {
        Self { decoders: HashMap::new(), contexts }
    }

    /// Adds the decoders of a source.
    pub fn add(&mut self, source: &str, decoders: impl IntoIterator<Item = (&'static str, Decoder)>) {
        self.decoders.entry(source.to_owned()).or_default().extend(decoders);
    }

    /// The batch of the readings that the message of an encoded batch has by today's decoder.
    ///
    /// # Errors
    /// Why there are none, in one sentence.
    pub fn decode(&self, source: &str, received: UnixNanos, batch: &[u8]) -> Result<Vec<u8>, String> {
        let original = original(batch).map_err(|error| error.to_string())?;
        let (mut stored, mut at_receipt, mut zeros) = (Vec::new(), None, HashSet::new());
        for reading in readings(batch).map_err(|error| error.to_string())? {
            at_receipt = at_receipt.or(reading.at.ok().filter(|_| reading.flags.contains(Flags::TIME_IS_RECEIVE_TIME)));
            if let (Ok(meter), Ok(at)) = (reading.meter, reading.at) {
                let believed = reading.values.clone().flatten().filter(is_zero_of_counter);
                zeros.extend(believed.map(|sample| (meter, at, sample.obis)));
            }
            stored.push(Stored {
                is_fill: reading.flags.contains(Flags::GAP_REPAIR),
                is_row: reading.values.clone().flatten().any(|sample| is_of_interval(sample.obis)),
                has_counters_alone: reading.values.flatten().all(|sample| is_counter(sample.obis)),
            });
        }
        let is_context = || version_of(original.bytes) == original.context;
        if stored.is_empty() && (original.format.is_empty() || is_context()) {
            // No message of a decoder. One that could not be read when it came is decoded now.
            return Ok(Vec::new());
        }
        if original.bytes.is_empty() {
            return Err("the original message was not kept".to_owned());
        }
        if original.format.is_empty() {
            return Err("the original message cannot be decoded alone".to_owned());
        }
        let decoder = self.decoders.get(source).and_then(|formats| formats.get(original.format));
        let decoder = decoder
            .ok_or_else(|| format!("no source '{source}' with messages of format {} is configured", original.format))?;
        let context = self.contexts.get(source, original.device, original.context);
        if context.is_none() && !original.context.is_empty() {
            return Err(format!("its context {} is not kept any more", original.context));
        }
        // The source received the message a moment before ingest did. A reading without a time of its own
        // keeps the time by which the stores know it.
        let received = at_receipt.unwrap_or(received);
        let decoded = decoder(&Recorded { original: &original, context: context.as_deref(), received })?;
        let all: Vec<Reading> = decoded.readings.into_iter().chain(decoded.events).collect();
        let taken = |(position, _): &(u32, Reading)| original.takes(*position);
        let is_fill = !stored.is_empty() && stored.iter().all(|reading| reading.is_fill);
        let count = if original.positions.is_empty() && is_fill { stored.len() } else { original.readings as usize };
        let has_other_count = count != all.len();
        let are_rows = stored.iter().any(|reading| reading.is_row);
        if is_fill && has_other_count && !are_rows {
            return Err("it filled a gap, and has another number of readings now".to_owned());
        }
        let wanted = (0..).zip(all).filter(|it| has_other_count || taken(it)).map(|(_, reading)| reading);
        let mut wanted: Vec<_> = match (is_fill, has_other_count) {
            (true, false) => wanted.zip(&stored).map(|(reading, stored)| stored.fill(reading)).collect(),
            (true, true) => wanted.map(flagged).collect(),
            (false, _) => wanted.collect(),
        };
        wanted.iter_mut().for_each(|reading| leave_out_zeros(reading, &zeros));
        wanted.retain(|reading| !reading.samples.is_empty());
        Ok(encode(wanted.into_iter().map(|it| (it.meter, it.at, it.flags, it.samples)), &Original::default()))
    }
}

/// Leaves out the doubted zeros: those that are not stored.
fn leave_out_zeros(reading: &mut Reading, stored: &HashSet<(MeterId, UnixNanos, Obis)>) {
    let (meter, at) = (reading.meter, reading.at);
    reading.samples.retain(|sample| !is_zero_of_counter(sample) || stored.contains(&(meter, at, sample.obis)));
}

/// A reading as it is stored.
struct Stored {
    /// Whether it was fetched to fill a gap.
    is_fill: bool,
    /// Whether it is a row of an interval.
    is_row: bool,
    has_counters_alone: bool,
}

impl Stored {
    /// The reading that fills its gap: of some rows only the counters were missing.
    fn fill(&self, mut reading: Reading) -> Reading {
        reading.samples.retain(|sample| !self.has_counters_alone || is_counter(sample.obis));
        flagged(reading)
    }
}

/// A reading that was fetched to fill a gap.
fn flagged(reading: Reading) -> Reading {
    Reading { flags: reading.flags | Flags::GAP_REPAIR, ..reading }
}

impl fmt::Debug for Redecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.decoders.keys()).finish()
    }
}
