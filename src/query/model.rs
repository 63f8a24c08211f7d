//! Questions to a store and its answers.

use crate::reading::registry;
use crate::reading::{Flags, MeterId, Obis, UnixNanos};

/// Intervals of an answer at most: five years of quarter-hours.
pub const INTERVALS_MAX: usize = 180_000;

/// One register of one meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// The meter.
    pub meter: MeterId,
    /// Its register.
    pub obis: Obis,
}

/// The times at or after `from` and before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first one.
    pub from: UnixNanos,
    /// The first one that is not part of it.
    pub until: UnixNanos,
}

impl Span {
    /// All times.
    pub const ALL: Self = Self { from: UnixNanos(i64::MIN), until: UnixNanos(i64::MAX) };

    /// Whether it has a time.
    pub fn contains(self, at: UnixNanos) -> bool {
        self.from <= at && at < self.until
    }

    /// Its length in nanoseconds; 0 if it ends before it begins.
    pub fn length(self) -> i64 {
        self.until.since(self.from).max(0)
    }
}

/// A meter, or a metering point with all meters that it had.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A meter alone.
    Meter(MeterId),
    /// A metering point, by its name.
    Point(String),
}

/// A meter of a store. Texts are from the newest version of its description, and empty if it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterEntry {
    /// Its id.
    pub meter: MeterId,
    /// Its metering point: its own id if none is configured.
    pub point: String,
    /// Its name.
    pub name: String,
    /// Its serial number.
    pub serial: String,
    /// The vendor.
    pub vendor: String,
    /// Its model.
    pub model: String,
    /// grid, production, storage, submeter, appliance.
    pub role: String,
    /// The account or device that described it.
    pub source: String,
    /// The media that it measures, as far as the store tells: the first numbers of its registers' codes, such as 1 for electricity.
    pub media: Vec<u8>,
}

impl MeterEntry {
    #[cfg(any(feature = "questdb", test))]
    pub(super) fn without_description(meter: MeterId) -> Self {
        let [name, serial, vendor, model, role, source] = [const { String::new() }; 6];
        Self { meter, point: meter.to_string(), name, serial, vendor, model, role, source, media: Vec::new() }
    }

    /// The name as it is shown: the id if it has none.
    pub fn shown_name(&self) -> String {
        if self.name.is_empty() { self.meter.to_string() } else { self.name.clone() }
    }

    pub(super) fn order(&self) -> impl Ord {
        (self.name.is_empty(), self.name.to_lowercase(), self.meter)
    }
}

/// The newest value of a register.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Newest {
    /// The register.
    pub obis: Obis,
    /// The value as it is stored, in the unit of the register ([`Units`](crate::reading::Units)).
    pub value: f64,
    /// When it was measured.
    pub at: UnixNanos,
}

/// A register of a meter with its newest sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Register {
    /// The value.
    pub newest: Newest,
    /// The account or device that delivered it; empty for the last value of deleted samples.
    pub source: String,
    /// Its peculiarities.
    pub flags: Flags,
}

impl Newest {
    /// The register's name; its code if it is unknown.
    pub fn name(&self) -> String {
        name_of(self.obis)
    }

    /// The value that says most about a meter: its power or flow, else its first counter, else the newest one.
    pub fn headline(registers: &[Self]) -> Option<&Self> {
        let place = |newest: &&Self| MAIN.iter().position(|code| *code == newest.obis);
        let by_place = |one: &&Self, other: &&Self| place(one).cmp(&place(other));
        let counter = |newest: &&Self| registry::is_counter(newest.obis);
        let main = registers.iter().filter(|newest| place(newest).is_some()).min_by(by_place);
        main.or_else(|| registers.iter().find(counter)).or_else(|| registers.iter().max_by_key(|newest| newest.at))
    }
}

/// Registers that say most about a meter, the best first: signed power, power, flows.
const MAIN: [Obis; 4] = [
    Obis([1, 0, 16, 7, 0, 255]),
    Obis([1, 0, 1, 7, 0, 255]),
    Obis([0, 0, 128, 2, 0, 255]),
    Obis([0, 0, 128, 10, 0, 255]),
];

/// The name of a register; its code if it is unknown.
pub fn name_of(obis: Obis) -> String {
    registry::entry(obis).map_or_else(|| obis.to_string(), |entry| entry.name.to_string())
}

/// The amount of a counter in an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energy {
    /// The counter.
    pub obis: Obis,
    /// The start of the interval.
    pub start: UnixNanos,
    /// Its end.
    pub until: UnixNanos,
    /// The amount, in the unit of the register: Wh, varh, m3 or another.
    pub amount: f64,
    /// Whether it is estimated.
    pub is_estimated: bool,
    /// Whether the counter is known at both ends. If not, the amount is of the part between its samples, as of the present
    /// day.
    pub is_complete: bool,
}

impl Energy {
    /// The counter's name.
    pub fn name(&self) -> String {
        name_of(self.obis)
    }
}

/// A time without a sample of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The counter.
    pub obis: Obis,
    /// The last sample before it.
    pub from: UnixNanos,
    /// The first sample after it, if there is one.
    pub until: Option<UnixNanos>,
}

/// The samples that are asked for.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Of these meters; of all if there are none.
    pub meters: Vec<MeterId>,
    /// Of these registers; of all if there are none.
    pub registers: Vec<Obis>,
    /// Measured in this span.
    pub span: Span,
}

/// A sample as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSample {
    /// The meter.
    pub meter: MeterId,
    /// The register.
    pub obis: Obis,
    /// When it was measured.
    pub at: UnixNanos,
    /// The value as it is stored, in the unit of the register ([`Units`](crate::reading::Units)).
    pub value: f64,
    /// The account or device that delivered it.
    pub source: String,
    /// When it was received.
    pub received: UnixNanos,
    /// Its peculiarities.
    pub flags: Flags,
}

impl StoredSample {
    /// The register's name; its code if it is unknown.
    pub fn name(&self) -> String {
        name_of(self.obis)
    }
}
