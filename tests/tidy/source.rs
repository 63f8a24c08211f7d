//! The texts of this tree as the rules read them. In Rust files comments and literals
//! are blanked, and tests can be left out.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file of this tree.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the root of the tree.
    pub(crate) path: PathBuf,
    /// The unchanged text.
    pub(crate) text: String,
    /// The same lines, with comments and the contents of literals replaced by blanks.
    pub(crate) code: String,
}

impl Source {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let code = blank_literals_and_comments(&text);
        Self { path: path.strip_prefix(root()).unwrap().to_owned(), text, code }
    }

    /// Whether the whole file is tests, or the simulated disk for tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests")
            || self.path.starts_with("src/journal/disk/faulty")
            || self.path.ends_with("src/journal/disk/faulty.rs")
            || self.path.components().any(|part| part.as_os_str() == "tests")
            || self.path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
    }

    /// Lines before the tests at the end of the file; none if the file is tests.
    pub(crate) fn lines_without_tests(&self) -> usize {
        if self.is_test() {
            return 0;
        }
        let lines: Vec<&str> = self.code.lines().collect();
        let inline_tests = lines.windows(2).position(|pair| {
            pair[0].trim() == "#[cfg(test)]"
                && pair[1].trim_start().starts_with("mod ")
                && pair[1].trim_end().ends_with('{')
        });
        inline_tests.unwrap_or(lines.len())
    }

    /// Numbered lines of code before the tests, numbers from 1.
    pub(crate) fn numbered_code(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines()).take(self.lines_without_tests())
    }

    /// The same lines as one text.
    pub(crate) fn code_without_tests(&self) -> String {
        self.numbered_code().map(|(_, line)| format!("{line}\n")).collect()
    }

    /// The place of a fault.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

/// The root of the tree.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the service: `src`.
pub(crate) fn of_the_service() -> Vec<Source> {
    rust_files(&["src"])
}

/// Every Rust file of the service and of the simulated fleet.
pub(crate) fn of_the_crates() -> Vec<Source> {
    rust_files(&["src", "load-tests/src"])
}

/// Every Rust file of the tree.
pub(crate) fn everywhere() -> Vec<Source> {
    rust_files(&["src", "tests", "benches", "load-tests", "fuzz"])
}

/// Every text of the tree, code and documents, with its path.
pub(crate) fn texts() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    for folder in ["src", "tests", "benches", "load-tests", "fuzz", "deploy", "docs", "migrations", "proto", ".ci"] {
        collect(&root().join(folder), &mut paths);
    }
    paths.extend(
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "Cargo.toml", "Dockerfile", "test"]
            .map(|name| root().join(name)),
    );
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    paths.iter().filter_map(|path| Some((name(path), fs::read_to_string(path).ok()?))).collect()
}

fn rust_files(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut paths);
    }
    paths.sort();
    paths.iter().filter(|path| path.extension().is_some_and(|end| end == "rs")).map(|path| Source::read(path)).collect()
}

/// Files below a folder, without files of tools.
pub(crate) fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_file() {
            paths.push(path);
        } else if name != "target" && !name.starts_with('.') && name != "corpus" && name != "artifacts" {
            collect(&path, paths);
        }
    }
}

/// Keeps lines and columns, so that positions stay correct.
fn blank_literals_and_comments(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_or_comment_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the literal or comment that begins here ends; `at` itself if none begins.
fn literal_or_comment_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match (chars[at], next) {
        ('/', Some('/')) => find(chars, at, |rest| rest[0] == '\n').unwrap_or(chars.len()),
        ('/', Some('*')) => {
            find(chars, at + 2, |rest| rest.starts_with(&['*', '/'])).map_or(chars.len(), |end| end + 2)
        }
        ('"', _) => after_string(chars, at + 1),
        ('r', Some('"' | '#')) if !is_word(chars, at) => after_raw_string(chars, at),
        ('\'', Some('\\')) => find(chars, at + 3, |rest| rest[0] == '\'').map_or(chars.len(), |end| end + 1),
        ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
}

/// Whether the character before belongs to a name, so that this one begins no literal.
fn is_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() && chars[at - 1] != 'b' || chars[at - 1] == '_')
}

fn after_string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn after_raw_string(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    let open = at + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return at;
    }
    let mut close = vec!['"'];
    close.extend(std::iter::repeat_n('#', hashes));
    find(chars, open + 1, |rest| rest.starts_with(&close)).map_or(chars.len(), |end| end + close.len())
}

fn find(chars: &[char], from: usize, is_here: impl Fn(&[char]) -> bool) -> Option<usize> {
    (from..chars.len()).find(|&at| is_here(&chars[at..]))
}

#[test]
fn comments_and_literals_are_blanked_and_code_is_not() {
    for (text, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b\n */ c", "a     \n    c"),
        (r#"f("x\"y") + g"#, r#"f(      ) + g"#),
        (r##"f(r#"x"y"#) + g"##, r##"f(        ) + g"##),
        ("'{' b'\\n' <'a> r", "    b     <'a> r"),
        ("for var in r", "for var in r"),
    ] {
        assert_eq!(blank_literals_and_comments(text), code);
    }
}
