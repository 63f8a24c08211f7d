//! Fault switches of test builds (feature `test-faults`, off in every release): a
//! decoder that learned a format, a wrong clock, an encoder that panics, a command
//! that is killed. Set by the environment variable `METERLINE_TEST_FAULTS`, as
//! names separated by commas.
//!
//! Knows nothing of what a switch does. Without the feature this module is not
//! compiled, so no environment can change a release.

use std::sync::OnceLock;

const VARIABLE: &str = "METERLINE_TEST_FAULTS";

/// Whether a switch is on. The variable is read once, so this never changes while running.
pub fn is_on(name: &str) -> bool {
    names().split(',').any(|known| known == name)
}

/// The number after `name=`, if it is set.
pub fn number(name: &str) -> Option<i64> {
    text(name)?.parse().ok()
}

/// The number that the file after `name=` has now, if it is set.
pub fn number_in_file(name: &str) -> Option<i64> {
    std::fs::read_to_string(text(name)?).ok()?.trim().parse().ok()
}

fn text(name: &str) -> Option<&'static str> {
    names().split(',').find_map(|known| known.strip_prefix(name)?.strip_prefix('='))
}

/// Panics in a sink's encoder at the value that the switch names.
///
/// # Panics
/// When the switch is on and its number is the value.
pub fn panic_at(switch: &str, value: f64) {
    if number(switch).is_some_and(|poison| poison as f64 == value) {
        std::panic::panic_any("encoder fault, set by a switch of this test build");
    }
}

/// Aborts the process, as SIGKILL does, at the step that the switch names.
pub fn die_at(switch: &str, step: i64) {
    if number(switch) == Some(step) {
        std::process::abort();
    }
}

fn names() -> &'static str {
    static NAMES: OnceLock<String> = OnceLock::new();
    NAMES.get_or_init(|| std::env::var(VARIABLE).unwrap_or_default())
}
