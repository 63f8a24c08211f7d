//! The tables of sources, ingest, sinks and journal, for the view Flow.

use super::status::{IngestStatus, JournalStatus, MissingStatus, SharedStatus, SinkStatus, Status};
use crate::base::human;
use crate::source::{Description, Fact, SourceState};
use std::fmt::Write as _;

/// Appends formatted text. Writing to a `String` cannot fail.
macro_rules! push {
    ($html:expr, $($arguments:tt)*) => {
        $html.write_fmt(format_args!($($arguments)*)).unwrap_or_default()
    };
}

/// Returns the tables of the view.
pub(super) fn tables(status: &Status) -> String {
    let mut html = String::with_capacity(16 * 1024);
    notices(&mut html, status);
    sources(&mut html, status);
    ingest(&mut html, status);
    sinks(&mut html, status);
    journal(&mut html, status);
    missing(&mut html, &status.missing);
    dead_letters(&mut html, status);
    html
}

fn notices(html: &mut String, status: &Status) {
    if !status.clock.ok {
        html.push_str("<p class=\"bad\">The clock is before this program's build date: set the clock.</p>");
    }
    for certificate in &status.certificates {
        push!(html, "<p>The {}'s certificate is valid until {}.</p>", certificate.listener, certificate.expires);
        if let Some(fault) = &certificate.fault {
            push!(
                html,
                "<p class=\"bad\">The certificate's files changed and cannot be used: {}. The earlier certificate stays in use.</p>",
                escaped(fault)
            );
        }
    }
    if status.clock.jumps > 0 {
        push!(html, "<p class=\"wait\">The clock jumped {} times since the start.</p>", status.clock.jumps);
    }
}

fn sources(html: &mut String, status: &Status) {
    html.push_str("<h2>Sources</h2><div class=scroll tabindex=0 role=region aria-label=\"Table: sources\"><table><tr><th>Source<th>Kind<th>State<th>Facts</tr>");
    for source in &status.sources {
        source_row(html, source);
    }
    html.push_str("</table></div>");
}

fn source_row(html: &mut String, source: &Description) {
    let class = match source.state {
        SourceState::Running => "ok",
        SourceState::Waiting => "wait",
        SourceState::Failing | SourceState::Misconfigured => "bad",
    };
    let why = source.why.as_deref().map(|why| format!(" since {}: {}", source.since, escaped(why)));
    push!(
        html,
        "<tr><td>{}<td>{}<td class={class}>{}{}<td>",
        escaped(&source.name),
        source.kind,
        source.state.label(),
        why.unwrap_or_default()
    );
    for (name, fact) in &source.facts {
        let (name, fact) = match (name.strip_suffix("_seconds"), fact) {
            (Some(name), Fact::Number(seconds)) => (name, human::seconds(*seconds)),
            (_, Fact::Number(number)) => (name.as_str(), number.to_string()),
            (_, Fact::Text(text)) => (name.as_str(), escaped(text)),
        };
        push!(html, "<div>{}: {fact}</div>", escaped(&name.replace('_', " ")));
    }
    html.push_str("</tr>");
}

/// The notice for a source that has used up its share of the journal.
const HELD_BACK: &str = " <span class=\"bad\">its undelivered records fill its share of the journal: it gets 503 until the sinks have some of them</span>";

fn ingest(html: &mut String, status: &Status) {
    html.push_str(
        "<h2>Ingest</h2><div class=scroll tabindex=0 role=region aria-label=\"Table: ingest\"><table><tr><th>Source<th class=n>Bodies<th class=n>Undecodable<th class=n>Readings<th class=n>Readings/min<th>Newest reading<th>Last received</tr>",
    );
    for source in &status.ingest {
        push!(
            html,
            "<tr><td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{:.0}<td>{}<td>{}{}{}</tr>",
            escaped(&source.name),
            source.bodies,
            source.undecodable,
            source.readings,
            source.readings_per_minute,
            newest_reading(source),
            source.last_received.as_deref().unwrap_or("never"),
            if source.held_back { HELD_BACK } else { "" },
            source.shared.as_ref().map(shared).unwrap_or_default()
        );
    }
    html.push_str("</table></div>");
}

fn newest_reading(source: &IngestStatus) -> String {
    match (&source.last_reading, source.last_reading_age_seconds) {
        (Some(at), Some(age)) => format!("{at}, {} old", human::seconds(age)),
        _ => "none".to_owned(),
    }
}

/// The notice for a meter that another source sends as well.
fn shared(shared: &SharedStatus) -> String {
    format!(
        " <span class=\"wait\">{} also comes from {}: of two values for one time, the later one stands</span>",
        escaped(&shared.meter),
        escaped(&shared.other)
    )
}

