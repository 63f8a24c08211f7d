//! `[canary]`: test readings that go from the webhook to the stores.

use super::section::Section;
use super::sinks::Sinks;
use crate::base::own_address;
use crate::reading::CANARY_SOURCE;
use crate::source::webhook;
use std::collections::HashSet;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_mins(1);
const DEADLINE: Duration = Duration::from_secs(30);
/// A longer time would be seen by the alert `MeterlineCanaryFailing` as a failure.
const LONGEST: Duration = Duration::from_mins(5);

/// The settings of the canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canary {
    /// The time from one round to the next.
    pub interval: Duration,
    /// The time in which a reading must be visible.
    pub deadline: Duration,
}

/// Reads the table; `taken` are the names of the sources.
pub(super) fn canary(
    mut section: Section<'_>,
    webhook: &webhook::Config,
    sinks: &Sinks,
    taken: &HashSet<String>,
) -> Option<Canary> {
    // Also while it is off: after a reload, one that runs until the restart would share its account with that source.
    if taken.contains(CANARY_SOURCE) {
        section.fault("", "is the source 'canary'; give the other source of this name another one");
    }
    if !section.is_present() {
        return None;
    }
    // So that a reload sees the table, also without a key.
    section.note_content("", b"on");
    let [interval, deadline] = [("interval", INTERVAL), ("deadline", DEADLINE)].map(|(key, default)| {
        let span = section.get_or(key, default);
        if !(Duration::from_secs(1)..=LONGEST).contains(&span) {
            section.fault(key, "must be between 1s and 5m");
        }
        span
    });
    if !webhook.is_listening() {
        section.fault("", "needs a [[webhook.account]], because without any the webhook does not listen");
    }
    if !sinks.has_store() {
        section.fault("", "needs [sink.sqlite] or [sink.questdb], where the test reading is looked for");
    }
    let own = own_address(webhook.listen).ip();
    if !webhook.behind_proxy.is_empty() && !webhook.behind_proxy.iter().any(|network| network.contains(&own)) {
        section.fault(
            "",
            format!("posts from {own}, which the webhook does not serve: add \"{own}\" to webhook.behind_proxy"),
        );
    }
    section.finish();
    Some(Canary { interval, deadline })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Faults, parse};
    use std::collections::BTreeMap;

    fn config(text: &str) -> Result<Config, Faults> {
        parse("m.toml", text, &BTreeMap::new())
    }

    #[test]
    fn the_canary_is_off_unless_its_table_is_there_and_its_table_is_a_setting() {
        let (without, with) = (config("").unwrap(), config("[canary]\n").unwrap());
        assert_eq!((without.canary, with.canary), (None, Some(Canary { interval: INTERVAL, deadline: DEADLINE })));
        assert_eq!(without.settings.changes(&with.settings).keys, ["canary"]);
        let slow = config("[canary]\ninterval = \"5m\"\ndeadline = \"1s\"\n").unwrap();
        assert_eq!(slow.canary.map(|it| (it.interval, it.deadline)), Some((LONGEST, Duration::from_secs(1))));
        assert_eq!(with.settings.changes(&slow.settings).keys, ["canary.deadline", "canary.interval"]);
    }

    #[test]
    fn it_needs_a_webhook_a_store_a_name_and_a_way_to_the_webhook() {
        const ACCOUNT: &str = "[[webhook.account]]\npath = \"/a\"\nname = ";
        const PROXY: &str = "[webhook]\nbehind_proxy = [\"10.0.0.1\"";
        for (text, says) in [
            ("[canary]\ninterval = \"500ms\"".to_owned(), "canary.interval: must be between 1s and 5m"),
            ("[canary]\ndeadline = \"6m\"".to_owned(), "canary.deadline: must be between 1s and 5m"),
            ("[canary]\n[[p1]]\nname = \"a\"\naddress = \"a:1\"".to_owned(), "needs a [[webhook.account]]"),
            (format!("[canary]\n{ACCOUNT}\"canary\""), "is the source 'canary'"),
            (format!("{ACCOUNT}\"canary\""), "is the source 'canary'"),
            (format!("[canary]\n{PROXY}]"), "add \"127.0.0.1\" to webhook.behind_proxy"),
            (format!("[canary]\n{PROXY}]\nlisten = \"[::]:1\"\n"), "add \"::1\" to webhook.behind_proxy"),
        ] {
            let found = config(&text).unwrap_err().to_string();
            assert!(found.contains(says), "{text}: {found}");
        }
        assert!(config(&format!("[canary]\n{PROXY}, \"127.0.0.0/8\"]")).is_ok());
        #[cfg(feature = "kafka")]
        {
            let kafka = "[sink.kafka]\nbrokers = \"a:1\"\ntopic = \"t\"\n";
            let found = config(&format!("[canary]\n{kafka}")).unwrap_err().to_string();
            assert!(found.contains("needs [sink.sqlite] or [sink.questdb]"), "{found}");
        }
    }
}
