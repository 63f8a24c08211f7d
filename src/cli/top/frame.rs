//! One frame of the view, made from the data of the built-in page. Pure: no terminal, no service.
//!
//! Texts come from devices and vendors: control characters in them are escaped.

use crate::base::human;
use crate::cli::table::{one_line, table};
use comfy_table::{ContentArrangement, Row};
use serde_json::Value;

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// The lines of a frame; never more than the terminal has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// Whether every part works.
    is_good: bool,
    head: Vec<String>,
    body: Vec<String>,
}

/// Values that a meter shows.
const VALUES_MAX: usize = 3;
/// A frame has room for the head and some rows at least.
const ROWS_MIN: usize = 10;

impl Frame {
    /// Makes the frame of these data.
    pub(super) fn of(status: &Value, size: Size) -> Self {
        let Size { rows, columns } = Size { rows: size.rows.max(ROWS_MIN), columns: size.columns.max(40) };
        let head = vec![
            one_line(&format!(
                "meterline {}   {}   q: end",
                text(&status["version"]),
                text(&status["now"]).split('.').next().unwrap_or_default()
            )),
            one_line(&format!("{}{}", text(&status["trouble"]["summary"]), troubles(status))),
            one_line(&journal(&status["journal"])),
        ];
        let sinks = section(&["sink", "state", "records behind", "behind", "reason"], sinks(status), columns);
        // A line between the sections, and one that says how many more there are.
        let left = rows.saturating_sub(head.len() + sinks.len() + 2);
        let sources = section(&["source", "kind", "state", "readings/min", "reason"], sources(status), columns);
        let sources = cut(sources, (left / 2).max(3));
        let left = left.saturating_sub(sources.len() + 1);
        let meters = section(&["meter", "source", "measured", "values"], meters(status), columns);
        let meters = cut(meters, left);
        let mut body = vec![String::new()];
        body.extend(sinks);
        body.push(String::new());
        body.extend(sources);
        body.push(String::new());
        body.extend(meters);
        body.truncate(rows - head.len());
        let clip = |lines: Vec<String>| lines.iter().map(|line| line.chars().take(columns).collect()).collect();
        Self { is_good: status["trouble"]["level"] == "good", head: clip(head), body: clip(body) }
    }

    /// The lines, with colours if the terminal has them.
    pub(super) fn lines(&self, has_colours: bool) -> Vec<String> {
        let mut lines = [self.head.clone(), self.body.clone()].concat();
        if has_colours && let Some(state) = lines.get_mut(1) {
            let colour = if self.is_good { "32" } else { "33" };
            *state = format!("\x1b[1;{colour}m{state}\x1b[0m");
        }
        lines
    }
}

/// The sentences about troubles, worst first.
fn troubles(status: &Value) -> String {
    list(&status["trouble"]["entries"]).iter().map(|entry| format!("  {}", text(&entry["sentence"]))).collect()
}

fn journal(journal: &Value) -> String {
    let bytes = |key: &str| human::bytes(journal[key].as_u64().unwrap_or_default());
    format!("journal: {} of {}, next record {}", bytes("bytes"), bytes("cap_bytes"), text(&journal["next_sequence"]))
}

fn sinks(status: &Value) -> Vec<Vec<String>> {
    let row = |sink: &Value| {
        let behind = sink["lag_seconds"].as_f64().map(human::seconds).unwrap_or_default();
        vec![text(&sink["name"]), text(&sink["state"]), text(&sink["lag_records"]), behind, text(&sink["why"])]
    };
    list(&status["sinks"]).iter().filter(|sink| sink["internal"] != true).map(row).collect()
}

/// Sources that do not work come first.
fn sources(status: &Value) -> Vec<Vec<String>> {
    let rate = |name: &Value| {
        let found = list(&status["ingest"]).iter().find(|ingest| ingest["name"] == *name);
        found.and_then(|ingest| ingest["readings_per_minute"].as_f64()).map(|rate| format!("{rate:.1}"))
    };
    let mut sources: Vec<&Value> = list(&status["sources"]).iter().collect();
    sources.sort_by_key(|source| source["state"] == "running");
    let row = |source: &Value| {
        let rate = rate(&source["name"]).unwrap_or_default();
        vec![text(&source["name"]), text(&source["kind"]), text(&source["state"]), rate, text(&source["why"])]
    };
    sources.into_iter().map(row).collect()
}

