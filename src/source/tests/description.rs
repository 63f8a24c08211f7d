//! The description of a source as JSON and as metrics.

use super::*;
use crate::reading::UnixNanos;
use serde_json::json;
use std::sync::Arc;

fn description(sources: &Sources) -> Arc<Description> {
    sources.descriptions().remove(0)
}

#[tokio::test]
async fn facts_are_published_as_json_at_the_end_of_a_run() {
    let sources = sources();
    let mut reporter = sources.reporter("house", "played");
    reporter.set("meters", 3_usize);
    reporter.set("oldest_value_seconds", 1.5);
    reporter.set("mode", "watch");
    reporter.set("heard_at", UnixNanos(0));
    let before = description(&sources);
    assert!(before.facts.is_empty(), "the run goes on: {before:?}");
    reporter.report(SourceState::Failing, Some("no answer".to_owned()));
    let told = description(&sources);
    let expected = json!({
        "name": "house",
        "kind": "played",
        "state": "failing",
        "since": told.since.to_string(),
        "why": "no answer",
        "facts": {"meters": 3.0, "oldest_value_seconds": 1.5, "mode": "watch", "heard_at": UnixNanos(0).to_string()},
    });
    assert_eq!(serde_json::to_value(&*told).unwrap(), expected);
}

#[tokio::test]
async fn a_description_is_changed_in_place_and_a_reader_keeps_the_one_it_got() {
    let sources = sources();
    let mut reporter = sources.reporter("house", "played");
    let place = Arc::as_ptr(&description(&sources));
    reporter.set("meters", 3_usize);
    reporter.report(SourceState::Running, None);
    let read = description(&sources);
    assert_eq!(Arc::as_ptr(&read), place);
    reporter.set("meters", 4_usize);
    reporter.report(SourceState::Failing, None);
    assert_eq!((read.state, read.facts.get("meters")), (SourceState::Running, Some(&3_usize.into())));
    let now = description(&sources);
    assert_eq!((now.state, now.facts.get("meters")), (SourceState::Failing, Some(&4_usize.into())));
}

#[tokio::test]
async fn a_list_that_is_reported_again_replaces_only_its_own_texts() {
    let sources = sources();
    let mut reporter = sources.reporter("house", "played");
    for name in ["gateway cellar", "gateway roof", "mode"] {
        reporter.set(name, "ok");
    }
    reporter.set("gateways", 2_usize);
    reporter.report(SourceState::Running, None);
    reporter.set("gateway shed", "ok");
    reporter.clear_texts("gateway");
    reporter.set("gateway roof", "searching");
    reporter.report(SourceState::Running, None);
    let told = description(&sources);
    let expected = [("gateway roof", "searching".into()), ("gateways", 2_usize.into()), ("mode", "ok".into())];
    assert!(told.facts.iter().map(|(name, fact)| (name.as_str(), fact.clone())).eq(expected), "{told:?}");
}

#[tokio::test]
async fn numbers_and_the_state_are_metrics() {
    let sources = sources();
    let (reporter, metrics) = measured(|| {
        let mut reporter = sources.reporter("house", "played");
        reporter.set("meters", 3_usize);
        reporter.set("mode", "watch");
        reporter.report(SourceState::Running, None);
        reporter.set("meters", 4_usize);
        reporter.report(SourceState::Failing, None);
        reporter
    });
    assert_has_line(&metrics, r#"meterline_source_fact{source="house",kind="played",fact="meters"} 4"#);
    assert!(!metrics.render().contains("mode"), "a text is no metric");
    for (state, value) in [("waiting", 0), ("running", 0), ("failing", 1), ("misconfigured", 0)] {
        let labels = format!(r#"{{source="house",kind="played",state="{state}"}}"#);
        assert_has_line(&metrics, &format!("meterline_source_state{labels} {value}"));
    }
    // A source that ended is in no state.
    drop(reporter);
    assert_has_line(&metrics, r#"meterline_source_fact{source="house",kind="played",fact="meters"} NaN"#);
    assert_has_line(&metrics, r#"meterline_source_state{source="house",kind="played",state="failing"} 0"#);
}

#[tokio::test]
async fn since_changes_only_with_the_state() {
    let clock = Clock::system();
    let sources = Sources::new(Handle::current(), clock.clone());
    let mut reporter = sources.reporter("house", "played");
    let begun = description(&sources).since;
    let long_ns = i64::try_from(LONG.as_nanos()).unwrap();
    let mut moves = 0;
    let mut since = |state, why: &str| {
        moves += 1;
        clock.set_offset(moves * long_ns);
        reporter.report(state, Some(why.to_owned()));
        description(&sources).since.since(begun) / long_ns
    };
    assert_eq!(since(SourceState::Waiting, "the server asked for a wait"), 0);
    assert_eq!(since(SourceState::Failing, "no answer"), 2);
    assert_eq!(since(SourceState::Failing, "another answer"), 2);
    assert_eq!(since(SourceState::Misconfigured, "another answer"), 4);
    assert_eq!(since(SourceState::Failing, "no answer"), 5);
}
