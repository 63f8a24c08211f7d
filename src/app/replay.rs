//! What `replay` asks for, in the journal's terms, and what it would send: the same
//! with a running service and without one.

use super::sinks::KEEPER;
use crate::clock::Clock;
use crate::control::{self, ReplayEstimate};
use crate::deliver::{CurrentRules, Estimate, Reread, Rewind};
use crate::journal::{Sequence, SourceId, View};
use crate::reading::UnixNanos;

const SECONDS_PER_MINUTE: f64 = 60.0;

/// Whether `replay --sink` means this pump; the keeper only by its name.
pub(super) fn is_wanted(name: &str, sink: Option<&str>) -> bool {
    sink.map_or(name != KEEPER, |wanted| wanted == name)
}

/// What is asked for, in the journal's terms.
pub(super) fn rewind(journal: &View, clock: &Clock, asked: &control::Replay) -> Result<Rewind, String> {
    let time = parse_time(&asked.from)?;
    let source = asked.source.as_ref().map(|name| source_id(journal, name)).transpose()?;
    let from = journal.first_received_at_or_after(time).map_err(|error| error.to_string())?;
    let control::Reread { redecode, current_rule, at_now } = asked.reread;
    let judged_at = at_now.then(|| clock.now());
    Ok(Rewind { from, source, reread: Reread { redecode, current_rule, judged_at } })
}

/// What whoever asks may not expect: that retention took what may have been meant, and
/// that letters stay open about what is delivered now.
pub(super) fn remarks(journal: &View, rewind: &Rewind) -> Vec<String> {
    let oldest = journal.oldest();
    let is_cut = rewind.from == oldest && oldest > Sequence::FIRST;
    let cut = is_cut
        .then(|| format!("record {oldest} is the oldest that is retained: what was before it cannot be sent again"));
    let letters = (rewind.reread != Reread::default()).then(|| {
        "letters about what is delivered now stay open until you drop them: `meterline dead-letters list`".to_owned()
    });
    cut.into_iter().chain(letters).collect()
}

/// A sink that may be replayed.
pub(super) struct Candidate {
    pub(super) name: String,
    /// It has everything below.
    pub(super) safe: Sequence,
    /// As measured; `None` where it was not.
    pub(super) readings_per_second: Option<f64>,
}

/// What a replay would send to each of these sinks.
pub(super) fn estimate(
    journal: &View,
    rewind: &Rewind,
    rules: &CurrentRules,
    sinks: impl Iterator<Item = Candidate>,
) -> Result<Vec<ReplayEstimate>, String> {
    sinks
        .map(|sink| {
            if sink.name == KEEPER {
                return Err(format!("{KEEPER} is no store: what it would copy is not counted"));
            }
            let found = crate::deliver::estimate(journal, rewind, sink.safe, rules);
            Ok(shown(sink, found.map_err(|error| error.to_string())?))
        })
        .collect()
}

fn shown(sink: Candidate, found: Option<Estimate>) -> ReplayEstimate {
    let minutes = |found: Estimate| Some(found.readings as f64 / sink.readings_per_second? / SECONDS_PER_MINUTE);
    ReplayEstimate {
        sink: sink.name,
        way: found.map(|found| (found.range.from.0, found.range.until.0)),
        records: found.map_or(0, |found| found.records),
        samples: found.map_or(0, |found| found.samples),
        looked_at: found.map_or(0, |found| found.records_read),
        is_counted: found.is_none_or(|found| found.is_exact()),
        minutes: found.map_or(Some(0.0), minutes),
    }
}

/// A time as commands give it.
fn parse_time(text: &str) -> Result<UnixNanos, String> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| format!("'{text}' is no time, like 2026-11-22T14:00:00Z or 2026-11-22T15:00:00+01:00"))?;
    i64::try_from(time.as_nanosecond()).map(UnixNanos).map_err(|_| format!("'{text}' is too far from 1970"))
}

/// The number of a source that is already known.
fn source_id(journal: &View, name: &str) -> Result<SourceId, String> {
    (1..=u32::MAX)
        .map(SourceId)
        .map_while(|id| journal.source_name(id).map(|known| (id, known)))
        .find(|(_, known)| **known == *name)
        .map(|(id, _)| id)
        .ok_or_else(|| format!("no source called '{name}' has ever brought anything"))
}
