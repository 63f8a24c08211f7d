//! Whether colours may be written: only to a terminal that has them, and not with `NO_COLOR`
//! (<https://no-color.org>).

use std::io::IsTerminal;

/// Whether this stream shows colours.
pub fn has_colours(stream: &impl IsTerminal) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    stream.is_terminal() && !is_set("NO_COLOR") && !is_dumb
}