fn meters(status: &Value) -> Vec<Vec<String>> {
    let value = |value: &Value| {
        let name = Some(text(&value["name"])).filter(|name| !name.is_empty()).unwrap_or_else(|| text(&value["obis"]));
        format!("{name} {} {}", text(&value["value"]), text(&value["unit"]))
    };
    let row = |meter: &Value| {
        let name = Some(text(&meter["name"])).filter(|name| !name.is_empty()).unwrap_or_else(|| text(&meter["meter"]));
        let values: Vec<String> = list(&meter["values"]).iter().take(VALUES_MAX).map(value).collect();
        vec![name, text(&meter["source"]), text(&meter["at"]), values.join(", ")]
    };
    list(&status["meters"]["newest"]).iter().map(row).collect()
}

/// A table whose rows have one line each.
fn section(headers: &[&str], rows: Vec<Vec<String>>, columns: usize) -> Vec<String> {
    let mut shown = table(headers);
    shown.set_content_arrangement(ContentArrangement::Dynamic);
    shown.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    for cells in rows {
        let mut row = Row::from(cells);
        row.max_height(1);
        shown.add_row(row);
    }
    shown.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// The first lines, and how many rows there are beyond them.
fn cut(mut lines: Vec<String>, most: usize) -> Vec<String> {
    if lines.len() > most {
        let kept = most.saturating_sub(1);
        let more = lines.len() - kept;
        lines.truncate(kept);
        lines.push(format!(" … and {more} more"));
    }
    lines
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A text or number without control characters; empty if there is none.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const SIZE: Size = Size { rows: 24, columns: 100 };

    fn status(sources: usize, meters: usize) -> Value {
        let source = |number: usize| {
            let (state, why) =
                if number == 7 { ("failing", json!("no route to host")) } else { ("running", json!(null)) };
            json!({ "name": format!("device-{number}"), "kind": "json", "state": state, "why": why })
        };
        let meter = |number: usize| {
            let value = json!({ "obis": "1-0:1.7.0*255", "name": "power", "value": 1270.0, "unit": "W" });
            json!({ "meter": format!("meter-{number}"), "source": "a", "at": "2026-11-29T10:00:00Z", "values": [value] })
        };
        json!({
            "version": "1.2.3", "now": "2026-11-29T10:00:01.5Z",
            "trouble": { "level": "fault", "summary": "1 thing needs you", "entries": [{ "sentence": "It fails." }] },
            "journal": { "bytes": 1 << 20, "cap_bytes": 1_u64 << 33, "next_sequence": 42 },
            "sinks": [{ "name": "sqlite", "state": "running", "lag_records": 3, "lag_seconds": 0.5, "why": null }],
            "sources": (0..sources).map(source).collect::<Vec<_>>(),
            "ingest": [{ "name": "device-7", "readings_per_minute": 6.0 }],
            "meters": { "newest": (0..meters).map(meter).collect::<Vec<_>>() },
        })
    }

    #[test]
    fn a_frame_fits_the_terminal_and_begins_with_what_does_not_work() {
        let lines = Frame::of(&status(1000, 100), SIZE).lines(false);
        assert!(lines.len() <= SIZE.rows, "{lines:#?}");
        assert!(lines.iter().all(|line| line.chars().count() <= SIZE.columns), "{lines:#?}");
        let text = lines.join("\n");
        assert!(text.contains("1 thing needs you  It fails.") && text.contains("sqlite"), "{text}");
        let first = lines.iter().position(|line| line.contains("SOURCE")).unwrap() + 1;
        assert!(lines[first].contains("device-7") && lines[first].contains("6.0"), "{text}");
        assert!(lines[first].contains("no route to host"), "{text}");
        assert!(text.contains("more") && text.contains("power 1270.0 W"), "{text}");
    }

    #[test]
    fn control_characters_of_a_device_do_not_reach_the_terminal_and_colours_only_if_it_has_them() {
        let mut status = status(8, 1);
        status["sources"][7]["why"] = json!("\u{1b}[2Jgone\nline\u{9b}31m");
        status["meters"]["newest"][0]["meter"] = json!("\u{7}bell");
        let frame = Frame::of(&status, SIZE);
        assert!(!frame.lines(false).concat().chars().any(char::is_control), "{frame:#?}");
        assert_eq!(frame.lines(true).concat().matches('\u{1b}').count(), 2);
    }

    proptest! {
        #[test]
        fn any_size_and_any_text_give_a_frame_within_it(
            rows in 0_usize..80, columns in 0_usize..300, sources in 0_usize..30, name in "\\PC{0,40}",
        ) {
            let mut status = status(sources, sources);
            status["sinks"][0]["name"] = json!(name);
            let lines = Frame::of(&status, Size { rows, columns }).lines(false);
            prop_assert!(lines.len() <= rows.max(ROWS_MIN));
            prop_assert!(lines.iter().all(|line| line.chars().count() <= columns.max(40)));
        }
    }
}
