//! The service's dependencies: each has its reason. `cargo deny` checks licences and
//! sources (`deny.toml`).

use crate::assert_none;
use crate::source::root;

#[test]
fn every_dependency_says_why_it_is_there() {
    let mut faults = Vec::new();
    for manifest in ["Cargo.toml", "load-tests/Cargo.toml", "load-tests/compare/Cargo.toml"] {
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
