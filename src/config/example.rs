//! The meaning of each table and key, from the comments of the example configuration.

use std::collections::BTreeMap;

/// The comments of an example.
#[derive(Debug, Default)]
pub(super) struct Meanings {
    tables: BTreeMap<String, String>,
    keys: BTreeMap<(String, String), Shown>,
}

/// A key as the example shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// The value in TOML.
    pub(super) value: String,
    pub(super) meaning: String,
    /// Whether the line begins with `# `: the value is the default, unless the meaning says otherwise.
    pub(super) is_after_space: bool,
}

impl Meanings {
    /// Reads the comments of an example.
    pub(super) fn of(example: &str) -> Self {
        let mut reader = Reader::default();
        example.lines().for_each(|line| reader.line(line));
        reader.found
    }

    /// The comment in front of a table; `path` may hold `[]`.
    pub(super) fn table(&self, path: &str) -> &str {
        self.tables.get(&plain(path)).map_or("", String::as_str)
    }

    /// The key as the example shows it in this table, or else in the first table of the same last name.
    pub(super) fn key(&self, table: &str, name: &str) -> Option<&Shown> {
        let table = plain(table);
        let here = self.keys.get(&(table.clone(), name.to_owned()));
        here.or_else(|| self.all(name).find(|(other, _)| last(other) == last(&table)).map(|(_, shown)| shown))
            .or_else(|| self.all(name).next().map(|(_, shown)| shown))
    }

    /// The meaning of a key of this name in the first table that has one.
    pub(super) fn meaning_elsewhere(&self, name: &str) -> &str {
        let mut meanings = self.all(name).map(|(_, shown)| shown.meaning.as_str());
        meanings.find(|meaning| !meaning.is_empty()).unwrap_or_default()
    }

    /// The keys of this name with their tables, in the order of these.
    fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = (&'a str, &'a Shown)> + use<'a, 'n> {
        self.keys.iter().filter(move |((_, key), _)| key == name).map(|((table, _), shown)| (table.as_str(), shown))
    }
}

fn plain(path: &str) -> String {
    path.replace("[]", "")
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Reads an example line by line.
#[derive(Debug, Default)]
struct Reader {
    found: Meanings,
    table: String,
    /// Comment lines that belong to the next table or key.
    before: Vec<String>,
    /// The key of the last line.
    last: Option<(String, String)>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let bare = line.strip_prefix('#').unwrap_or(line);
        if bare.starts_with('[') {
            self.header(bare);
        } else if let Some((name, value, comment)) = key(line) {
            let meaning = self.meaning(comment);
            let at = (self.table.clone(), name.to_owned());
            let shown = Shown { value: value.to_owned(), meaning, is_after_space: line.starts_with("# ") };
            self.found.keys.entry(at.clone()).or_insert(shown);
            self.last = Some(at);
        } else if let Some(rest) = bare.trim_start().strip_prefix("# ").filter(|_| line.starts_with('#')) {
            let last = self.last.as_ref().and_then(|at| self.found.keys.get_mut(at));
            if let Some(shown) = last {
                shown.meaning.push(' ');
                shown.meaning.push_str(rest);
            }
        } else if line.starts_with('#') {
            self.before.push(bare.trim().to_owned());
        } else {
            self.before.clear();
        }
    }

    fn header(&mut self, bare: &str) {
        let (name, comment) = bare.split_once('#').unwrap_or((bare, ""));
        self.table = name.trim().trim_matches(['[', ']']).to_owned();
        let meaning = self.meaning(comment.trim());
        self.found.tables.entry(self.table.clone()).or_insert(meaning);
        self.last = None;
    }

    /// The comment lines before this line, and its own.
    fn meaning(&mut self, comment: &str) -> String {
        let mut lines = std::mem::take(&mut self.before);
        lines.push(comment.to_owned());
        lines.retain(|line| !line.is_empty());
        lines.join(" ")
    }
}

/// Splits a line into the key, its value and its comment; `None` for another line.
fn key(line: &str) -> Option<(&str, &str, &str)> {
    let bare = line.strip_prefix("# ").or_else(|| line.strip_prefix('#')).unwrap_or(line);
    let (name, rest) = bare.split_once(" = ")?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
        return None;
    }
    let mut is_quoted = false;
    let end = rest.char_indices().find(|(_, c)| {
        is_quoted ^= *c == '"';
        *c == '#' && !is_quoted
    });
    let (value, comment) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
    Some((name, value.trim(), comment.trim_start_matches('#').trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_before_beside_and_below_a_key_are_its_meaning() {
        let found = Meanings::of(
            "# The head.\n\n# The place of all data.\n# data = \"x # y\" # relative\n#[[list]] # one each\n\
             #name = \"a\" # required\n#           # and more\n# Another one.\n# size = 3\n\n[other]\n",
        );
        let shown = |table: &str, name: &str| found.key(table, name).cloned();
        let wanted = |value: &str, meaning: &str, is_after_space| {
            Some(Shown { value: value.to_owned(), meaning: meaning.to_owned(), is_after_space })
        };
        assert_eq!(shown("", "data"), wanted("\"x # y\"", "The place of all data. relative", true));
        assert_eq!(shown("list[]", "name"), wanted("\"a\"", "required and more", false));
        assert_eq!(shown("list[]", "size"), wanted("3", "Another one.", true));
        assert_eq!(shown("elsewhere", "size"), shown("list", "size"));
        assert_eq!((found.table("list[]"), found.table("other")), ("one each", ""));
        assert_eq!(shown("", "none"), None);
    }
}
