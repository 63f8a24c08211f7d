//! Every message of `tests/fixtures` decodes to its expected readings.
//!
//! Beside `case.txt` (or `.json`, `.hex`) stands `case.expected`: its source after `#`, the options of the
//! command after `#!`, then a line of `decode --json` for each value, text and unreadable part, in
//! any order, without `file`, `meter` and `name`, which follow from the rest. They are written from
//! the vendors' documents, not copied from the output.

use super::*;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Directories of vendors, and the messages of each at least.
const VENDORS: [(&str, usize); 4] = [("p1", 31), ("dsmr-logger", 13), ("ksem", 9), ("smart-mac", 10)];
/// Fields that follow from the others.
const DERIVED: [&str; 3] = ["file", "meter", "name"];

#[derive(clap::Parser)]
struct CommandLine {
    #[command(flatten)]
    decode: DecodeArgs,
}

/// The arguments of a command line.
pub(super) fn arguments(line: &str) -> DecodeArgs {
    let words = std::iter::once("decode").chain(line.split_whitespace());
    let command: CommandLine = clap::Parser::try_parse_from(words).unwrap();
    command.decode
}

/// The options of a command line.
pub(super) fn options(line: &str) -> Options {
    arguments(line).options().unwrap()
}

fn decoded(message: &Path, options: &Options) -> Vec<Value> {
    let bytes = input::bytes(message, Encoding::Auto).unwrap();
    let mut text = Vec::new();
    let mut output = Output::new(&mut text, true);
    decode("fixture", options.topic(0), &bytes, options, &mut output).unwrap();
    let text = String::from_utf8(text).unwrap();
    let items = text.lines().map(|line| {
        let mut item: Map<String, Value> = serde_json::from_str(line).unwrap();
        item.retain(|key, _| !DERIVED.contains(&key.as_str()));
        Value::Object(item)
    });
    items.collect()
}

/// The differences between a message and its expected readings.
fn differences(message: &Path) -> Vec<String> {
    let expected = std::fs::read_to_string(message.with_extension("expected")).unwrap();
    let arguments = expected.lines().find_map(|line| line.strip_prefix("#!")).unwrap_or_default();
    let lines = expected.lines().filter(|line| !line.starts_with('#'));
    let mut wanted: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut differences = Vec::new();
    for item in decoded(message, &options(arguments)) {
        match wanted.iter().position(|other| is_same(&item, other)) {
            Some(at) => drop(wanted.swap_remove(at)),
            None => differences.push(format!("{}: not expected: {item}", message.display())),
        }
    }
    differences.extend(wanted.iter().map(|item| format!("{}: missing: {item}", message.display())));
    differences
}

/// Whether both have the same fields; numbers are equal as numbers.
fn is_same(item: &Value, other: &Value) -> bool {
    let (Value::Object(item), Value::Object(other)) = (item, other) else { return false };
    let is_equal = |(key, value): (&String, &Value)| match (value.as_f64(), other.get(key)) {
        (Some(number), Some(other)) => other.as_f64() == Some(number),
        (_, other) => other == Some(value),
    };
    item.len() == other.len() && item.iter().all(is_equal)
}

fn messages(vendor: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(vendor);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end != "expected")).collect()
}

#[test]
fn every_message_of_the_vendors_documents_decodes_to_the_stated_readings() {
    let mut all = Vec::new();
    for (vendor, at_least) in VENDORS {
        let messages = messages(vendor);
        assert!(messages.len() >= at_least, "{vendor} has {} messages", messages.len());
        all.extend(messages.iter().flat_map(|message| differences(message)));
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}
