//! Troubles of the data itself: gaps and dead letters.

use super::list::{Found, Text};
use crate::admin::status::{Kind, Status};
use std::collections::BTreeSet;

/// The maximum number of meters named in a sentence.
const NAMED_MAX: usize = 3;

pub(super) fn add(found: &mut Found, status: &Status) {
    let letters: u64 = status.dead_letters.open.values().sum();
    if letters > 0 {
        let open = status.dead_letters.open.iter().filter(|(_, count)| **count > 0);
        let kinds: Vec<String> = open.map(|(kind, count)| format!("{count} {kind}")).collect();
        let effect = "They are kept. Re-submit them after the cause is mended, or drop them.";
        let sentence = format!("{} of data that could not be delivered: {}.", letters_of(letters), kinds.join(", "));
        found.add(Kind::DeadLetters, "", Text::new(sentence, effect));
    }
    let missing = &status.missing;
    if missing.gaps_open > 0 {
        let open = || missing.newest.iter().filter(|gap| gap.state == "open");
        let meters: BTreeSet<&str> = open().map(|gap| gap.name.as_deref().unwrap_or(&gap.meter)).collect();
        let mut named: Vec<&str> = meters.iter().copied().take(NAMED_MAX).collect();
        if meters.len() > NAMED_MAX || missing.gaps_open > open().count() {
            named.push("others");
        }
        let gaps =
            if missing.gaps_open == 1 { "A gap is".to_owned() } else { format!("{} gaps are", missing.gaps_open) };
        let of = if named.is_empty() { String::new() } else { format!(" of {}", named.join(", ")) };
        let sentence = format!("{gaps} open in the readings{of}: {} quarter-hours are missing.", missing.quarter_hours);
        let effect = "Readings are fetched where the vendor has them; a gap then closes automatically.";
        let since = open().map(|gap| gap.found.clone()).min();
        found.add(Kind::GapsOpen, "", Text::new(sentence, effect).since(since));
    }
    if missing.readings_untracked > 0 {
        let sentence = format!("Gap detection follows {} meters and no more.", missing.meters_max);
        let effect = "Nothing is lost. Missing readings of further meters are not noticed: raise gap_detection.memory.";
        found.add(Kind::MetersUntracked, "", Text::new(sentence, effect).times(missing.readings_untracked));
    }
}

fn letters_of(count: u64) -> String {
    if count == 1 { "1 dead letter".to_owned() } else { format!("{count} dead letters") }
}
