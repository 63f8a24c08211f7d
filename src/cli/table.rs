//! Prints tables and JSON to standard output.

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

/// Prints text. A closed pipe (`| head`) is not a failure.
pub(super) fn print(text: impl std::fmt::Display) -> Result<(), Failure> {
    print_bytes(format!("{text}\n").as_bytes())
}

/// Prints bytes as they are.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = std::io::stdout();
    // The rest of the buffer would be lost without an error at the end of the process.
    unless_closed(output.write_all(bytes).and_then(|()| output.flush()))
}

/// Prints a value as one JSON document.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(serde_json::to_string_pretty(value)?)
}

fn unless_closed(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Failed(format!("the output cannot be written: {error}"))),
        Ok(()) => Ok(()),
    }
}
