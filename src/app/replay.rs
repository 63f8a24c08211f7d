//! Translates a replay request into a rewind and estimates its size. Used with and without
//! a running service.

use super::sinks::{COVERAGE, KEEPER, Store};
use crate::clock::Clock;
use crate::control::{self, ReplayEstimate};
use crate::deliver::{CurrentRules, Estimate, Redecode, Reread, Rewind};
use crate::journal::{Sequence, SourceId, View};
use crate::reading::UnixNanos;

const SECONDS_PER_MINUTE: f64 = 60.0;

/// Whether `replay --sink` selects this pump. The keeper and gap detection are selected only
/// by their names: a replay of all sinks must not hold up what waits for gap detection.
pub(super) fn is_selected(name: &str, sink: Option<&str>) -> bool {
    sink.map_or(name != KEEPER && name != COVERAGE, |wanted| wanted == name)
}

/// Returns the rewind for a request.
pub(super) fn rewind(
    journal: &View,
    store: &Store,
    clock: &Clock,
    request: &control::Replay,
) -> Result<Rewind, String> {
    let time = parse_time(&request.from)?;
    let source = request.source.as_ref().map(|name| source_id(journal, name)).transpose()?;
    let from = journal.first_received_at_or_after(time).map_err(|error| error.to_string())?;
    // The journal may begin later than the time.
    let first = journal.reader(from).and_then(|mut reader| reader.read().map(|it| it.map(|it| it.header.received)));
    if let Some(first) = first.map_err(|error| error.to_string())? {
        store.refuse_deleted(request.sink.as_deref(), first, clock.now())?;
    }
    let control::Reread { redecode, current_rule, at_now } = request.reread;
    let judged_at = at_now.then(|| clock.now());
    Ok(Rewind { from, source, reread: Reread { redecode, current_rule, judged_at } })
}

/// Returns notes for the operator: that retention has removed older records, and that dead
/// letters stay open although a replay may deliver their data.
pub(super) fn notes(journal: &View, rewind: &Rewind) -> Vec<String> {
    let oldest = journal.oldest();
    let is_cut = rewind.from == oldest && oldest > Sequence::FIRST;
    let cut =
        is_cut.then(|| format!("record {oldest} is the oldest retained record; earlier records cannot be replayed"));
    let letters = (rewind.reread != Reread::default()).then(|| {
        "dead letters whose data this replay delivers stay open until you drop them: `meterline dead-letters list`"
            .to_owned()
    });
    cut.into_iter().chain(letters).collect()
}

/// The message about a sink that would get the records anyway, or a time after the last record.
pub(super) fn not_reached(sink: &str) -> String {
    format!("{sink}: has not reached this time yet; nothing to replay")
}

/// A sink that can be replayed.
pub(super) struct Candidate {
    pub(super) name: String,
    /// The sink has all records below.
    pub(super) safe: Sequence,
    /// The measured speed; `None` if it was not measured.
    pub(super) readings_per_second: Option<f64>,
}

/// Estimates a replay for each of these sinks.
pub(super) fn estimate(
    journal: &View,
    rewind: &Rewind,
    current: (&CurrentRules, &Redecode),
    sinks: impl Iterator<Item = Candidate>,
) -> Result<Vec<ReplayEstimate>, String> {
    sinks
        // Gap detection reads again, but nothing is sent.
        .filter(|sink| sink.name != COVERAGE)
        .map(|sink| {
            if sink.name == KEEPER {
                return Err(format!("{KEEPER} is not a store, so its replay cannot be estimated"));
            }
            let found = crate::deliver::estimate(journal, rewind, sink.safe, current);
            Ok(to_estimate(sink, found.map_err(|error| error.to_string())?))
        })
        .collect()
}

fn to_estimate(sink: Candidate, found: Option<Estimate>) -> ReplayEstimate {
    let minutes = |found: Estimate| Some(found.readings as f64 / sink.readings_per_second? / SECONDS_PER_MINUTE);
    ReplayEstimate {
        sink: sink.name,
        range: found.map(|found| (found.range.from.0, found.range.until.0)),
        records: found.map_or(0, |found| found.records),
        samples: found.map_or(0, |found| found.samples),
        kept: found.map_or(0, |found| found.kept),
        records_read: found.map_or(0, |found| found.records_read),
        is_exact: found.is_none_or(|found| found.is_exact()),
        minutes: found.map_or(Some(0.0), minutes),
    }
}

