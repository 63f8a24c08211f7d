//! Applies the rule to decoded readings, and counts what is deliverable or set aside.

use super::formats::{Reading, Readings, Values};
use super::reading::Decoded;
use super::smart_me;
use crate::reading::{Flags, Limits, MeterId, Sample, SetAside, UnixNanos};

/// A reading that passed the rule; its samples pass it one by one.
#[derive(Debug, Clone)]
pub struct Judged<'a> {
    /// Position among the record's readings as received.
    pub index: u32,
    /// The meter.
    pub meter: MeterId,
    /// When it was measured.
    pub at: UnixNanos,
    /// Its flags.
    pub flags: Flags,
    /// The revision of the decoder that read its values from the vendor's bytes.
    pub decode_revision: u16,
    values: Values<'a>,
    limits: Limits,
}

impl<'a> Judged<'a> {
    /// Judges a reading's meter and time.
    ///
    /// # Errors
    /// The reason why the whole reading is set aside.
    #[inline(always)]
    pub fn new(reading: Reading<'a>, limits: &Limits, received: UnixNanos) -> Result<Self, SetAside> {
        let (meter, at) = judge(&reading, limits, received)?;
        let Decoded { index, flags, decode_revision, values, .. } = reading;
        Ok(Self { index, meter, at, flags, decode_revision, values, limits: *limits })
    }

    /// Its deliverable samples, in the order received.
    #[inline(always)]
    pub fn samples(&self) -> JudgedSamples<'a> {
        JudgedSamples { values: self.values.clone(), limits: self.limits }
    }
}

/// The meter and the time of a reading that passes the rule.
#[inline(always)]
fn judge<V>(reading: &Decoded<V>, limits: &Limits, received: UnixNanos) -> Result<(MeterId, UnixNanos), SetAside> {
    let meter = reading.meter?;
    let at = reading.at?;
    limits.judge_time(at, received)?;
    Ok((meter, at))
}

/// The deliverable samples of a reading.
#[derive(Debug, Clone)]
pub struct JudgedSamples<'a> {
    values: Values<'a>,
    limits: Limits,
}

impl Iterator for JudgedSamples<'_> {
    type Item = Sample;

    #[inline(always)]
    fn next(&mut self) -> Option<Sample> {
        loop {
            match self.values.next()? {
                Ok(sample) if self.limits.judge_value(sample.value).is_ok() => return Some(sample),
                _ => {}
            }
        }
    }

    /// For the loops of sinks: chooses the layout once per reading, not per value.
    #[inline(always)]
    fn fold<B, F: FnMut(B, Sample) -> B>(self, initial: B, f: F) -> B {
        let limits = self.limits;
        self.values.filter_map(Result::ok).filter(|sample| limits.judge_value(sample.value).is_ok()).fold(initial, f)
    }
}

/// The counts of a body; only ingest counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Readings, set aside or not.
    pub readings: u64,
    /// Deliverable readings with a flag.
    pub flagged: u64,
    /// Deliverable samples.
    pub samples: u64,
    /// Samples set aside, by [`SetAside::index`]; a reading set aside counts its
    /// samples, and at least one.
    pub set_aside: [u64; SetAside::ALL.len()],
}

impl Tally {
    /// Counts the rule's results over all readings.
    #[inline(always)]
    pub fn of(readings: Readings<'_>, limits: &Limits, received: UnixNanos) -> Self {
        match readings {
            Readings::SmartMe(readings) => Self::of_each(readings, smart_me::Values::all_finite, limits, received),
            Readings::Batch(readings) => Self::of_each(readings, |_| None, limits, received),
        }
    }

    /// `all_finite` returns the number of values if the check found only finite samples.
    #[inline(always)]
    fn of_each<V: Iterator<Item = Result<Sample, SetAside>>>(
        readings: impl Iterator<Item = Decoded<V>>,
        all_finite: impl Fn(&V) -> Option<usize>,
        limits: &Limits,
        received: UnixNanos,
    ) -> Self {
        let mut tally = Self::default();
        for reading in readings {
            tally.readings += 1;
            match judge(&reading, limits, received) {
                Ok(_) => {
                    tally.flagged += u64::from(reading.flags != Flags::NONE);
                    match all_finite(&reading.values) {
                        // The rule requires no more of a value.
                        Some(finite) => tally.samples += finite as u64,
                        None => tally.count_values(reading.values, limits),
                    }
                }
                Err(reason) => tally.set_aside[reason.index()] += (reading.values.count() as u64).max(1),
            }
        }
        tally
    }

    /// The samples set aside, by reason: `2 time-in-the-future, 1 not-finite`. Empty if there are none.
    pub fn reasons(&self) -> String {
        let counts = SetAside::ALL.map(|reason| (reason.label(), self.set_aside[reason.index()]));
        let named = counts.iter().filter(|(_, count)| *count > 0).map(|(label, count)| format!("{count} {label}"));
        named.collect::<Vec<_>>().join(", ")
    }

    /// The number of samples set aside.
    pub fn set_aside_count(&self) -> u64 {
        self.set_aside.iter().sum()
    }

    /// Whether anything was set aside.
    pub fn has_set_aside(&self) -> bool {
        self.set_aside.iter().any(|&count| count > 0)
    }

    #[inline(always)]
    fn count_values(&mut self, values: impl Iterator<Item = Result<Sample, SetAside>>, limits: &Limits) {
        for value in values {
            match value.and_then(|sample| limits.judge_value(sample.value)) {
                Ok(()) => self.samples += 1,
                Err(reason) => self.set_aside[reason.index()] += 1,
            }
        }
    }
}
