//! A scripted sink that records its calls, for faults that a real store cannot produce.

use crate::deliver::{Delivery, Progress, Sink, SinkError};
use crate::journal::{Journal, Position, Sequence};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The failure at a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Waiting,
    Blocked,
    Panic,
}

#[derive(Debug, Default)]
pub(crate) struct Script {
    /// Everything taken, repeats too.
    pub(crate) taken: Vec<u64>,
    /// Samples that each of them had for a store.
    pub(crate) samples: Vec<(u64, usize)>,
    /// Each rewind with the stored cursor at that moment.
    pub(crate) rewinds: Vec<(u64, Option<u64>)>,
    /// Faults by record, and how often each still happens.
    pub(crate) faults: BTreeMap<u64, (Fault, u32)>,
    /// Panics of `settle` that are still to come.
    pub(crate) settle_panics: u32,
    /// Errors of `settle` that are still to come.
    pub(crate) settle_errors: u32,
    /// The first record that the next `settle` reports as lost.
    pub(crate) lost_from: Option<u64>,
    /// Nothing from here on becomes safe.
    pub(crate) safe_below: Option<u64>,
    /// Whether records from `safe_below` on are held back on purpose.
    pub(crate) holds_back: bool,
    pub(crate) is_full: bool,
    /// The store cannot be asked for its position.
    pub(crate) is_away: bool,
    pub(crate) stored: Option<Position>,
    pub(crate) is_exact: bool,
    /// Everything taken, with the stored cursor at that moment.
    pub(crate) cursors: Vec<(u64, Option<u64>)>,
}

/// The sink; a clone is the same, so that a test keeps one.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    script: Arc<Mutex<Script>>,
    journal: Journal,
    name: &'static str,
    next: Sequence,
}

impl Recorder {
    pub(crate) fn new(name: &'static str, journal: &Journal) -> Self {
        Self { script: Arc::default(), journal: journal.clone(), name, next: Sequence::FIRST }
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock()
    }

    pub(crate) fn boxed(&self) -> Box<dyn Sink> {
        Box::new(self.clone())
    }

    pub(crate) fn fail_at(&self, record: u64, fault: Fault, times: u32) {
        self.script().faults.insert(record, (fault, times));
    }

    fn stored_cursor(&self) -> Option<u64> {
        let cursor = self.journal.cursors().load(self.name).unwrap();
        cursor.map(|cursor| cursor.position.next.0)
    }

    pub(crate) fn taken(&self) -> Vec<u64> {
        self.script().taken.clone()
    }
}

impl Sink for Recorder {
    fn stored_position(&mut self) -> Result<Option<Position>, SinkError> {
        let script = self.script();
        if script.is_away { Err(SinkError::waiting("the server is away")) } else { Ok(script.stored) }
    }

    fn is_exact(&self) -> bool {
        self.script().is_exact
    }

    fn take(&mut self, delivery: &Delivery<'_>) -> Result<u64, SinkError> {
        let sequence = delivery.record.sequence;
        let mut script = self.script();
        let fault = script.faults.get_mut(&sequence.0).filter(|(_, times)| *times > 0).map(|(fault, times)| {
            *times -= 1;
            *fault
        });
        let readings = delivery.readings().count();
        match fault {
            Some(Fault::Waiting) => return Err(SinkError::waiting("the server is away")),
            Some(Fault::Blocked) => return Err(SinkError::blocked("the table is missing; make it")),
            Some(Fault::Panic) => {
                drop(script);
                panic!("a fault of the sink's code");
            }
            None => {
                script.taken.push(sequence.0);
                script.cursors.push((sequence.0, self.stored_cursor()));
                let samples = delivery.readings().map(|reading| reading.samples().count()).sum();
                script.samples.push((sequence.0, samples));
            }
        }
        drop(script);
        self.next = sequence.next();
        Ok(readings as u64)
    }

    fn is_full(&self) -> bool {
        self.script().is_full
    }

    fn settle(&mut self, _drain: bool) -> Result<Progress, SinkError> {
        let mut script = self.script();
        if script.settle_panics > 0 {
            script.settle_panics -= 1;
            drop(script);
            panic!("a fault while sending");
        }
        if script.settle_errors > 0 {
            script.settle_errors -= 1;
            return Err(SinkError::waiting("the connection broke"));
        }
        if let Some(lost) = script.lost_from.take() {
            return Err(SinkError::lost(Sequence(lost), "the table was put back from a copy"));
        }
        let next_unsafe = script.safe_below.map_or(self.next, |below| self.next.min(Sequence(below)));
        let next_waiting = if script.holds_back { self.next } else { next_unsafe };
        Ok(Progress { next_waiting, ..Progress::new(next_unsafe, None) })
    }

    fn rewind(&mut self, position: Position) -> Result<(), SinkError> {
        self.script().rewinds.push((position.next.0, self.stored_cursor()));
        self.next = position.next;
        Ok(())
    }
}