fn missing(html: &mut String, missing: &MissingStatus) {
    if missing.newest.is_empty() && missing.readings_untracked == 0 {
        return;
    }
    html.push_str("<h2>Missing readings</h2>");
    if missing.readings_untracked > 0 {
        push!(
            html,
            "<p class=\"wait\">Gap detection follows {} meters, as many as gap_detection.memory allows. {} readings of \
             further meters were not checked for gaps.</p>",
            missing.meters,
            missing.readings_untracked
        );
    }
    if missing.newest.is_empty() {
        return;
    }
    push!(
        html,
        "<p>{} open gaps, {} quarter-hours. <code>meterline gaps</code> lists all.</p>\
             <div class=scroll tabindex=0 role=region aria-label=\"Table: missing readings\"><table><tr><th>Meter<th>From<th>Until<th class=n>Quarter-hours missing<th>State</tr>",
        missing.gaps_open,
        missing.quarter_hours
    );
    for gap in &missing.newest {
        push!(
            html,
            "<tr><td><code>{}</code><br>{}<td>{}<td>{}<td class=n>{}<td class=\"{}\">{}</tr>",
            escaped(&gap.meter),
            escaped(&gap.source),
            gap.from,
            gap.until,
            gap.quarter_hours,
            if gap.state == "open" { "wait" } else { "" },
            gap.state
        );
    }
    html.push_str("</table></div>");
}

fn sinks(html: &mut String, status: &Status) {
    html.push_str(
        "<h2>Sinks</h2><div class=scroll tabindex=0 role=region aria-label=\"Table: sinks\"><table><tr><th>Sink<th>State<th class=n>Records behind<th class=n>Time behind<th class=n>Records kept<th class=n>Bytes kept<th>Last error</tr>",
    );
    for sink in status.sinks.iter().filter(|sink| !sink.internal) {
        push!(
            html,
            "<tr><td>{}{}<td class={}>{}{}{}{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}<td>{}</tr>",
            escaped(&sink.name),
            facts(sink),
            state_class(sink),
            sink.state,
            sink.why.as_deref().map(|why| format!(" since {}: {}", sink.since, escaped(why))).unwrap_or_default(),
            sink.replaying_until.map(|until| format!(", replaying up to record {until}")).unwrap_or_default(),
            warnings(sink),
            sink.lag_records,
            human::seconds(sink.lag_seconds),
            sink.kept_records,
            human::bytes(sink.kept_bytes),
            last_error(sink)
        );
    }
    html.push_str(
        "</table></div><p>The journal keeps all records from a sink's cursor on. Late rows that a sink holds are kept, but \
         not behind.</p>",
    );
}

fn facts(sink: &SinkStatus) -> String {
    sink.facts.iter().map(|(name, fact)| format!("<div>{name}: {}</div>", escaped(fact))).collect()
}

fn warnings(sink: &SinkStatus) -> String {
    sink.warnings.iter().map(|warning| format!("<div class=wait>{}</div>", escaped(warning))).collect()
}

fn state_class(sink: &SinkStatus) -> &'static str {
    match sink.state {
        "running" => "ok",
        "waiting" => "wait",
        _ => "bad",
    }
}

fn last_error(sink: &SinkStatus) -> String {
    match (&sink.last_error, &sink.last_error_at) {
        (Some(error), Some(at)) => format!("{at}: {}", escaped(error)),
        _ => "none".to_owned(),
    }
}

fn journal(html: &mut String, status: &Status) {
    let journal = &status.journal;
    let percent = journal.bytes.saturating_mul(1000).checked_div(journal.cap_bytes).unwrap_or(0);
    push!(
        html,
        "<h2>Journal</h2><p>{}.{} % full: {} of {} in {} segments; {}.</p>",
        percent / 10,
        percent % 10,
        human::bytes(journal.bytes),
        human::bytes(journal.cap_bytes),
        journal.segments,
        human::records(journal.oldest_sequence, journal.next_sequence)
    );
    gaps(html, journal);
}

fn gaps(html: &mut String, journal: &JournalStatus) {
    if journal.gaps_total == 0 {
        return;
    }
    push!(
        html,
        "<p class=bad>Gaps: records that a sink will never get ({} in total, the newest are listed).</p>\
         <div class=scroll tabindex=0 role=region aria-label=\"Table: gap records\"><table><tr><th>Sink<th class=n>First<th class=n>Last<th class=n>Records<th>Since<th>Cause</tr>",
        journal.gaps_total
    );
    for gap in &journal.gaps {
        push!(
            html,
            "<tr><td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td>{}<td>{}</tr>",
            escaped(&gap.sink),
            gap.from_sequence,
            human::last_record(gap.from_sequence, gap.until_sequence),
            gap.records,
            gap.at,
            gap.reason
        );
    }
    html.push_str("</table></div>");
}

fn dead_letters(html: &mut String, status: &Status) {
    html.push_str("<h2>Dead letters</h2>");
    if status.dead_letters.open.values().all(|&count| count == 0) {
        html.push_str("<p class=ok>None.</p>");
        return;
    }
    html.push_str("<ul>");
    for (kind, count) in status.dead_letters.open.iter().filter(|(_, count)| **count > 0) {
        push!(html, "<li class=wait>{count} open, kind {}", escaped(kind));
    }
    html.push_str("</ul><p>See <code>meterline dead-letters list</code>.</p>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
