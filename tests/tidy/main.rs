//! The rules of this tree that the compiler does not know, each a test: dependencies,
//! lengths, banned words, and texts that must agree. A fault names file, line and remedy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod agreement;
mod alerts;
mod budgets;
mod cycles;
mod dependencies;
mod deployment;
mod devices;
mod language;
mod memory;
mod pages;
mod paths;
mod ranks;
mod source;
mod words;
mod writers;

/// Fails with all faults at once.
fn assert_none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n  {}\n", faults.join("\n  "));
}
