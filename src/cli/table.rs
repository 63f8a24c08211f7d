//! Prints tables and JSON to standard output.
//!
//! Names come from devices and vendors: no control character of them reaches a terminal.

use super::Failure;
use comfy_table::{Table, presets};
use serde::Serialize;
use std::io::Write;

/// Returns a table with these column headers.
pub(super) fn table<Header: AsRef<str>>(headers: &[Header]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(headers.iter().map(|header| header.as_ref().to_uppercase()));
    table
}

/// Prints text for people. A closed pipe (`| head`) is not a failure.
pub(super) fn print(text: impl std::fmt::Display) -> Result<(), Failure> {
    print_bytes(format!("{}\n", harmless(&text.to_string())).as_bytes())
}

/// Text whose control characters are escaped, except the ends of lines and tabs.
pub(super) fn harmless(text: &str) -> String {
    escaped(text, |c| c.is_control() && c != '\n' && c != '\t')
}

/// The same of a name, which is one line.
pub(super) fn one_line(text: &str) -> String {
    escaped(text, char::is_control)
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    text.chars().flat_map(|c| if is_escaped(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Prints bytes as they are.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = std::io::stdout();
    // The rest of the buffer would be lost without an error at the end of the process.
    unless_closed(output.write_all(bytes).and_then(|()| output.flush()))
}

/// Prints a value as one JSON document.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print_bytes(format!("{}\n", serde_json::to_string_pretty(value)?).as_bytes())
}

fn unless_closed(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Failed(format!("the output cannot be written: {error}"))),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_of_a_name_reaches_a_terminal() {
        let name = "Pump\u{1b}[2J\u{9b}31m\u{7}\nnext\tline é";
        assert_eq!(harmless(name), "Pump\\u{1b}[2J\\u{9b}31m\\u{7}\nnext\tline é");
        assert_eq!(one_line(name), "Pump\\u{1b}[2J\\u{9b}31m\\u{7}\\nnext\\tline é");
        let lines = |name: &str| {
            let mut shown = table(&["name"]);
            shown.add_row([name]);
            shown.lines().count()
        };
        assert_eq!(lines(&one_line(name)), lines("Pump"), "a name has one line");
    }
}
