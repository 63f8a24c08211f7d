//! Which settings a configuration has, as digests: two configurations of one process are compared by them.
//!
//! Invariant: no value and no secret can be read from a digest, also not by trying short secrets. Each process has a
//! salt of its own, and no digest is ever shown.

use crate::secret::random;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

/// Without random numbers, which no supported system lacks, digests have no salt, and still are not shown.
static SALT: LazyLock<[u8; 32]> = LazyLock::new(|| random().unwrap_or_default());

#[derive(Clone, Copy, PartialEq, Eq)]
struct Digest([u8; 32]);

impl Digest {
    fn of(hash: Sha256) -> Self {
        Self(hash.finalize().into())
    }
}

impl fmt::Debug for Digest {
    /// Without the bytes: they are of secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

/// The beginning of a digest.
fn salted() -> Sha256 {
    Sha256::new_with_prefix(*SALT)
}

/// The account at the webhook, as the table of an entry.
pub(super) const WEBHOOK_ACCOUNT: &str = "webhook.account";

/// The settings as they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Keys outside of the entries.
    keys: BTreeMap<String, Digest>,
    /// Webhook accounts and sources, by table and name, each with all its keys and the secrets and
    /// certificates that these name.
    entries: BTreeMap<Entry, Digest>,
}

/// A webhook account or a source: the name of its table, and its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The table in the configuration.
    pub table: String,
    /// The name.
    pub name: String,
}

impl Entry {
    /// Creates the name of an entry.
    pub fn new(table: &str, name: &str) -> Self {
        Self { table: table.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[[{}]] {}", self.table, self.name)
    }
}

/// The differences between two configurations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys outside of the entries.
    pub keys: Vec<String>,
    /// Entries that only the new one has.
    pub added: Vec<Entry>,
    /// Entries that only the old one has.
    pub removed: Vec<Entry>,
    /// Entries that differ.
    pub changed: Vec<Entry>,
}

impl Changes {
    /// Whether this entry is added or differs.
    pub fn has(&self, entry: &Entry) -> bool {
        self.added.contains(entry) || self.changed.contains(entry)
    }
}

impl Settings {
    /// Returns the differences from these settings to newer ones.
    pub fn changes(&self, newer: &Self) -> Changes {
        let (gone, come) = (differences(&self.entries, &newer.entries), differences(&newer.entries, &self.entries));
        let is_in = |settings: &Self, entry: &Entry| settings.entries.contains_key(entry);
        let keys: BTreeSet<_> =
            differences(&self.keys, &newer.keys).chain(differences(&newer.keys, &self.keys)).cloned().collect();
        let (changed, added) = come.cloned().partition(|entry| is_in(self, entry));
        Changes {
            keys: keys.into_iter().collect(),
            removed: gone.filter(|entry| !is_in(newer, entry)).cloned().collect(),
            added,
            changed,
        }
    }
}

/// The names whose digest the other map has not.
fn differences<'a, K: Ord>(
    one: &'a BTreeMap<K, Digest>,
    other: &'a BTreeMap<K, Digest>,
) -> impl Iterator<Item = &'a K> {
    one.iter().filter(|(name, digest)| other.get(name) != Some(digest)).map(|(name, _)| name)
}

/// Collects settings while they are read: the path of each key and the digest of its value.
#[derive(Debug, Default)]
pub(super) struct Reads(BTreeMap<String, Sha256>);

impl Reads {
    /// Adds a value of a key, or the text that it names.
    pub(super) fn add(&mut self, path: String, value: &[u8]) {
        let digest = self.0.entry(path).or_insert_with(salted);
        digest.update((value.len() as u64).to_le_bytes());
        digest.update(value);
    }

    /// Divides what was read into entries, by the paths of their tables, and other keys.
    pub(super) fn divide(self, entries: &[(String, Entry)]) -> Settings {
        let mut settings = Settings::default();
        let paths: BTreeMap<&str, &Entry> = entries.iter().map(|(path, entry)| (path.as_str(), entry)).collect();
        let mut digests: BTreeMap<&Entry, Sha256> = entries.iter().map(|(_, entry)| (entry, salted())).collect();
        for (path, value) in self.0 {
            let value = Digest::of(value);
            match entry_of(&path, &paths) {
                Some((entry, key)) => {
                    if let Some(digest) = digests.get_mut(entry) {
                        digest.update(key.as_bytes());
                        digest.update(value.0);
                    }
                }
                None => drop(settings.keys.insert(path, value)),
            }
        }
        settings.entries = digests.into_iter().map(|(entry, digest)| (entry.clone(), Digest::of(digest))).collect();
        settings
    }
}

/// The entry that has this path, and the rest of the path.
fn entry_of<'a, 'p>(path: &'p str, entries: &BTreeMap<&str, &'a Entry>) -> Option<(&'a Entry, &'p str)> {
    let (table, _) = path.split_once(']')?;
    let (table, key) = path.split_at(table.len() + 1);
    entries.get(table).map(|entry| (*entry, key))
}

impl Settings {
    /// Returns newer settings, but with the values of these for some keys.
    pub fn keeping(&self, newer: &Self, is_kept: impl Fn(&str) -> bool) -> Self {
        let kept = self.keys.iter().filter(|(key, _)| is_kept(key));
        let newer_keys = newer.keys.iter().filter(|(key, _)| !is_kept(key));
        let keys = kept.chain(newer_keys).map(|(key, digest)| (key.clone(), *digest)).collect();
        Self { keys, entries: newer.entries.clone() }
    }

