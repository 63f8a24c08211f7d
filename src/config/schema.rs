//! The JSON schema of the configuration, for editors: completion, meaning and check of each key.
//!
//! It accepts every valid configuration. A configuration that it accepts may still be wrong:
//! rules between several keys are checked by `meterline check` alone.

use super::example::Meanings;
use super::keys::{Form, Key, Kind};
use serde_json::{Map, Value, json};

/// The version of JSON schema that editors of TOML support.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// Returns the schema of these keys.
pub(super) fn schema(keys: &[Key], meanings: &Meanings) -> Value {
    let mut schema = table(keys, meanings, "");
    schema["$schema"] = json!(DRAFT);
    schema["title"] = json!("The configuration of meterline");
    schema
}

fn table(keys: &[Key], meanings: &Meanings, path: &str) -> Value {
    let own = || keys.iter().filter(|key| key.table == path);
    let properties: Map<String, Value> =
        own().map(|key| (key.name.to_owned(), property(keys, meanings, key))).collect();
    let required: Vec<&str> = own().filter(|key| key.is_required).map(|key| key.name).collect();
    let mut table = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    describe(&mut table, meanings.table(path));
    table
}

fn property(keys: &[Key], meanings: &Meanings, key: &Key) -> Value {
    let mut property = match &key.form {
        Form::Table => return table(keys, meanings, &key.inner()),
        Form::Tables => json!({ "type": "array", "items": table(keys, meanings, &key.inner()) }),
        Form::Value(kind) => value(*kind),
        Form::Choice(words) => json!({ "enum": words }),
        Form::Range(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
    };
    if let Some(default) = &key.default {
        property["default"] = default.clone();
    }
    if key.form != Form::Tables {
        describe(&mut property, &super::reference::meaning(key, meanings));
    }
    property
}

fn value(kind: Kind) -> Value {
    match kind {
        Kind::Text | Kind::Path | Kind::Address | Kind::TimeSpan | Kind::TimeSpanOr(_) => json!({ "type": "string" }),
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::WholeNumber => json!({ "type": "integer", "minimum": 0 }),
        Kind::Size | Kind::SizeOr(_) => json!({ "type": ["string", "integer"] }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
    }
}

fn describe(schema: &mut Value, meaning: &str) {
    if !meaning.is_empty() {
        schema["description"] = json!(meaning);
    }
}
