//! What the service is built from: every dependency has its reason, every licence
//! is one that goes with ours.

use crate::assert_none;
use crate::source::root;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// Licences that may be linked into a program under Apache-2.0 without asking
/// anything of its users but the notice.
const ALLOWED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

#[test]
fn every_dependency_says_why_it_is_there() {
    let mut faults = Vec::new();
    for manifest in ["Cargo.toml", "load-tests/Cargo.toml"] {
        let text = std::fs::read_to_string(root().join(manifest)).unwrap();
        let mut in_dependencies = false;
        for (line, content) in (1..).zip(text.lines()) {
            if content.starts_with('[') {
                in_dependencies = content.ends_with("dependencies]");
            } else if in_dependencies && content.contains('=') && !content.contains('#') {
                faults.push(format!("{manifest}:{line}: `{content}`: add a comment with the reason"));
            }
        }
    }
    assert_none("every dependency has its reason in the same line", &faults);
}

#[test]
fn every_licence_goes_with_ours() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let faults: Vec<String> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(is_allowed))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert_none("every licence is on the list of tests/tidy/dependencies.rs", &faults);
}

#[test]
fn everything_comes_from_the_registry_or_this_tree() {
    let metadata = metadata();
    let sources: BTreeSet<&str> =
        metadata["packages"].as_array().unwrap().iter().filter_map(|package| package["source"].as_str()).collect();
    assert_eq!(sources.into_iter().collect::<Vec<_>>(), ["registry+https://github.com/rust-lang/crates.io-index"]);
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An expression is allowed when one side of every OR is, and all sides of its ANDs
/// are. No package nests them deeper than one pair of parentheses.
fn is_allowed(expression: &str) -> bool {
    let plain = expression.replace('/', " OR ");
    split_outside_parentheses(&plain, " AND ").iter().all(|part| {
        let part = part.trim();
        let inner = part.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(part);
        split_outside_parentheses(inner, " OR ").iter().any(|name| match name.trim() {
            nested if nested.starts_with('(') => is_allowed(nested.trim_matches(['(', ')'])),
            name => ALLOWED.contains(&name),
        })
    })
}

fn split_outside_parentheses<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 && at >= start && text[at..].starts_with(separator) => {
                parts.push(&text[start..at]);
                start = at + separator.len();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[test]
fn licence_expressions_are_read() {
    for allowed in
        ["MIT", "MIT OR GPL-3.0", "(MIT OR Apache-2.0) AND Unicode-3.0", "MIT/Apache-2.0", "GPL-2.0 OR (MIT AND ISC)"]
    {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND OpenSSL"] {
        assert!(!is_allowed(refused), "{refused}");
    }
}