    /// Makes the digests of some entries depend on the digests of others.
    pub(super) fn link(&mut self, dependent: impl Fn(&Entry) -> bool, on: impl Fn(&Entry, &Entry) -> bool) {
        let before = self.entries.clone();
        for (entry, digest) in self.entries.iter_mut().filter(|(entry, _)| dependent(entry)) {
            let mut linked = Sha256::new_with_prefix(digest.0);
            for (other, of_other) in before.iter().filter(|(other, _)| on(entry, other)) {
                linked.update(other.name.as_bytes());
                linked.update(of_other.0);
            }
            *digest = Digest::of(linked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, parse};

    const SECRET: &str = "SECRET";

    fn config(text: &str, secret: &str) -> Config {
        let environment = BTreeMap::from([(SECRET.to_owned(), secret.to_owned())]);
        parse("m.toml", text, &environment).unwrap_or_else(|faults| panic!("{faults}"))
    }

    fn device(name: &str, every: &str) -> String {
        format!(
            "[[json]]\nname = \"{name}\"\nurl = \"http://a/\"\nevery = \"{every}\"\nusername = \"u\"\n\
             password_env = \"{SECRET}\"\n[[json.value]]\npointer = \"/x\"\nobis = \"1-0:1.8.0*255\"\nunit = \"kWh\"\n"
        )
    }

    fn changes(before: (&str, &str), after: (&str, &str)) -> Changes {
        config(before.0, before.1).settings.changes(&config(after.0, after.1).settings)
    }

    fn entries(table: &str, names: &[&str]) -> Vec<Entry> {
        names.iter().map(|name| Entry::new(table, name)).collect()
    }

    #[test]
    fn an_entry_keeps_its_digest_wherever_it_stands_and_however_its_values_are_written() {
        let before = [device("a", "60s"), device("b", "10s"), device("c", "10s")].concat();
        let after =
            [device("d", "10s"), device("b", "10s"), "# a comment\n".to_owned(), device("a", "1m"), device("c", "11s")];
        let found = changes((&before, "x"), (&after.concat(), "x"));
        let (added, changed) = (entries("json", &["d"]), entries("json", &["c"]));
        assert_eq!(found, Changes { added, changed, ..Changes::default() });
        let back = changes((&after.concat(), "x"), (&before, "x"));
        assert_eq!((back.removed, back.changed), (entries("json", &["d"]), entries("json", &["c"])));
    }

    #[test]
    fn a_changed_secret_is_a_change_of_its_entry_and_no_digest_shows_it() {
        let text = device("a", "10s");
        assert_eq!(changes((&text, "one"), (&text, "two")).changed, entries("json", &["a"]));
        assert_eq!(changes((&text, "one"), (&text, "one")), Changes::default());
        let shown = |secret: &str| format!("{:?}", config(&text, secret).settings);
        assert!(!shown("hunter2").contains("hunter2"));
        assert_eq!(
            shown("hunter2"),
            shown("hunter3"),
            "a digest that is shown can be compared with digests of guesses"
        );
    }

    #[test]
    fn a_digest_cannot_be_computed_without_the_salt_of_the_process() {
        let read = || {
            let mut reads = Reads::default();
            reads.add("a.password".to_owned(), b"hunter2");
            reads.divide(&[])
        };
        assert_eq!(read(), read());
        let unsalted = Sha256::new().chain_update(7_u64.to_le_bytes()).chain_update("hunter2");
        assert_ne!(read().keys["a.password"], Digest::of(unsalted));
        assert_ne!(*SALT, [0; 32]);
    }

    #[test]
    fn other_keys_are_named_and_can_be_kept() {
        let device = device("a", "10s");
        let before = format!("{device}[journal]\ncap = \"8GiB\"\n[log]\nlevel = \"info\"\n");
        let after = format!("{device}[journal]\ncap = \"9GiB\"\n[admin]\nlisten = \"127.0.0.1:1\"\n");
        let found = changes((&before, "x"), (&after, "x"));
        assert_eq!(found.keys, ["admin.listen", "journal.cap", "log.level"]);
        let (before, after) = (config(&before, "x").settings, config(&after, "x").settings);
        let kept = before.keeping(&after, |key| key == "journal.cap");
        assert_eq!(kept.changes(&after).keys, ["journal.cap"]);
        assert_eq!(before.changes(&kept).keys, ["admin.listen", "log.level"]);
    }

    #[test]
    fn an_account_at_a_cloud_changes_with_its_webhook_account() {
        let text = |path: &str| {
            format!(
                "[[webhook.account]]\nname = \"a\"\npath = \"{path}\"\n[[webhook.account]]\nname = \"b\"\npath = \"/b\"\n\
                 [[smart_me]]\naccount = \"a\"\napi_key_env = \"{SECRET}\"\n\
                 [[smart_me]]\naccount = \"b\"\napi_key_env = \"{SECRET}\"\n"
            )
        };
        let found = changes((&text("/a"), "x"), (&text("/c"), "x"));
        assert_eq!(found.changed, [entries("smart_me", &["a"]), entries("webhook.account", &["a"])].concat());
    }
}
