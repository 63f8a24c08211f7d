//! How a record is read for a store: its source, the limits that judge it, and the
//! changes a replay asks for. Knows no sink.

use super::error::PumpError;
use super::log::Names;
use super::replay::Replay;
use super::sink::Delivery;
use crate::journal::{Record, RuleVersion, SourceId, Verdict};
use crate::reading::{Limits, UnixNanos};
use crate::wire::PayloadFormat;
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;

/// The currently configured limits, by source.
#[derive(Debug, Clone, Default)]
pub struct CurrentRules(Arc<ArcSwap<HashMap<String, Limits>>>);

impl CurrentRules {
    /// The limits of these sources; any other source has the standard limits.
    pub fn new(rules: impl IntoIterator<Item = (String, Limits)>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(rules.into_iter().collect())))
    }

    /// Replaces the limits for every holder.
    pub fn replace(&self, rules: impl IntoIterator<Item = (String, Limits)>) {
        self.0.store(Arc::new(rules.into_iter().collect()));
    }

    fn of(&self, source: &str) -> Limits {
        self.0.load().get(source).copied().unwrap_or(Limits::DEFAULT)
    }
}

/// A cache of the last source and limits.
#[derive(Default)]
pub(super) struct LookupCache {
    source: Option<(SourceId, Arc<str>)>,
    limits: Option<(RuleVersion, Limits)>,
}

impl LookupCache {
    /// The record's source and the limits of its rule.
    pub(super) fn look_up(&mut self, names: Names<'_>, record: &Record<'_>) -> Result<(Arc<str>, Limits), PumpError> {
        let header = &record.header;
        let source = match &self.source {
            Some((id, name)) if *id == header.source => Arc::clone(name),
            _ => {
                let name = names.source(header.source);
                let name = name.ok_or_else(|| not_listed(record, "source", header.source.0))?;
                self.source = Some((header.source, Arc::clone(&name)));
                name
            }
        };
        let limits = match self.limits {
            Some((version, limits)) if version == header.rule => limits,
            _ => {
                let limits = names.limits(header.rule);
                let limits = limits.ok_or_else(|| not_listed(record, "rule", header.rule.0))?;
                self.limits = Some((header.rule, limits));
                limits
            }
        };
        Ok((source, limits))
    }
}

fn not_listed(record: &Record<'_>, what: &str, number: u32) -> PumpError {
    PumpError::blocked(format!(
        "record {} names {what} {number}, which is missing in the journal's list of {what}s: an older copy of the \
         list was restored; restore the right one",
        record.sequence
    ))
}

/// How one record is decoded and judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadMode {
    redecode: bool,
    limits: Limits,
    judged_at: UnixNanos,
}

impl ReadMode {
    /// The mode of a record: as at ingest, or as a replay that covers it asks. `limits`
    /// belong to the record's own rule.
    pub(super) fn of(
        record: &Record<'_>,
        source: &str,
        limits: Limits,
        replay: Option<&Replay>,
        rules: &CurrentRules,
    ) -> Self {
        let over_it = replay.filter(|replay| replay.rereads(record.sequence));
        let reread = over_it.map(|replay| replay.reread).unwrap_or_default();
        Self {
            redecode: reread.redecode,
            limits: if reread.current_rule { rules.of(source) } else { limits },
            judged_at: reread.judged_at.unwrap_or(record.header.received),
        }
    }

    /// Whether the replay asks for the original message of this record to be decoded again.
    pub(super) fn redecodes(&self, record: &Record<'_>) -> bool {
        self.redecode && record.header.format == PayloadFormat::ReadingBatch.number()
    }

    /// The record as a store gets it; `None` where it has no data for a store.
    pub(super) fn delivery<'a>(&'a self, record: Record<'a>, source: &'a str) -> Option<Delivery<'a>> {
        let is_read = record.header.verdict != Verdict::Undecodable || self.redecode;
        let format = PayloadFormat::from_number(record.header.format).filter(|_| is_read)?;
        Some(Delivery { record, source, limits: &self.limits, judged_at: self.judged_at, format })
    }
}
