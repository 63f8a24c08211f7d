//! The state of the service in words: as bad as the worst of its parts, and each part that
//! needs attention by name. The details are in the sections of the page.

use super::status::{Headline, IngestStatus, SinkStatus, Status};
use crate::base::{Level, human};
use crate::source::{Description, SourceState};
use std::time::Duration;

/// A sink that is further behind needs attention, as in the alert `MeterlineSinkBehind`.
const BEHIND_SECONDS_MAX: f64 = 900.0;
/// A certificate that ends sooner needs attention, as in the alert on it.
const CERTIFICATE_SECONDS_MIN: i64 = 14 * 86_400;

/// Returns the headline of these contents.
#[must_use]
pub fn headline(status: &Status) -> Headline {
    let mut parts = [sources(status), sinks(status), data(status), certificate(status)].concat();
    parts.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    let worst = parts.first().map_or(Level::Good, |(level, _)| *level);
    let (level, summary) = match (&status.not_ready, worst) {
        (Some(why), _) => (Level::Fault, format!("Data is refused: {why}")),
        (None, Level::Good) => (Level::Good, "Data is taken, and every part works.".to_owned()),
        (None, Level::Warning) => (Level::Warning, "Data is taken, but this needs attention:".to_owned()),
        (None, Level::Fault) => (Level::Fault, "Data is taken, but this does not work:".to_owned()),
    };
    Headline { level, summary, parts: parts.into_iter().map(|(_, sentence)| sentence).collect() }
}

type Parts = Vec<(Level, String)>;

fn sources(status: &Status) -> Parts {
    let of = |states: &[SourceState]| -> Vec<&Description> {
        status.sources.iter().map(AsRef::as_ref).filter(|source| states.contains(&source.state)).collect()
    };
    let named = |source: &&Description| format!("{} ({}, {})", source.name, source.kind, source.state.label());
    let broken = of(&[SourceState::Failing, SourceState::Misconfigured]);
    let new = of(&[SourceState::Waiting]);
    let mut parts = Parts::new();
    parts.extend(sentence(Level::Fault, "source does not work", "sources do not work", &broken, named));
    parts.extend(sentence(Level::Warning, "source has not run yet", "sources have not run yet", &new, named));
    let held: Vec<_> = status.ingest.iter().filter(|source| source.held_back).collect();
    let named = |source: &&IngestStatus| source.name.clone();
    parts.extend(sentence(Level::Fault, "source is refused", "sources are refused", &held, named));
    parts
}

fn sinks(status: &Status) -> Parts {
    let down: Vec<&SinkStatus> = status.sinks.iter().filter(|sink| sink.state != "running").collect();
    let behind = |sink: &&SinkStatus| sink.state == "running" && sink.lag_seconds > BEHIND_SECONDS_MAX;
    let behind: Vec<&SinkStatus> = status.sinks.iter().filter(behind).collect();
    let is_blocked = down.iter().any(|sink| sink.state == "blocked");
    let level = if is_blocked { Level::Fault } else { Level::Warning };
    let mut parts = Parts::new();
    let state = |sink: &&SinkStatus| format!("{} ({})", sink.name, sink.state);
    parts.extend(sentence(level, "sink is not running", "sinks are not running", &down, state));
    let lag = |sink: &&SinkStatus| format!("{} ({})", sink.name, human::seconds(sink.lag_seconds));
    parts.extend(sentence(Level::Warning, "sink is behind", "sinks are behind", &behind, lag));
    let warned: Vec<&SinkStatus> = status.sinks.iter().filter(|sink| !sink.warnings.is_empty()).collect();
    let name = |sink: &&SinkStatus| sink.name.clone();
    parts.extend(sentence(Level::Warning, "sink has a warning", "sinks have warnings", &warned, name));
    let lost = &status.journal.gaps_last_day;
    let (one, many) = ("sink will never get some records", "sinks will never get some records");
    parts.extend(sentence(Level::Fault, one, many, lost, String::clone));
    parts
}

