//! The pages of the documentation: the index has each of them, and links lead somewhere.

use crate::assert_none;
use crate::source::{root, texts};
use std::path::Path;

#[test]
fn the_index_has_every_page() {
    let index = std::fs::read_to_string(root().join("docs/README.md")).unwrap();
    let pages = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = pages.map(|name| name.into_string().unwrap());
    let pages = names.filter(|name| name != "README.md" && Path::new(name).extension().is_some_and(|it| it == "md"));
    let missing: Vec<String> = pages
        .filter(|name| !index.contains(&format!("]({name})")))
        .map(|name| format!("docs/README.md: add a row with [{name}]({name})"))
        .collect();
    assert_none("docs/README.md lists each page", &missing);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut faults = Vec::new();
    for (path, text) in texts().into_iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = root().join(&path).parent().unwrap().to_owned();
        for (line, target) in links(&text) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let place = if file.is_empty() { root().join(&path) } else { folder.join(file) };
            if !place.exists() {
                faults.push(format!("{path}:{line}: {target} does not exist"));
            } else if !anchor.is_empty() && !anchors(&std::fs::read_to_string(&place).unwrap()).any(|it| it == anchor) {
                faults.push(format!("{path}:{line}: no heading of {} is #{anchor}", place.display()));
            }
        }
    }
    assert_none("links between pages", &faults);
}

#[test]
fn both_changelogs_begin_with_the_version_of_the_program() {
    let version = env!("CARGO_PKG_VERSION");
    let begins = |file: &str, mark: &str| {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        text.lines().find(|line| line.starts_with(mark)).is_some_and(|line| line.contains(version))
    };
    assert!(begins("CHANGELOG.md", "## "), "CHANGELOG.md: the first section is not {version}");
    assert!(begins("deploy/debian/changelog", "meterline ("), "deploy/debian/changelog: add an entry for {version}-1");
}

/// Targets of links to files of the tree, with their lines.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    let lines = (1..).zip(text.lines()).filter(move |(_, line)| {
        in_code ^= line.trim_start().starts_with("```");
        !in_code
    });
    let targets = lines.flat_map(|(line, content)| {
        content.split("](").skip(1).filter_map(move |rest| Some((line, rest.split_once(')')?.0)))
    });
    targets.filter(|(_, target)| !target.contains(':'))
}

/// The anchors of headings, as Git's web pages make them.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    headings.map(|heading| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || ['-', '_', ' '].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

#[test]
fn anchors_and_links_are_read() {
    assert_eq!(anchors("# A b\n## The `x`, y\nz").collect::<Vec<_>>(), ["a-b", "the-x-y"]);
    let text = "[a](b.md#c) [d](https://e)\n```\n[f](g)\n```\n[h](#i)";
    assert_eq!(links(text).collect::<Vec<_>>(), [(1, "b.md#c"), (5, "#i")]);
}
