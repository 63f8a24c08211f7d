//! Read-only access to the history in the configured store: for pages, commands and exports.
//!
//! SQLite if it is configured, because it is local, else QuestDB. Its calls block. Does not know who asks, nor HTTP pages,
//! nor the journal. Invariants:
//! - Nothing is written. Each statement is a short transaction, so that the store's log can be emptied.
//! - No text from outside is part of a statement: meters are UUIDs there, registers codes, times numbers; the name of a
//!   metering point is a parameter or escaped.
//! - Answers have bounds ([`BUCKETS_MAX`], [`INTERVALS_MAX`]), except [`Store::samples`], which is streamed. A client
//!   that does not wait for ever sets a [`Limit`].
//! - Both stores give the same: curves and energies are calculated here (`curve`, `energy`), from what a store reads.
//! - Samples that are flagged as a test are left out.

mod curve;
mod energy;
mod error;
mod interval;
mod limit;
mod model;
#[cfg(feature = "sqlite")]
mod pool;
#[cfg(feature = "questdb")]
mod questdb;
pub mod select;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
pub(crate) mod tests;
mod when;

pub use curve::{BUCKETS_MAX, Bucket};
pub use error::QueryError;
pub use interval::{Step, intervals};
pub use limit::Limit;
pub use model::{
    Energy, Filter, Gap, INTERVALS_MAX, MeterEntry, Newest, Place, Register, Series, Span, StoredSample, name_of,
};
pub use when::{When, WhenError};

use crate::config::Sinks;
use crate::reading::{MeterId, Obis, UnixNanos};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// The history in a store. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store(Kind);

/// The stores that can be read.
#[derive(Debug, Clone)]
enum Kind {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlite::Reader),
    #[cfg(feature = "questdb")]
    QuestDb(questdb::Reader),
}

impl Store {
    /// The store of a configuration; `None` if it has none that can be read. Opens nothing yet.
    pub fn open(sinks: &Sinks) -> Option<Self> {
        Self::each(sinks).into_iter().next().map(|(_, store)| store)
    }