fn data(status: &Status) -> Parts {
    let mut parts = Parts::new();
    let letters: u64 = status.dead_letters.open.values().sum();
    if letters > 0 {
        parts.push((Level::Warning, format!("open dead letters: {letters}")));
    }
    if status.missing.gaps_open > 0 {
        parts.push((Level::Warning, format!("open gaps in the meters' readings: {}", status.missing.gaps_open)));
    }
    if status.missing.readings_untracked > 0 {
        parts.push((Level::Warning, "gap detection does not follow all meters".to_owned()));
    }
    let shared: Vec<_> = status.ingest.iter().filter(|source| source.shared.is_some()).collect();
    let named = |source: &&IngestStatus| source.name.clone();
    let (one, many) = ("source sends another one's meters", "sources send each other's meters");
    parts.extend(sentence(Level::Warning, one, many, &shared, named));
    parts
}

fn certificate(status: &Status) -> Parts {
    let Some(certificate) = &status.certificate else { return Parts::new() };
    let mut parts = Parts::new();
    if certificate.fault.is_some() {
        parts.push((Level::Fault, "the files of the webhook's certificate cannot be used".to_owned()));
    }
    match certificate.seconds_left {
        left if left <= 0 => parts.push((Level::Fault, "the webhook's certificate has expired".to_owned())),
        left if left < CERTIFICATE_SECONDS_MIN => {
            let left = human::duration(Duration::from_secs(left.unsigned_abs()));
            parts.push((Level::Warning, format!("the webhook's certificate expires in {left}")));
        }
        _ => {}
    }
    parts
}

/// The sentence about some parts of one kind; none if there are none.
fn sentence<T>(
    level: Level,
    one: &str,
    many: &str,
    parts: &[T],
    name: impl Fn(&T) -> String,
) -> Option<(Level, String)> {
    let names: Vec<String> = parts.iter().map(name).collect();
    let what = match names.len() {
        0 => return None,
        1 => one,
        _ => many,
    };
    Some((level, format!("{} {what}: {}", names.len(), names.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::status;

    #[test]
    fn a_service_without_faults_is_good() {
        let found = headline(&status());
        assert_eq!((found.level, found.parts.len()), (Level::Good, 0), "{found:?}");
    }

    #[test]
    fn the_worst_part_gives_the_state_and_all_are_named() {
        let mut status = status();
        status.sinks[0].state = "waiting";
        status.dead_letters.open.insert("set-aside".to_owned(), 3);
        let found = headline(&status);
        assert_eq!(found.level, Level::Warning);
        assert_eq!(found.parts, ["1 sink is not running: sqlite (waiting)", "open dead letters: 3"]);
        status.sinks[1].warnings.push("its view is not valid".to_owned());
        assert!(headline(&status).parts.contains(&"1 sink has a warning: kafka".to_owned()));
        status.sinks[1].warnings.clear();

        status.sinks[1].state = "blocked";
        let found = headline(&status);
        assert_eq!(found.level, Level::Fault);
        assert_eq!(found.parts[0], "2 sinks are not running: sqlite (waiting), kafka (blocked)");

        status.not_ready = Some("the journal is full".to_owned());
        let found = headline(&status);
        assert_eq!(found.summary, "Data is refused: the journal is full");
    }

    #[test]
    fn a_sink_that_runs_far_behind_and_lost_records_are_named() {
        let mut status = status();
        status.sinks[1].lag_seconds = 7500.0;
        status.journal.gaps_last_day = vec!["kafka".to_owned()];
        let found = headline(&status);
        assert_eq!(found.level, Level::Fault);
        assert_eq!(found.parts, ["1 sink will never get some records: kafka", "1 sink is behind: kafka (2h 5m)"]);
    }

    #[test]
    fn a_certificate_near_its_end_or_beyond_it_is_named() {
        let mut status = status();
        let mut parts = |seconds_left| {
            let expires = String::new();
            status.certificate = Some(crate::admin::CertificateStatus { expires, seconds_left, fault: None });
            headline(&status).parts.concat()
        };
        assert_eq!(parts(15 * 86_400), "");
        assert_eq!(parts(3 * 86_400), "the webhook's certificate expires in 3d");
        assert_eq!(parts(-1), "the webhook's certificate has expired");
    }
}
