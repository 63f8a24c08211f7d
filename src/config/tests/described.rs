//! The schema and the reference, against the code and the example.

use super::*;
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value as Json, json};

/// The compiled schema.
struct Validator(Schemas, SchemaIndex);

fn validator() -> Validator {
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    compiler.add_resource("meterline.schema.json", schema()).unwrap();
    let index = compiler.compile("meterline.schema.json", &mut schemas).unwrap();
    Validator(schemas, index)
}

fn faults_of(Validator(schemas, index): &Validator, text: &str) -> String {
    let document: Json = toml::from_str(text).unwrap();
    schemas.validate(&document, *index).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn the_schema_accepts_the_example_as_it_is_and_with_every_key() {
    let validator = validator();
    let every_key = whole_example(Path::new("/secrets"));
    for text in ["", EXAMPLE, &every_key] {
        let found = faults_of(&validator, text);
        assert_eq!(found, "");
    }
    assert!(every_key.matches(" = ").count() > 150, "the second one has all keys");
}

#[test]
fn the_schema_refuses_unknown_keys_wrong_types_choices_and_numbers_and_secrets() {
    let validator = validator();
    for text in [
        "[webhok]\n",
        "[webhook]\nidle_timout = \"5m\"\n",
        "[webhook]\nconnections_max = 0\n",
        "[webhook]\nbehind_proxy = \"10.0.0.0/8\"\n",
        "[log]\nlevel = \"loud\"\n",
        "[[json]]\nname = \"a\"\n",
        "[json]\nname = \"a\"\nurl = \"http://a\"\n",
        "[[smart_me]]\naccount = \"a\"\napi_key = \"hunter2\"\n",
        "[sink.sqlite]\nrequired = \"no\"\n",
    ] {
        assert!(!faults_of(&validator, text).is_empty(), "{text}");
    }
}

/// Keys that the code reads under a condition only would be left out of the description.
#[test]
fn every_key_that_a_complete_file_may_have_is_described_with_its_meaning() {
    let meanings = Meanings::of(EXAMPLE);
    let keys = keys();
    let shown = |key: &&keys::Key| {
        let is_table = matches!(key.form, keys::Form::Table | keys::Form::Tables);
        is_table || !reference::meaning(key, &meanings).is_empty()
    };
    let without: Vec<String> =
        keys.iter().filter(|key| !shown(key)).map(|key| format!("{}.{}", key.table, key.name)).collect();
    assert!(without.is_empty(), "the example has no comment about {without:?}");
}

#[test]
fn a_default_of_the_code_is_the_one_that_the_example_shows() {
    // In these lines the example shows another value, and says so.
    let others = [
        "behind_proxy",
        "plain_http_networks",
        "hosts",
        "inspect",
        "locations",
        "poll_values",
        "account_connections_max",
    ];
    let (meanings, mut different) = (Meanings::of(EXAMPLE), Vec::new());
    for key in keys() {
        let Some(shown) = meanings.key(&key.table, key.name) else { continue };
        let (Some(default), true) = (&key.default, shown.is_after_space) else { continue };
        let value: Json = toml::from_str::<Json>(&format!("x = {}", shown.value)).unwrap()["x"].take();
        let is_named = shown.meaning.contains("default") || others.contains(&key.name);
        if !is_same(&value, default) && !is_named {
            different.push(format!("{}.{}: {value} in the example, {default} in the code", key.table, key.name));
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}

/// Whether both are one value, perhaps in other units.
fn is_same(one: &Json, other: &Json) -> bool {
    let length = |value: &Json| value.as_str().and_then(|text| parse_duration(text).ok());
    let number = |value: &Json| value.as_f64();
    one == other
        || length(one).is_some_and(|one| Some(one) == length(other))
        || number(one).is_some_and(|one| Some(one) == number(other))
}

#[test]
fn the_page_of_the_configuration_is_the_reference() {
    let page = include_str!("../../../docs/configuration.md");
    assert!(page == reference(), "docs/configuration.md: write the output of `meterline config reference` there");
}

#[test]
fn the_schema_has_defaults_meanings_and_required_keys() {
    let schema = schema();
    let webhook = &schema["properties"]["webhook"]["properties"];
    assert_eq!(webhook["body_max"]["default"], json!("1MiB"));
    assert!(webhook["body_max"]["description"].as_str().unwrap().contains("413"), "{webhook}");
    let json = &schema["properties"]["json"]["items"];
    assert_eq!(json["required"], json!(["name", "url"]));
    assert_eq!(json["properties"]["value"]["items"]["required"], json!(["pointer", "obis", "unit"]));
    assert!(schema["properties"]["smart_me"]["items"]["properties"].get("api_key").is_none());
}