/// Parses a time of a command.
pub(super) fn parse_time(text: &str) -> Result<UnixNanos, String> {
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        format!("'{text}' is not a time; write it like 2026-11-22T14:00:00Z or 2026-11-22T15:00:00+01:00")
    })?;
    i64::try_from(time.as_nanosecond())
        .map(UnixNanos)
        .map_err(|_| format!("'{text}' is out of range; give a time between the years 1678 and 2261"))
}

/// Returns the id of a source of the journal.
fn source_id(journal: &View, name: &str) -> Result<SourceId, String> {
    let ids = (1..=u32::MAX).map(SourceId);
    let mut named = ids.map_while(|id| journal.source_name(id).map(|known| (id, known)));
    let found = named.find(|(_, known)| **known == *name);
    found.map(|(id, _)| id).ok_or_else(|| no_source(journal, name))
}

/// The message that the journal has no source of this name.
pub fn no_source(journal: &View, name: &str) -> String {
    let names = journal.source_names();
    let known = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
    format!("the journal has no source called '{name}'; {known}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "sqlite")]
    fn a_replay_is_refused_if_its_first_record_is_older_than_the_embedded_store_keeps() {
        use crate::deliver::tests::feed::Feed;
        use crate::sink::sqlite::{Config, Retention};
        use std::time::Duration;

        let feed = Feed::new();
        let now = feed.clock.now();
        for days in [10, 0] {
            feed.clock.set_offset(now.0 - days * 86_400_000_000_000 - Clock::system().now().0);
            feed.append_readings("acme", 1);
        }
        let said = |keep: u64, sink: Option<&str>, from: &str| {
            let age = Some(Duration::from_hours(24 * keep));
            let retention = Retention { age, ..Retention::default() };
            let (file, time_zone) = (feed.directory.path().join("none.sqlite"), "UTC".to_owned());
            let store = Store { config: Some(Config { file, retention, time_zone }) };
            let (sink, from) = (sink.map(str::to_owned), from.to_owned());
            let request = control::Replay { sink, from, source: None, reread: control::Reread::default() };
            rewind(feed.journal.view(), &store, &feed.clock, &request).map(|rewind| rewind.from.0)
        };
        let year = "2000-01-01T00:00:00Z";
        let why = said(8, None, year).unwrap_err();
        assert!(why.contains("sink.sqlite.keep"), "{why}");
        assert_eq!(said(8, Some("questdb"), year), Ok(1));
        // Everything that the journal has is kept.
        assert_eq!(said(11, Some("sqlite"), year), Ok(1));
        let later = feed.clock.now().saturating_add(-86_400_000_000_000).to_string();
        assert_eq!(said(8, Some("sqlite"), &later), Ok(2));
        assert_eq!(said(8, None, "2200-01-01T00:00:00Z"), Ok(3));
        // With quarter-hours in place of the samples, also where `keep` was raised.
        let file = feed.directory.path().join("rolled-up.sqlite");
        let mut sink = crate::sink::sqlite::Sqlite::new("sqlite", &file, feed.clock.clone());
        crate::deliver::Sink::rewind(&mut sink, feed.journal.position(Sequence::FIRST)).unwrap();
        drop(sink);
        let until = now.saturating_add(-86_400_000_000_000);
        let store = rusqlite::Connection::open(&file).unwrap();
        store.execute("UPDATE rolled_up SET until = ?1", [until.0]).unwrap();
        let days = |days: u64| Some(Duration::from_hours(24 * days));
        let retention = Retention { age: days(11), size: None, rollups: days(100) };
        let store = Store { config: Some(Config { file, retention, time_zone: "UTC".to_owned() }) };
        let said = |from: String| {
            let request = control::Replay { sink: None, from, source: None, reread: control::Reread::default() };
            rewind(feed.journal.view(), &store, &feed.clock, &request).map(|rewind| rewind.from.0)
        };
        let why = said(year.to_owned()).unwrap_err();
        assert!(why.contains("sink.sqlite.keep_rollups") && why.contains(&until.to_string()), "{why}");
        assert_eq!(said(until.to_string()), Ok(2));
    }

    #[test]
    fn a_replay_of_all_sinks_leaves_out_the_keeper_and_gap_detection() {
        let selected = |sink| ["sqlite", KEEPER, COVERAGE].map(|name| is_selected(name, sink));
        assert_eq!(selected(None), [true, false, false]);
        assert_eq!(selected(Some(COVERAGE)), [false, false, true]);
    }
}
