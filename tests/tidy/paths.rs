//! The modules that a file declares, its imports and its paths: as much of Rust's grammar
//! as the rules on dependencies need. It reads code whose comments and literals are
//! blanked, resolves nothing, and accepts any text without a panic.

use std::collections::BTreeMap;

/// The content of one module: a file, or a `mod` with braces in it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Scope {
    /// `mod x;`.
    pub(crate) declared: Vec<String>,
    /// `mod x { ... }`.
    pub(crate) inline: BTreeMap<String, Scope>,
    /// Every name that a `use` brings in, one inside a function included.
    pub(crate) imports: Vec<Import>,
    /// Every other path, also of one segment.
    pub(crate) paths: Vec<Mention>,
}

impl Scope {
    /// Every path in it, including imports and the modules within.
    pub(crate) fn mentions(&self) -> Vec<&Mention> {
        let own = self.imports.iter().map(|import| &import.of).chain(&self.paths);
        own.chain(self.inline.values().flat_map(Self::mentions)).collect()
    }
}

/// One name of a `use`.
#[derive(Debug, PartialEq)]
pub(crate) struct Import {
    /// Its name here; `None` for `*` and `as _`.
    pub(crate) name: Option<String>,
    /// The imported path and its line.
    pub(crate) of: Mention,
    /// Whether the name is re-exported by `pub`, also `pub(super)`.
    pub(crate) is_public: bool,
}

/// A path in a line, numbers from 1: `crate::a::B` is `["crate", "a", "B"]`.
#[derive(Debug, PartialEq)]
pub(crate) struct Mention {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

/// Reads the text of a module.
pub(crate) fn scan(code: &str) -> Scope {
    let tokens = tokens(code);
    // The modules that are open, with the number of braces open where each began.
    let mut open: Vec<(String, usize, Scope)> = Vec::new();
    let (mut scope, mut depth, mut at) = (Scope::default(), 0_usize, 0);
    while let Some(&Token { text, line }) = tokens.get(at) {
        let is_after = |words: &[&str]| at > 0 && words.contains(&tokens[at - 1].text);
        let next = |ahead: usize| tokens.get(at + ahead).map_or("", |token| token.text);
        match text {
            "use" if next(1) != "<" => {
                let is_public = is_after(&["pub", ")"]);
                at = read_use(&tokens, at + 1, &mut Vec::new(), &mut |name, path, line| {
                    scope.imports.push(Import { name, of: Mention { line, path }, is_public });
                });
            }
            "mod" if next(2) == ";" => {
                scope.declared.push(next(1).to_owned());
                at += 3;
            }
            "mod" if next(2) == "{" => {
                open.push((next(1).to_owned(), depth, std::mem::take(&mut scope)));
                (depth, at) = (depth + 1, at + 3);
            }
            "{" => (depth, at) = (depth + 1, at + 1),
            "}" => {
                depth = depth.saturating_sub(1);
                at += 1;
                if open.last().is_some_and(|(_, began, _)| *began == depth) {
                    scope = closed(&mut open, scope);
                }
            }
            _ if is_name(text) && !is_after(&[".", "::", "fn"]) => {
                let (path, end) = read_path(&tokens, at);
                // A word of its own in small letters is a variable or a field, except in a call.
                let is_call = ["(", "!"].contains(&tokens.get(end).map_or("", |token| token.text));
                if path.len() > 1 || is_call || text.starts_with(|c: char| c.is_uppercase()) {
                    scope.paths.push(Mention { line, path });
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    while !open.is_empty() {
        scope = closed(&mut open, scope);
    }
    scope
}

/// Adds a closed module to the one around it.
fn closed(open: &mut Vec<(String, usize, Scope)>, inner: Scope) -> Scope {
    let Some((name, _, mut outer)) = open.pop() else { return inner };
    outer.inline.insert(name, inner);
    outer
}

/// Names of a path from here, and the token behind it.
fn read_path(tokens: &[Token<'_>], start: usize) -> (Vec<String>, usize) {
    let (mut path, mut at) = (vec![tokens[start].text.to_owned()], start + 1);
    while let [separator, name, ..] = &tokens[at..]
        && separator.text == "::"
        && is_name(name.text)
    {
        path.push(name.text.to_owned());
        at += 2;
    }
    (path, at)
}

/// Reports every name of the tree that begins here; returns the token behind it.
fn read_use(
    tokens: &[Token<'_>],
    mut at: usize,
    before: &mut Vec<String>,
    found: &mut impl FnMut(Option<String>, Vec<String>, usize),
) -> usize {
    let kept = before.len();
    while let Some(&Token { text, line }) = tokens.get(at) {
        let next = tokens.get(at + 1).map_or("", |token| token.text);
        match text {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| !["}", ";"].contains(&token.text)) {
                    // Tokens that do not belong to a tree are skipped.
                    at = read_use(tokens, at, before, found).max(at + 1);
                }
                at += 1;
                break;
            }
            _ if is_name(text) && next == "::" => {
                before.push(text.to_owned());
                at += 2;
            }
            _ => {
                let mut path = before.clone();
                if text != "self" || path.is_empty() {
                    path.push(text.to_owned());
                }
                let (alias, end) = match next {
                    "as" => (tokens.get(at + 2).map(|token| token.text), at + 3),
                    _ => (path.last().map(String::as_str), at + 1),
                };
                let name = alias.filter(|alias| is_name(alias)).map(str::to_owned);
                if text == "*" {
                    path.pop();
                }
                found(name, path, line);
                at = end;
                break;
            }
        }
    }
    before.truncate(kept);
    if tokens.get(at).is_some_and(|token| token.text == ",") { at + 1 } else { at }
}

/// A name, `::` or one other character, with its line.
#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (line, text) in (1..).zip(code.lines()) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                ':' if rest.starts_with("::") => 2,
                // A lifetime is one token, so that its name is no path.
                '\'' => 1 + word_length(&rest[1..]),
                _ => word_length(rest).max(first.len_utf8()),
            };
            let (token, behind) = rest.split_at(length);
            tokens.push(Token { text: token, line });
            rest = behind.trim_start();
        }
    }
    tokens
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len())
}