    /// Every store of a configuration that can be read, by the name of its sink. Opens nothing yet.
    pub fn each(sinks: &Sinks) -> Vec<(&'static str, Self)> {
        let _ = sinks;
        let stores: Vec<Option<(&'static str, Kind)>> = Vec::from([
            #[cfg(feature = "sqlite")]
            sinks.sqlite.as_ref().map(|config| ("sqlite", Kind::Sqlite(sqlite::Reader::new(config)))),
            #[cfg(feature = "questdb")]
            sinks.questdb.as_ref().map(|config| ("questdb", Kind::QuestDb(questdb::Reader::new(&config.sink)))),
        ]);
        stores.into_iter().flatten().map(|(name, kind)| (name, Self(kind))).collect()
    }

    /// The value of the canary's test reading of this time, if the store has it. No other question finds it.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn canary(&self, at: UnixNanos) -> Result<Option<f64>, QueryError> {
        match self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(ref store) => store.canary(at),
            #[cfg(feature = "questdb")]
            Kind::QuestDb(ref store) => store.canary(at),
        }
    }

    /// The same store, whose queries end at this limit.
    #[must_use]
    pub fn within(&self, limit: &Limit) -> Self {
        match self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(ref store) => Self(Kind::Sqlite(store.within(limit.clone()))),
            #[cfg(feature = "questdb")]
            Kind::QuestDb(ref store) => Self(Kind::QuestDb(store.within(limit.clone()))),
        }
    }

    /// Every meter that sent a sample or has a description, in the order of names, those without one last.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn meters(&self) -> Result<Vec<MeterEntry>, QueryError> {
        let mut meters = match self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(ref store) => store.meters()?,
            #[cfg(feature = "questdb")]
            Kind::QuestDb(ref store) => store.meters()?,
        };
        meters.sort_by(|one, other| one.order().cmp(&other.order()));
        Ok(meters)
    }

    /// The newest sample of every register of a meter, in the order of codes; from QuestDB registers of the last 40 days.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn registers(&self, meter: MeterId) -> Result<Vec<Register>, QueryError> {
        match self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(ref store) => store.registers(meter),
            #[cfg(feature = "questdb")]
            Kind::QuestDb(ref store) => store.registers(meter),
        }
    }

    /// The newest values of the registers of these meters, of all if none is given, by meter and register. Faster than
    /// [`Store::registers`] for each.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn newest(&self, meters: &[MeterId]) -> Result<BTreeMap<MeterId, Vec<Newest>>, QueryError> {
        match self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(ref store) => store.newest(meters),
            #[cfg(feature = "questdb")]
            Kind::QuestDb(ref store) => store.newest(meters),
        }
    }

    /// The values of a series, in the order of time: each sample alone if there are at most `buckets_max` of them, or
    /// else parts of the span of equal length, without those that have no sample. At most [`BUCKETS_MAX`].
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn curve(&self, series: Series, span: Span, buckets_max: usize) -> Result<Vec<Bucket>, QueryError> {
        let mut curves = self.curves(&[series], span, buckets_max)?;
        Ok(curves.pop().unwrap_or_default())
    }

    /// The same for several series, one curve for each.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn curves(&self, series: &[Series], span: Span, buckets_max: usize) -> Result<Vec<Vec<Bucket>>, QueryError> {
        match self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(ref store) => store.curves(series, span, buckets_max),
            #[cfg(feature = "questdb")]
            Kind::QuestDb(ref store) => store.curves(series, span, buckets_max),
        }
    }

    /// The energy of each interval that the span touches and that has samples, by counter and time, as
    /// `docs/energy.md` says. `registers` are the counters; empty stands for all.
    ///
    /// # Errors
    /// A store that cannot be read, or more than [`INTERVALS_MAX`] intervals.
    pub fn energy(&self, place: &Place, registers: &[Obis], span: Span, step: Step) -> Result<Vec<Energy>, QueryError> {
        let mut energies = self.energies(std::slice::from_ref(place), registers, span, step)?;
        Ok(energies.pop().unwrap_or_default())
    }

    /// The same for several places, one list for each.
    ///
    /// # Errors
    /// As [`Store::energy`].
    pub fn energies(
        &self,
        places: &[Place],
        registers: &[Obis],
        span: Span,
        step: Step,
    ) -> Result<Vec<Vec<Energy>>, QueryError> {
        interval::check(span, step)?;
        let counters = self.counters(places, registers, span, Some(step))?;
        let energies = counters.iter().map(|of_place| {
            let intervals = interval::intervals(span, step, &of_place.zone)?;
            Ok(energy::energies(&of_place.chains, &intervals))
        });
        energies.collect()
    }

    /// The times without a sample of a counter for more than half an hour that the span touches, by counter and time. The
    /// last one of a counter has no end while no later sample came.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn gaps(&self, meter: MeterId, span: Span) -> Result<Vec<Gap>, QueryError> {
        let counters = self.counters(&[Place::Meter(meter)], &[], span, None)?;
        Ok(counters.iter().flat_map(|of_place| energy::gaps(&of_place.chains, span)).collect())
    }

    /// The samples that the energy of a span needs; of whole intervals if there is a step.
    fn counters(
        &self,
        places: &[Place],
        registers: &[Obis],
        span: Span,
        step: Option<Step>,
    ) -> Result<Vec<energy::Counters>, QueryError> {
        match self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(ref store) => store.counters(places, registers, span, step),
            #[cfg(feature = "questdb")]
            Kind::QuestDb(ref store) => store.counters(places, registers, span, step),
        }
    }

    /// The time zone of a place's days, as the IANA database names it.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn time_zone(&self, place: &Place) -> Result<String, QueryError> {
        match self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(ref store) => store.time_zone(place),
            #[cfg(feature = "questdb")]
            Kind::QuestDb(ref store) => store.time_zone(place),
        }
    }

    /// Calls `each` with every sample that the filter selects, until it breaks. SQLite's are in the order of meter,
    /// register and time, QuestDB's in the order of time.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn samples(
        &self,
        filter: &Filter,
        each: &mut dyn FnMut(&StoredSample) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        match self.0 {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(ref store) => store.samples(filter, each),
            #[cfg(feature = "questdb")]
            Kind::QuestDb(ref store) => store.samples(filter, each),
        }
    }
}
