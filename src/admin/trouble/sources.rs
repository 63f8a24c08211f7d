//! Troubles of what brings data: sources, accounts, meters.

use super::list::{Found, Text};
use crate::admin::status::{IngestStatus, Kind, SHOWN_MAX, Status};
use crate::base::human;
use crate::reading::UnixNanos;
use crate::source::{Description, Fact, SourceState};

/// A source is not silent before that, as in the alert `MeterlineReadingsOld`.
const SILENT_SECONDS_MIN: f64 = 3600.0;
/// A source whose longest time is not known has a day, as in the alert `MeterlineNothingReceived`: it may report daily.
const UNKNOWN_SECONDS: f64 = 86_400.0;
/// A source is silent after this many times its longest time between two readings.
const TIMES_LONGEST: f64 = 2.0;
/// A source should have finished its first run in this time.
const FIRST_RUN_SECONDS_MAX: f64 = 600.0;
/// The fact by which a source names meters that are silent at the vendor.
const STALE_METERS: &str = "stale_meters";

pub(super) fn add(found: &mut Found, status: &Status) {
    let mut failing: Vec<_> = status.sources.iter().filter_map(|source| failing(source, status.now)).collect();
    failing.sort_by_key(|(kind, source)| (*kind, source.since));
    found.others += failing.len().saturating_sub(SHOWN_MAX);
    for (kind, source) in failing.into_iter().take(SHOWN_MAX) {
        found.add(kind, &source.name, of_source(kind, source));
    }
    for source in status.ingest.iter().filter(|source| source.held_back) {
        let sentence = format!(
            "{} is answered 503: its undelivered records, {}, fill its share of the journal.",
            source.name,
            human::bytes(source.held_bytes)
        );
        let effect = "Answered data is safe. More is taken when the sinks have some of these records.";
        found.add(Kind::AccountHeldBack, &source.name, Text::new(sentence, effect));
    }
    shared(found, status);
    silent(found, status);
}

/// The kind of trouble of a source that does not work.
fn failing(source: &Description, now: UnixNanos) -> Option<(Kind, &Description)> {
    let kind = match source.state {
        SourceState::Failing | SourceState::Misconfigured if source.kind.ends_with("gap repair") => {
            Kind::GapRepairFailing
        }
        SourceState::Failing | SourceState::Misconfigured => Kind::SourceFailing,
        SourceState::Waiting if seconds(now, source.since) > FIRST_RUN_SECONDS_MAX => Kind::SourceNotRun,
        SourceState::Waiting | SourceState::Running => return None,
    };
    Some((kind, source))
}

fn of_source(kind: Kind, source: &Description) -> Text {
    let why = source.why.as_deref().unwrap_or("it has not said why");
    let (name, label) = (&source.name, source.kind);
    let (sentence, effect) = match (kind, source.state) {
        (Kind::GapRepairFailing, _) => (
            format!("Missing readings of {name} cannot be fetched: {why}."),
            "New readings arrive. Earlier ones stay missing until it works; it is tried again.",
        ),
        (Kind::SourceNotRun, _) => (
            format!("{name} ({label}) has not finished its first run."),
            "Nothing has arrived from it since the start.",
        ),
        (_, SourceState::Misconfigured) => (
            format!("{name} ({label}) cannot work with its configuration: {why}."),
            "Nothing arrives from it until the configuration or the vendor's side is changed.",
        ),
        _ => (format!("{name} ({label}) does not work: {why}."), "Nothing new arrives from it. It is tried again."),
    };
    Text::new(sentence, effect).since(source.since.to_string())
}

fn shared(found: &mut Found, status: &Status) {
    for source in &status.ingest {
        let Some(shared) = &source.shared else { continue };
        let sentence = format!("{} and {} both send meter {}.", source.name, shared.other, shared.meter);
        let effect = "Of two values for one time, the one that comes last stands. Nothing is lost. This entry ends a day after the last one.";
        found.add(Kind::MeterShared, &source.name, Text::new(sentence, effect));
    }
}

fn silent(found: &mut Found, status: &Status) {
    found.others += status.silent.count.saturating_sub(status.silent.meters.len());
    for meter in &status.silent.meters {
        let named = meter.name.as_deref().unwrap_or(&meter.meter);
        let sentence = format!("{named} ({}) is silent for longer than usual.", meter.source);
        let effect = "Readings of this meter are missing from then on; other meters are not affected.";
        found.add(Kind::MeterSilent, named, Text::new(sentence, effect).since(meter.since.clone()));
    }
    let is_named = |name: &str| status.silent.meters.iter().any(|meter| meter.source == name);
    let fails = |name: &str| status.sources.iter().any(|it| it.name == name && it.state != SourceState::Running);
    for source in status.ingest.iter().filter(|source| !is_named(&source.name) && !fails(&source.name)) {
        if let Some(text) = silent_source(source, status) {
            found.add(Kind::SourceSilent, &source.name, text);
        }
    }
    for source in &status.sources {
        if let Some(Fact::Text(meters)) = source.facts.get(STALE_METERS) {
            let sentence = format!("The vendor has no new values of meters of {}: {meters}.", source.name);
            let effect = "Readings of these meters are missing; other meters are not affected.";
            found.add(Kind::MeterSilent, &source.name, Text::new(sentence, effect));
        }
    }
}

fn silent_source(source: &IngestStatus, status: &Status) -> Option<Text> {
    let effect = "Nothing new arrives from it. Other sources are not affected.";
    let Some(age) = source.last_reading_age_seconds else {
        // One that has meters sent readings before the start; it may report daily.
        let patience = if source.meters == 0 { SILENT_SECONDS_MIN } else { UNKNOWN_SECONDS };
        let is_new = seconds(status.now, status.started) <= patience;
        let sentence = format!("{} has sent nothing since the start.", source.name);
        return (!is_new).then(|| Text::new(sentence, effect).since(status.started.to_string()));
    };
    let usual = source.reading_interval_max_seconds;
    let unusual = usual.map_or(UNKNOWN_SECONDS, |usual| SILENT_SECONDS_MIN.max(TIMES_LONGEST * usual));
    let sentence = match usual {
        Some(usual) => format!(
            "{} has sent no new reading for {}; {} is usual.",
            source.name,
            human::seconds(age),
            human::seconds(usual)
        ),
        None => format!("{} has sent no new reading for {}.", source.name, human::seconds(age)),
    };
    (age > unusual).then(|| Text::new(sentence, effect).since(source.last_reading.clone()))
}

fn seconds(now: UnixNanos, since: UnixNanos) -> f64 {
    std::time::Duration::from_nanos(now.since(since).max(0).unsigned_abs()).as_secs_f64()
}
