//! Troubles between the journal and the sinks.

use super::list::{Found, Text};
use crate::admin::status::{Kind, SinkStatus, Status};
use crate::base::human;

/// A sink that is further behind needs attention, as in the alert `MeterlineSinkBehind`.
const BEHIND_SECONDS_MAX: f64 = 900.0;
/// The journal is full soon within this time, as in the alert `MeterlineJournalFullSoon`.
const FULL_IN_SECONDS_MIN: f64 = 6.0 * 3600.0;

pub(super) fn add(found: &mut Found, status: &Status) {
    for sink in &status.sinks {
        state(found, sink);
        for warning in &sink.warnings {
            let sentence = format!("The store of {} needs attention: {warning}.", sink.name);
            found.add(Kind::SinkWarning, &sink.name, Text::new(sentence, "Delivery continues. Nothing is lost."));
        }
    }
    journal(found, status);
    canary(found, status);
    for name in &status.journal.gaps_last_day {
        let of_sink = || status.journal.gaps.iter().filter(|gap| gap.sink == *name);
        let records: u64 = of_sink().map(|gap| gap.records).sum();
        let newest = of_sink().next();
        let why = match newest.map(|gap| gap.reason) {
            Some("retention") => "the journal was full before the sink had them",
            Some(_) => "a repair of the journal could not read them",
            None => "the journal does not have them any more",
        };
        let sentence = format!("{name} will never get {records} records: {why}.");
        let effect = "These records are missing in this store. Other sinks have what they took. This entry ends a day \
                      after the last loss.";
        found.add(Kind::RecordsLost, name, Text::new(sentence, effect).since(newest.map(|gap| gap.at.clone())));
    }
}

fn state(found: &mut Found, sink: &SinkStatus) {
    let why = sink.why.as_deref().unwrap_or("it has not said why");
    let name = &sink.name;
    let since = sink.since.clone();
    match sink.state {
        "blocked" => {
            let text = Text::new(format!("{name} takes no data until it is repaired: {why}."), waits(sink));
            found.add(Kind::SinkBlocked, name, text.since(since));
        }
        "waiting" => {
            let text = Text::new(format!("{name} cannot be reached: {why}."), waits(sink));
            found.add(Kind::SinkWaiting, name, text.since(since));
        }
        _ if sink.lag_seconds > BEHIND_SECONDS_MAX => {
            let behind = human::seconds(sink.lag_seconds);
            let text = match sink.replaying_until {
                Some(until) => format!("{name} repeats records up to {until} and is {behind} behind."),
                None => format!("{name} takes data, but is {behind} behind."),
            };
            found.add(Kind::SinkBehind, name, Text::new(text, waits(sink)));
        }
        _ => {}
    }
}

/// A store that the canary's reading does not reach, unless another entry says why.
fn canary(found: &mut Found, status: &Status) {
    let is_known = |store| status.sinks.iter().any(|sink| sink.name == store && sink.state != "running");
    for at in &status.canary {
        let Some(why) = at.why.as_ref().filter(|_| status.not_ready.is_none() && !is_known(at.store)) else { continue };
        let sentence = format!("The canary's test reading did not become visible in {}: {why}.", at.store);
        let effect = "Readings of meters may go the same way. What was answered 200 is safe in the journal.";
        found.add(Kind::CanaryFailing, at.store, Text::new(sentence, effect).since(at.since.clone()));
    }
}

/// The backlog of a sink in words.
fn waits(sink: &SinkStatus) -> String {
    if sink.lag_records == 0 {
        return "Nothing is lost, and nothing is waiting.".to_owned();
    }
    let (lag, bytes) = (human::seconds(sink.lag_seconds), human::bytes(sink.kept_bytes));
    format!("Nothing is lost: {lag} of data ({} records, {bytes}) are waiting in the journal.", sink.lag_records)
}

fn journal(found: &mut Found, status: &Status) {
    let journal = &status.journal;
    let Some(left) = journal.full_in_seconds.filter(|left| *left < FULL_IN_SECONDS_MIN) else { return };
    let slowest = status.sinks.iter().max_by_key(|sink| sink.kept_bytes);
    let name = slowest.map_or("a sink", |sink| sink.name.as_str());
    let sentence = format!(
        "The journal will be full in {} at this rate: {} of {} are waiting for {name}.",
        human::seconds(left),
        human::bytes(journal.waiting_bytes),
        human::bytes(journal.cap_bytes)
    );
    let effect =
        "Nothing is lost yet. When it is full, posts are answered 503; an optional sink misses records instead.";
    found.add(Kind::JournalFullSoon, name, Text::new(sentence, effect));
}
