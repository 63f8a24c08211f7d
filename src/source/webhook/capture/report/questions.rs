//! What was to be found out of a new account, and what its capture says to it.

use super::Report;
use super::decoded::{Body, Reading};
use crate::reading::{MeterId, UnixNanos};
use crate::source::webhook::capture::Post;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A reading older than this at its receipt was stored before it was sent.
const STORED_AFTER_MS: i64 = 20 * 60 * 1000;
/// So many values are named in a sentence.
const NAMED_MAX: usize = 6;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// Its name for scripts.
    pub id: &'static str,
    /// The question.
    pub question: &'static str,
    /// What the capture says to it.
    pub seen: Option<String>,
    /// Why it says nothing, or not all.
    pub missing: Option<&'static str>,
}

/// Every question, in the order they are shown.
pub(super) fn questions(report: &Report, posts: &[Post], decoded: &[Body]) -> Vec<Question> {
    let mut questions = of_posts(report);
    questions.extend(of_readings(report));
    questions.push(stored(decoded));
    questions.push(after_errors(posts, decoded));
    questions.extend(elsewhere());
    questions
}

const NO_POST: &str = "no post was captured";
const NO_READING: &str = "no reading was captured";

fn of_posts(report: &Report) -> Vec<Question> {
    let http = &report.http;
    let has_posts = report.posts > 0;
    let ask = |id, question, seen: String| Question {
        id,
        question,
        seen: has_posts.then_some(seen),
        missing: (!has_posts).then_some(NO_POST),
    };
    let bodies = &report.bodies;
    let sources = format!("{} ({})", http.sources.len(), named(&http.sources));
    let names: Vec<&String> = http.headers.keys().collect();
    let undecodable = if bodies.undecodable.is_empty() { "none".to_owned() } else { named(&bodies.undecodable) };
    let sizes = bodies.bytes.map_or("no body".to_owned(), |bytes| {
        let inflated = bodies.inflated_bytes.filter(|inflated| *inflated != bytes);
        format!("{bytes} bytes{}", inflated.map(|bytes| format!("; inflated {bytes}")).unwrap_or_default())
    });
    vec![
        ask("method", "With which method?", named(&http.methods)),
        ask("http_version", "With which version of HTTP?", named(&http.versions)),
        ask("content_type", "With which content type?", named(&http.content_types)),
        ask("encoding", "Compressed how?", named(&http.encodings)),
        ask("user_agent", "With which user agent?", named(&http.user_agents)),
        ask("headers", "Which headers?", all(&names)),
        ask("sources", "From how many addresses?", sources),
        ask("body_size", "How large are bodies?", sizes),
        ask("undecodable", "What cannot be decoded?", undecodable),
    ]
}

fn of_readings(report: &Report) -> Vec<Question> {
    let readings: u64 = report.meters.iter().map(|meter| meter.readings).sum();
    let ask = |id, question, seen: Option<String>, missing: Option<&'static str>| Question {
        id,
        question,
        seen: seen.filter(|_| readings > 0),
        missing: if readings > 0 { missing } else { Some(NO_READING) },
    };
    let total = |count: fn(&super::Meter) -> u64| report.meters.iter().map(count).sum::<u64>();
    let (same, other) = (total(|meter| meter.repeats_same), total(|meter| meter.repeats_other));
    let bodies = &report.bodies;
    let batches = bodies
        .meters
        .zip(bodies.readings)
        .map(|(meters, readings)| format!("{meters} meters and {readings} readings a post"));
    let values = bodies.values.zip(bodies.values_of_reading);
    let unknown: Vec<&str> =
        report.registers.iter().filter(|it| it.name.is_none()).map(|register| register.obis.as_str()).collect();
    let codes = format!("{} seen; without an entry in the registry: {}", report.registers.len(), listed(&unknown));
    let fields: Vec<String> =
        report.unknown_fields.iter().map(|field| format!("{} field {}", field.message, field.number)).collect();
    let delay = report.delay_ms.map(|delay| format!("{delay} ms"));
    let (scales, scales_missing) = scales(report);
    vec![
        ask("batching", "How many meters are in a post?", batches, None),
        ask("scales", "Which time scales, and which at the quarter-hours?", Some(scales), scales_missing),
        ask("kind", "Is the kind of a time written?", Some(named(&report.kinds)), None),
        ask("unknown_fields", "Which fields are not in the description?", Some(listed(&fields)), None),
        ask("registers", "Which OBIS codes?", Some(codes), None),
        ask("values", "How many values?", values.map(|(post, one)| format!("{post} a post, {one} a reading")), None),
        cadence(report),
        ask(
            "repeats",
            "Is anything sent twice?",
            Some(format!("{same} with the same values, {other} with others")),
            None,
        ),
        ask(
            "order",
            "Do readings come in order?",
            Some(format!("{} late of {readings}", total(|meter| meter.late))),
            None,
        ),
        ask("delay", "How long from measured to received?", delay, None),
    ]
}

