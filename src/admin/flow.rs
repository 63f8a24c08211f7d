//! The view Flow: sources, the journal and sinks in three columns, each line as thick as its rate is large.
//!
//! The workers of the service itself are no sinks. Bound: [`SOURCES_SHOWN_MAX`] sources; the others are counted.

use super::frame::{Frame, View};
use super::page;
use super::status::{IngestStatus, JournalStatus, SinkStatus, Status, Trouble};
use crate::base::human;
use crate::source::SourceState;
use askama::Template;

/// The maximum number of sources in the diagram; the tables below it have all.
const SOURCES_SHOWN_MAX: usize = 20;
/// The width of the journal's bar.
const BAR: u64 = 1000;

/// The page.
#[derive(Template)]
#[template(path = "flow.html")]
pub(super) struct FlowPage {
    frame: Frame,
    sources: Vec<Node>,
    sources_more: usize,
    total: String,
    journal: Bar,
    sinks: Vec<Node>,
    tables: String,
}

/// A source or a sink.
struct Node {
    name: String,
    /// The class of its state.
    class: &'static str,
    mark: &'static str,
    state: String,
    facts: Vec<String>,
    /// The cause of its trouble, and the command that helps.
    trouble: Option<(String, String)>,
    /// The thickness of its line; 0 if nothing flows.
    thickness: u32,
}

/// The bar of the journal, in thousandths.
struct Bar {
    waiting: u64,
    kept: u64,
    parts: [(&'static str, &'static str, String); 3],
    full_in: Option<String>,
}

impl FlowPage {
    pub(super) fn new(status: &Status, is_logged_in: bool) -> Self {
        let mut ingest: Vec<&IngestStatus> = status.ingest.iter().collect();
        ingest.sort_by(|one, other| other.readings_per_minute.total_cmp(&one.readings_per_minute));
        let total = status.ingest.iter().map(|source| source.readings_per_minute).sum();
        let of_sinks = status.sinks.iter().filter(|sink| !sink.internal);
        Self {
            frame: Frame::new(View::Flow, "Flow", status, is_logged_in),
            sources_more: ingest.len().saturating_sub(SOURCES_SHOWN_MAX),
            sources: ingest.into_iter().take(SOURCES_SHOWN_MAX).map(|source| source_node(source, status)).collect(),
            total: rate(total),
            journal: bar(&status.journal),
            sinks: of_sinks.map(|sink| sink_node(sink, total, status)).collect(),
            tables: page::tables(status),
        }
    }
}

fn source_node(source: &IngestStatus, status: &Status) -> Node {
    let tasks = status.sources.iter().filter(|task| task.name == source.name);
    let fails = tasks.clone().any(|task| matches!(task.state, SourceState::Failing | SourceState::Misconfigured));
    let waits = tasks.clone().any(|task| task.state == SourceState::Waiting);
    let (class, mark, state) = match (fails || source.held_back, waits) {
        (true, _) if source.held_back => ("bad", "▲", "is answered 503"),
        (true, _) => ("bad", "▲", "does not work"),
        (false, true) => ("warning", "▲", "has not run yet"),
        (false, false) if source.bodies == 0 => ("muted", "○", "has sent nothing yet"),
        (false, false) => ("good", "●", "delivers"),
    };
    let newest = source.last_reading_age_seconds.map(|age| format!("newest reading {} old", age_of(age)));
    let kinds: Vec<&str> = tasks.map(|task| task.kind).collect();
    let facts = [Some(rate(source.readings_per_minute)), newest, kinds.first().map(|kind| (*kind).to_owned())];
    Node {
        name: source.name.clone(),
        class,
        mark,
        state: state.to_owned(),
        facts: facts.into_iter().flatten().collect(),
        trouble: trouble_of(&source.name, status),
        thickness: thickness(source.readings_per_minute),
    }
}

fn sink_node(sink: &SinkStatus, total: f64, status: &Status) -> Node {
    let behind = age_of(sink.lag_seconds);
    let (class, mark, state) = match sink.state {
        "running" if sink.replaying_until.is_some() => ("good", "●", "repeats earlier records".to_owned()),
        "running" if sink.lag_records == 0 => ("good", "●", "has everything".to_owned()),
        "running" => ("good", "●", format!("takes data, {behind} behind")),
        "waiting" => ("warning", "▲", "cannot be reached".to_owned()),
        _ => ("bad", "▲", "takes no data until it is repaired".to_owned()),
    };
    let lag = match sink.lag_records {
        0 => "nothing waits".to_owned(),
        records => format!("{} records, {}, {behind} wait", grouped(records), human::bytes(sink.kept_bytes)),
    };
    let error = sink.last_error.as_ref().zip(sink.last_error_at.as_ref());
    let error = error.map(|(error, at)| format!("last error at {at}: {error}"));
    let trouble = trouble_of(&sink.name, status);
    Node {
        name: sink.name.clone(),
        class,
        mark,
        state,
        facts: std::iter::once(lag).chain(error.filter(|_| trouble.is_none())).collect(),
        trouble,
        thickness: if sink.state == "running" { thickness(total) } else { 0 },
    }
}