fn is_name(token: &str) -> bool {
    token != "_" && token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn imports(code: &str) -> Vec<String> {
        let scope = scan(code);
        let row = |import: &Import| {
            let public = if import.is_public { "pub " } else { "" };
            format!("{public}{}={}", import.name.as_deref().unwrap_or("-"), import.of.path.join("::"))
        };
        scope.imports.iter().map(row).collect()
    }

    #[test]
    fn a_use_is_read_into_its_names() {
        for (code, names) in [
            ("use super::a;", vec!["a=super::a"]),
            ("pub(super) use self::a::B as C;", vec!["pub C=self::a::B"]),
            ("use crate::{a::{self, B}, c::D, E};", vec!["a=crate::a", "B=crate::a::B", "D=crate::c::D", "E=crate::E"]),
            ("pub use a::*; use b::C as _;", vec!["pub -=a", "-=b::C"]),
            ("use ::a::{\n  b,\n  c,\n};\nuse d::e;", vec!["b=a::b", "c=a::c", "e=d::e"]),
            ("fn f() -> impl T + use<'a> {}", vec![]),
            ("use {a::b, c};", vec!["b=a::b", "c=c"]),
        ] {
            assert_eq!(imports(code), names, "{code}");
        }
    }

    #[test]
    fn paths_in_code_are_read_with_their_lines() {
        for (code, paths) in [
            ("let x = super::a::B::<crate::C>::new(y);", vec![(1, "super::a::B"), (1, "crate::C")]),
            ("\nfn f(a: &'a b::C, d: E) -> F", vec![(2, "b::C"), (2, "E"), (2, "F")]),
            ("self.a.b(c); d(e); self::g()", vec![(1, "d"), (1, "self::g")]),
            ("fn f() { h!(i::j) }", vec![(1, "h"), (1, "i::j")]),
        ] {
            let found = scan(code).paths;
            let found: Vec<_> = found.iter().map(|mention| (mention.line, mention.path.join("::"))).collect();
            let wanted: Vec<_> = paths.into_iter().map(|(line, path)| (line, path.to_owned())).collect();
            assert_eq!(found, wanted, "{code}");
        }
    }

    #[test]
    fn modules_are_recognised_by_their_braces() {
        let scope = scan("mod a;\npub(crate) mod b { fn f() { G::h(); } mod c; }\nmod d;\nI::j();");
        assert_eq!(scope.declared, ["a", "d"]);
        assert_eq!(scope.inline["b"].declared, ["c"]);
        assert_eq!(scope.inline["b"].paths[0].path, ["G", "h"]);
        assert_eq!(scope.paths.last().unwrap().path, ["I", "j"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text in "\\PC{0,80}",
            words in prop::collection::vec(
                prop::sample::select(vec!["use", "mod", "a", "::", "{", "}", ",", ";", "*", "as", "self", "'", "(", "\n"]),
                0..60,
            ),
        ) {
            scan(&text);
            scan(&words.join(" "));
        }
    }
}
