//! Switches of test builds (feature `test-faults`, off in every release): a
//! decoder that learns, a clock that is wrong, an encoder that dies, a command that does. Set by the environment variable
//! `METERLINE_TEST_FAULTS`, names with commas between them.
//!
//! Knows nothing of what a switch does. Without the feature this module is not
//! compiled, so no environment can change what a release does.

use std::sync::OnceLock;

const VARIABLE: &str = "METERLINE_TEST_FAULTS";

/// Whether a switch is on. Read once, so that nothing changes under way.
#[must_use]
pub fn is_on(name: &str) -> bool {
    names().split(',').any(|known| known == name)
}

/// The number behind `name=` where it is given.
#[must_use]
pub fn number(name: &str) -> Option<i64> {
    let mut values = names().split(',').filter_map(|known| known.strip_prefix(name)?.strip_prefix('='));
    values.next()?.parse().ok()
}

/// A fault of a sink's encoder: panics at the value that the switch names.
///
/// # Panics
/// When the switch is on and its number is the value.
pub fn panic_at(switch: &str, value: f64) {
    if number(switch).is_some_and(|poison| poison as f64 == value) {
        std::panic::panic_any("a fault of the encoder, by a switch of this test build");
    }
}

/// Ends the process at once, as SIGKILL does, at the step that the switch names.
pub fn die_at(switch: &str, step: i64) {
    if number(switch) == Some(step) {
        std::process::abort();
    }
}

fn names() -> &'static str {
    static NAMES: OnceLock<String> = OnceLock::new();
    NAMES.get_or_init(|| std::env::var(VARIABLE).unwrap_or_default())
}