fn scales(report: &Report) -> (String, Option<&'static str>) {
    let quarter_hours: u64 = report.scales.iter().map(|scale| scale.at_quarter_hours).sum();
    let has_days = report.scales.iter().any(|scale| scale.scale == "DAYS");
    let uses: Vec<String> = report
        .scales
        .iter()
        .map(|scale| format!("{} {} ({} at quarter-hours)", scale.scale, scale.readings, scale.at_quarter_hours))
        .collect();
    let rule = match report.not_coarsest {
        0 => "each the coarsest that is exact".to_owned(),
        others => format!("{others} not the coarsest that is exact"),
    };
    let missing = match (quarter_hours, has_days) {
        (0, _) => Some("no quarter-hour was captured: let the capture run over one"),
        (_, false) => Some("no midnight (UTC) was captured: let the capture run over one"),
        _ => None,
    };
    (format!("{}; {rule}", uses.join(", ")), missing)
}

fn cadence(report: &Report) -> Question {
    let known: Vec<_> = report.meters.iter().filter_map(|meter| Some((meter, meter.distance_ms?))).collect();
    let on_grid = known.iter().filter(|(meter, _)| meter.at_quarter_hours == meter.readings).count();
    let medians = super::Spread::of(known.iter().map(|(_, distance)| distance.median));
    Question {
        id: "cadence",
        question: "How often does a meter send?",
        seen: medians
            .map(|medians| format!("every {medians} ms by meter; {on_grid} of {} only at quarter-hours", known.len())),
        missing: known.is_empty().then_some("no meter came twice: capture more posts"),
    }
}

/// Quarter-hours that a device had stored while it was offline.
fn stored(decoded: &[Body]) -> Question {
    let is_stored = |reading: &&Reading| reading.delay_ms().is_some_and(|delay| delay > STORED_AFTER_MS);
    let readings: Vec<&Reading> = decoded.iter().flat_map(|body| &body.readings).filter(is_stored).collect();
    let meters: BTreeSet<MeterId> = readings.iter().filter_map(|reading| reading.meter).collect();
    let at_quarter_hours = readings.iter().filter(|reading| reading.is_at_quarter_hour()).count();
    let mut newest: BTreeMap<MeterId, UnixNanos> = BTreeMap::new();
    let steps_back = readings
        .iter()
        .filter_map(|reading| reading.meter.zip(reading.at))
        .filter(|&(meter, at)| newest.insert(meter, at).is_some_and(|before| at < before));
    let order = if steps_back.count() == 0 { "oldest first" } else { "not in order" };
    Question {
        id: "stored",
        question: "Do stored quarter-hours come after a device was offline?",
        seen: (!readings.is_empty()).then(|| {
            format!(
                "{} readings of {} meters came over 20 minutes late, {at_quarter_hours} of them at quarter-hours, {order}",
                readings.len(),
                meters.len()
            )
        }),
        missing: readings
            .is_empty()
            .then_some("nothing came over 20 minutes late: switch a device off for half an hour while capturing"),
    }
}

/// Whether what was answered with an error came again.
fn after_errors(posts: &[Post], decoded: &[Body]) -> Question {
    let is_error = |post: &Post| post.answer.is_none_or(|status| !(200..300).contains(&status));
    let key = |reading: &Reading| reading.meter.zip(reading.at);
    let (mut errors, mut readings, mut again) = (0, 0, 0);
    let mut later = BTreeSet::new();
    for (post, body) in posts.iter().zip(decoded).rev() {
        let keys: Vec<_> = body.readings.iter().filter_map(key).collect();
        if is_error(post) {
            errors += 1;
            readings += keys.len();
            again += keys.iter().filter(|key| later.contains(*key)).count();
        }
        later.extend(keys);
    }
    Question {
        id: "after_errors",
        question: "Does what was answered with an error come again?",
        seen: (errors > 0).then(|| format!("{errors} posts, {again} of their {readings} readings came again")),
        missing: (errors == 0).then_some("no post was answered with an error while capturing"),
    }
}

/// What no capture can say.
fn elsewhere() -> Vec<Question> {
    let ask = |id, question, missing| Question { id, question, seen: None, missing: Some(missing) };
    vec![
        ask(
            "test_form",
            "What does the portal's test form send?",
            "a capture cannot tell it from another post: press it, and compare with `meterline decode`",
        ),
        ask("units", "Which units are values in?", "a capture has no second source: compare with the REST API"),
        ask("codes_of_rest", "How does the REST API write OBIS codes?", "not in posts: ask GET /Values"),
        ask(
            "registered_twice",
            "Does an address registered twice get everything twice?",
            "register it twice, and see the repeats",
        ),
        ask(
            "transport",
            "Is plain HTTP, or a certificate of one's own, posted to?",
            "a refused connection is no post: register such an address, and see whether posts come",
        ),
    ]
}

fn named(counts: &BTreeMap<String, u64>) -> String {
    let mut by_count: Vec<(&String, &u64)> = counts.iter().collect();
    by_count.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let name = |name: &String| if name.is_empty() { "none".to_owned() } else { name.clone() };
    let mut shown: Vec<String> =
        by_count.iter().take(NAMED_MAX).map(|(text, count)| format!("{} ({count})", name(text))).collect();
    if by_count.len() > NAMED_MAX {
        shown.push(format!("{} more", by_count.len() - NAMED_MAX));
    }
    shown.join(", ")
}

fn all(names: &[&String]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

fn listed(names: &[impl AsRef<str>]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut shown: Vec<&str> = names.iter().take(NAMED_MAX).map(AsRef::as_ref).collect();
    if names.len() > NAMED_MAX {
        shown.push("...");
    }
    shown.join(", ")
}
