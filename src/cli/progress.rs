//! Progress of commands that take long: on standard error, only if that is a terminal, and not
//! with `-q`.

use super::verbosity::Verbosity;
use crate::control::{Command, ask_data, is_served};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(250);

/// Whether progress is shown.
pub(super) fn is_shown(verbosity: Verbosity) -> bool {
    !verbosity.is_quiet() && std::io::stderr().is_terminal()
}

/// Does some work, and shows meanwhile what is done and for how long.
pub(super) fn during<T>(what: &'static str, verbosity: Verbosity, work: impl FnOnce() -> T) -> T {
    let target = if is_shown(verbosity) { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target).with_message(what);
    bar.enable_steady_tick(EVERY);
    bar.set_style(style("{spinner} {msg} ({elapsed})"));
    let done = work();
    bar.finish_and_clear();
    done
}

/// Shows how far the running service's replays are, until all have ended. It is only a view:
/// the replays continue without it.
pub(super) fn follow_replays(directory: &Path) {
    let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let mut bars = BTreeMap::new();
    while is_served(directory)
        && let Ok(status) = ask_data(directory, &Command::Status)
    {
        let replays = replays(&status);
        for (name, replay) in &replays {
            let bar = bars.entry(name.clone()).or_insert_with(|| bar_of(&all, name, *replay));
            bar.set_position(bar.length().unwrap_or_default().saturating_sub(replay.left()));
        }
        for (_, bar) in bars.iter().filter(|(name, _)| !replays.contains_key(*name)) {
            bar.finish();
        }
        if replays.is_empty() {
            return;
        }
        std::thread::sleep(EVERY);
    }
}

/// A replay that a sink has not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Running {
    next: u64,
    until: u64,
}

impl Running {
    fn left(self) -> u64 {
        self.until.saturating_sub(self.next)
    }
}

/// The unfinished replays in the data of the built-in page, by sink.
fn replays(status: &Value) -> BTreeMap<String, Running> {
    let sinks = status["sinks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let replay = |sink: &Value| {
        let running = Running { next: sink["next_sequence"].as_u64()?, until: sink["replaying_until"].as_u64()? };
        Some((sink["name"].as_str()?.to_owned(), running))
    };
    sinks.iter().filter_map(replay).collect()
}

fn bar_of(all: &MultiProgress, name: &str, replay: Running) -> ProgressBar {
    let bar = all.add(ProgressBar::new(replay.left()));
    bar.set_style(style("{msg} [{wide_bar}] {human_pos} of {human_len} records, {eta} left"));
    bar.set_message(name.to_owned());
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_sinks_that_replay_are_followed() {
        let status = json!({ "sinks": [
            { "name": "sqlite", "next_sequence": 7, "replaying_until": null },
            { "name": "kafka", "next_sequence": 3, "replaying_until": 10 },
        ] });
        let found = replays(&status);
        assert_eq!(found, BTreeMap::from([("kafka".to_owned(), Running { next: 3, until: 10 })]));
        assert_eq!(found["kafka"].left(), 7);
        assert!(replays(&json!({})).is_empty());
    }
}
