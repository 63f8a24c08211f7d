//! The language of this tree: banned phrases of names, comments, messages and documents,
//! each with the plain alternative. A phrase is found across line ends.

use crate::assert_none;
use crate::source::{root, texts};

/// Phrases, with variants separated by `|`, and their alternative.
const BANNED: [(&str, &str); 27] = [
    ("whoever", "the role: the operator, the caller, the sender"),
    ("nobody|somebody|no one|someone", "the role: no sink, no caller, an operator"),
    ("is to be had|are to be had|to be had", "exists, is available"),
    ("goes its way|go its way|go their way", "continues"),
    ("gives way|give way|given way|gave way|giving way", "is closed, is deleted, yields"),
    ("is told|are told|be told|was told|were told|been told", "is logged, is notified, receives"),
    ("lies in|lie in|lay in", "is in"),
    ("said once", "logged once"),
    ("the door|a door", "ingest, the entrance"),
    ("comes of|came of|come of", "results in, the result of"),
    ("looks after|look after|looked after", "handles, checks"),
    ("puts right|put right|sets right|set right", "repairs, corrects"),
    ("in vain", "without success"),
    ("once and for all|for good", "permanently"),
    ("by itself|by themselves", "automatically, alone"),
    ("that of|those of", "repeat the noun"),
    ("no such body", "not a valid body"),
    ("is no more|are no more|is configured no more", "no longer"),
    ("bring about|brings about|brought about", "create, cause"),
    ("gives away|give away", "exposes"),
    ("knows of|know of|known of|knew of", "knows"),
    ("makes good|make good|made good", "repairs, completes"),
    ("anew", "again, new"),
    ("turned away|turns away|turn away", "refused"),
    ("told apart|told from|tells apart|tell apart", "distinguished"),
    ("all the same", "nevertheless, also"),
    ("for so long|in so long|has so long|after so long|so many|so often", "this time, this number, as often"),
];

#[test]
fn texts_use_plain_phrases() {
    let faults = faults(|text| {
        let words = words(text);
        let phrases = BANNED.iter().flat_map(|(all, instead)| all.split('|').map(move |phrase| (phrase, instead)));
        let found = phrases.flat_map(|(phrase, instead)| {
            lines_with(&words, phrase).into_iter().map(move |line| (line, format!("`{phrase}`: write {instead}")))
        });
        found.collect()
    });
    assert_none("plain phrases", &faults);
}

#[test]
fn comments_and_messages_do_not_begin_with_what_or_who() {
    let faults = faults(|text| {
        let begins =
            (1..).zip(text.lines()).filter_map(|(line, content)| begins_with_what(content).map(|word| (line, word)));
        begins.map(|(line, word)| (line, format!("`{word} …`: begin with a noun or a verb"))).collect()
    });
    assert_none("no text begins with What or Who", &faults);
}

#[test]
fn the_glossary_is_short() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, glossary) = page.split_once("\n## Glossary\n").expect("ARCHITECTURE.md ends with the glossary");
    let terms = glossary.lines().filter(|line| line.starts_with("| ")).count() - 1;
    assert!((1..=25).contains(&terms), "ARCHITECTURE.md: the glossary has {terms} terms; 25 are enough");
}

/// Faults of all texts but this one, as `path:line: message`.
fn faults(find: impl Fn(&str) -> Vec<(usize, String)>) -> Vec<String> {
    let others = texts().into_iter().filter(|(path, _)| path != "tests/tidy/language.rs");
    let found = others.flat_map(|(path, text)| {
        find(&text).into_iter().map(move |(line, message)| format!("{path}:{line}: {message}"))
    });
    found.collect()
}

/// Words in lower case with their lines. Names are split at underscores. A mark that
/// ends a phrase is an empty word.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let comment = content.trim_start().trim_start_matches(['/', '!', '#', '*', '>', ' ']);
        for word in comment.trim_end_matches(['\\', ' ']).split([' ', '_', '\t']).filter(|word| !word.is_empty()) {
            for part in word.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '\'')) {
                let letters = part.trim_end_matches(|c: char| !c.is_alphanumeric());
                if !letters.is_empty() {
                    words.push((line, letters.to_lowercase()));
                }
                if letters.len() < part.len() {
                    words.push((line, String::new()));
                }
            }
        }
    }
    words
}

/// Lines on which the phrase begins.
fn lines_with(words: &[(usize, String)], phrase: &str) -> Vec<usize> {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    let found = words.windows(phrase.len()).filter(|found| found.iter().map(|(_, word)| word).eq(phrase.iter()));
    found.map(|found| found[0].0).collect()
}

/// The word, if a comment, a string or a sentence in a comment begins with it and no
/// question mark follows.
fn begins_with_what(line: &str) -> Option<&'static str> {
    let is_comment = line.contains("//") || line.trim_start().starts_with('#');
    ["What", "Who"].into_iter().find(|word| {
        let begins =
            |before: &str| line.split_once(&format!("{before}{word} ")).is_some_and(|(_, rest)| !rest.contains('?'));
        ["// ", "/// ", "//! ", "\"", "# "].into_iter().any(begins) || is_comment && begins(". ")
    })
}

#[test]
fn phrases_are_found_across_lines_and_in_names() {
    for (text, lines) in [
        ("/// It gives\n/// way.", vec![1]),
        ("fn a_sink_gives_way() {}\n\"gives \\\n  way\"", vec![1, 2]),
        ("It gives. Way (gives) way, forgives way", vec![]),
    ] {
        assert_eq!(lines_with(&words(text), "gives way"), lines, "{text}");
    }
}

#[test]
fn a_text_that_begins_with_what_is_found() {
    for (line, word) in [
        ("/// What is sent.", Some("What")),
        ("//! A file. Who reads it waits.", Some("Who")),
        ("help: \"What is sent\"", Some("What")),
        ("// What is sent?", None),
        ("/// Whatever, somewhat, the meter What", None),
        ("let x = y. What z", None),
    ] {
        assert_eq!(begins_with_what(line), word, "{line}");
    }
}
