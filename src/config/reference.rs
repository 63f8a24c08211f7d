//! The reference of the configuration in Markdown: `docs/configuration.md`, which a test keeps
//! equal.

use super::example::Meanings;
use super::keys::{Form, Key, Kind};
use serde_json::Value;
use std::fmt::Write as _;

const HEAD: &str = "# Configuration reference

This page is made from the code that reads the configuration and from the comments of
[deploy/meterline.example.toml](../deploy/meterline.example.toml): `meterline config reference`
prints it. `meterline config --example` prints the example, and `meterline config schema` a JSON
schema with which editors complete and check the file; a first line
`#:schema meterline.schema.json` names it. `meterline check --config FILE` checks a file with all
its rules, and says which changes a running service takes with `meterline reload`.

A key outside of `[[lists]]` can be overridden by an environment variable:
`METERLINE_SINK_QUESTDB_URL` overrides `sink.questdb.url`. Secrets are never in the file: a key that
ends with `_file` names a file that holds the secret, one that ends with `_env` an environment
variable.

| Type | Written as |
|---|---|
| text, path | `\"text\"` in quotes |
| address | `\"127.0.0.1:8080\"` or `\"[::]:443\"` |
| time span | `\"250ms\"`, `\"30s\"`, `\"5m\"`, `\"24h\"`, `\"400d\"` |
| size | `\"500kB\"`, `\"4MiB\"`, `\"8GiB\"`, or a number of bytes |
| texts | `[\"one\", \"two\"]` |
| yes or no | `true` or `false` |
";

/// Returns the page.
pub(super) fn reference(keys: &[Key], meanings: &Meanings) -> String {
    let mut page = HEAD.to_owned();
    section(&mut page, keys, meanings, "");
    for key in keys.iter().filter(|key| matches!(key.form, Form::Table | Form::Tables)) {
        section(&mut page, keys, meanings, &key.inner());
    }
    page
}

fn section(page: &mut String, keys: &[Key], meanings: &Meanings, path: &str) {
    let mut rows = String::new();
    for key in keys.iter().filter(|key| key.table == path) {
        if matches!(key.form, Form::Table | Form::Tables) {
            continue;
        }
        let required = if key.is_required { ", required" } else { "" };
        let meaning = meaning(key, meanings).replace('|', "\\|");
        // Writing to a string cannot fail.
        let _written = writeln!(
            rows,
            "| `{}` | {}{required} | {} | {meaning} |",
            key.name,
            kind(&key.form),
            default(key, meanings)
        );
    }
    let title = match (path, path.strip_suffix("[]")) {
        ("", _) => "Without a table".to_owned(),
        (_, Some(list)) => format!("`[[{}]]`", list.replace("[]", "")),
        (table, None) => format!("`[{}]`", table.replace("[]", "")),
    };
    let about = meanings.table(path);
    if rows.is_empty() && about.is_empty() {
        return;
    }
    let _written = write!(page, "\n## {title}\n\n");
    if !about.is_empty() {
        let _written = write!(page, "{about}\n\n");
    }
    if !rows.is_empty() {
        let _written = write!(page, "| Key | Type | Default | Meaning |\n|---|---|---|---|\n{rows}");
    }
}

/// The meaning of a key. Logins that the example does not comment have one in common.
pub(super) fn meaning(key: &Key, meanings: &Meanings) -> String {
    if let Some(secret) = key.name.strip_suffix("_env") {
        return format!("environment variable with the secret, instead of {secret}_file");
    }
    match meanings.key(&key.table, key.name) {
        Some(shown) if !shown.meaning.is_empty() => shown.meaning.clone(),
        Some(_) if key.name.ends_with("_file") => "file that holds the secret".to_owned(),
        Some(_) if key.name == "username" => "user name of the login".to_owned(),
        _ => meanings.meaning_elsewhere(key.name).to_owned(),
    }
}

fn kind(form: &Form) -> String {
    match form {
        Form::Table | Form::Tables => String::new(),
        Form::Value(kind) => match kind {
            Kind::Text => "text".to_owned(),
            Kind::Path => "path".to_owned(),
            Kind::Address => "address".to_owned(),
            Kind::Switch => "yes or no".to_owned(),
            Kind::Number => "number".to_owned(),
            Kind::WholeNumber => "whole number".to_owned(),
            Kind::Size => "size".to_owned(),
            Kind::TimeSpan => "time span".to_owned(),
            Kind::Texts => "texts".to_owned(),
            Kind::SizeOr(word) => format!("size or `\"{word}\"`"),
            Kind::TimeSpanOr(word) => format!("time span or `\"{word}\"`"),
        },
        Form::Choice(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "),
        Form::Range(least, most) => format!("{least} to {most}"),
    }
}

/// The default that the code has. Where other values decide, the example shows it for most kinds;
/// of texts it shows an example.
fn default(key: &Key, meanings: &Meanings) -> String {
    match &key.default {
        Some(Value::String(text)) if text.is_empty() => return String::new(),
        Some(Value::Array(list)) if list.is_empty() => return String::new(),
        Some(default) => return format!("`{default}`"),
        None if key.name.ends_with("_env") => return String::new(),
        None => {}
    }
    let Some(shown) = meanings.key(&key.table, key.name) else { return String::new() };
    let is_free = matches!(&key.form, Form::Value(Kind::Text | Kind::Path | Kind::Texts | Kind::WholeNumber));
    if key.is_required || is_free || !shown.is_after_space {
        return format!("example: `{}`", shown.value);
    }
    format!("`{}`", shown.value)
}