/// An age as people read it.
fn age_of(seconds: f64) -> String {
    if seconds < 1.0 { "under a second".to_owned() } else { human::seconds(seconds) }
}

fn trouble_of(name: &str, status: &Status) -> Option<(String, String)> {
    let worst: Option<&Trouble> = status.trouble.entries.iter().find(|trouble| trouble.part == name);
    worst.map(|trouble| (trouble.sentence.clone(), trouble.command.clone()))
}

fn bar(journal: &JournalStatus) -> Bar {
    let cap = journal.cap_bytes.max(1);
    let waiting = journal.waiting_bytes.min(cap);
    let kept = journal.bytes.min(cap).saturating_sub(waiting);
    let share = |bytes: u64| bytes.saturating_mul(BAR) / cap;
    Bar {
        waiting: share(waiting),
        kept: share(kept),
        parts: [
            ("waiting", "waiting for the slowest sink", human::bytes(waiting)),
            ("kept", "kept for a replay", human::bytes(kept)),
            ("free", "free", human::bytes(cap - waiting - kept)),
        ],
        full_in: journal.full_in_seconds.map(|seconds| format!("full in {} at this rate", human::seconds(seconds))),
    }
}

/// From 1 to 13 px: 4 px more for each factor of ten.
fn thickness(per_minute: f64) -> u32 {
    let limits = [0.0, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5];
    let passed = limits.iter().filter(|limit| per_minute > **limit).count();
    u32::try_from(passed).unwrap_or_default()
}

fn rate(per_minute: f64) -> String {
    if per_minute > 0.0 && per_minute < 10.0 {
        return format!("{per_minute:.1} readings/min");
    }
    format!("{} readings/min", grouped_text(&format!("{per_minute:.0}")))
}

fn grouped(count: u64) -> String {
    grouped_text(&count.to_string())
}

/// Separates the thousands.
fn grouped_text(digits: &str) -> String {
    let separated = digits.char_indices().map(|(at, digit)| {
        let is_first_of_three = at > 0 && (digits.len() - at).is_multiple_of(3);
        if is_first_of_three { format!(",{digit}") } else { digit.to_string() }
    });
    separated.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::status;
    use crate::admin::troubles;

    fn page(change: impl FnOnce(&mut Status)) -> String {
        let mut status = status();
        change(&mut status);
        status.trouble = troubles(&status);
        FlowPage::new(&status, false).render().unwrap()
    }

    #[test]
    fn lines_grow_with_the_logarithm_of_the_rate_and_rates_are_grouped() {
        let thick = [0.0, 0.05, 5.0, 50.0, 500.0, 1e9].map(thickness);
        assert_eq!(thick, [0, 1, 4, 6, 8, 13]);
        assert_eq!([rate(0.0), rate(0.25)], ["0 readings/min", "0.2 readings/min"]);
        assert_eq!(rate(1_240.4), "1,240 readings/min");
        assert_eq!([0.18, 0.999, 1.0, 720.0].map(age_of), ["under a second", "under a second", "1s", "12m"]);
        assert_eq!([grouped(999), grouped(1_000), grouped(1_234_567)], ["999", "1,000", "1,234,567"]);
    }

    #[test]
    fn the_journal_is_a_bar_of_what_waits_what_is_kept_and_what_is_free() {
        let html = page(|status| {
            (status.journal.cap_bytes, status.journal.bytes, status.journal.waiting_bytes) =
                (1000 << 20, 500 << 20, 250 << 20);
            status.journal.full_in_seconds = Some(9.0 * 3600.0);
        });
        for part in [
            "250.0 MiB</b> waiting",
            "250.0 MiB</b> kept for a replay",
            "500.0 MiB</b> free",
            "full in 9h at this rate",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(html.contains("width=\"250\" height=\"12\" class=\"waiting\""), "{html}");
        assert!(!page(|_| {}).contains("at this rate"));
    }

    #[test]
    fn a_sink_has_its_state_in_words_its_lag_and_the_command_that_helps_and_a_worker_is_none() {
        let html = page(|status| {
            status.sinks[0].internal = true;
            let sink = &mut status.sinks[1];
            (sink.state, sink.why) = ("blocked", Some("table <samples> is missing".to_owned()));
            (sink.lag_records, sink.kept_bytes, sink.lag_seconds) = (12_345, 1 << 20, 720.0);
        });
        assert!(!html.contains("sqlite"), "{html}");
        for part in [
            "takes no data until it is repaired",
            "12,345 records, 1.0 MiB, 12m wait",
            "table &#60;samples&#62; is missing",
            "meterline check --connect",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(page(|_| {}).contains("has everything"));
    }
}
