//! The content that a store must have in the end: the last value sent for each key.

use crate::body::Body;
use std::collections::BTreeMap;

/// The identity of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleKey {
    /// The meter's UUID in RFC 4122 order.
    pub meter: [u8; 16],
    /// The OBIS code.
    pub obis: [u8; 6],
    /// Nanoseconds since 1970 UTC.
    pub time_ns: i64,
}

/// Samples by key. Bodies must be added in the order in which each lane sent them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expected {
    samples: BTreeMap<SampleKey, f64>,
}

impl Expected {
    /// The samples of these bodies.
    pub fn of<'a>(bodies: impl IntoIterator<Item = &'a Body>) -> Self {
        let mut expected = Self::default();
        for body in bodies {
            expected.take(body);
        }
        expected
    }

    /// Adds an answered body; its values replace earlier ones.
    pub fn take(&mut self, body: &Body) {
        for reading in &body.readings {
            for &(obis, value) in &reading.values {
                self.samples.insert(SampleKey { meter: reading.meter, obis, time_ns: reading.time_ns }, value);
            }
        }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &SampleKey) -> Option<f64> {
        self.samples.get(key).copied()
    }

    /// Keys and values in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&SampleKey, f64)> {
        self.samples.iter().map(|(key, value)| (key, *value))
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}
