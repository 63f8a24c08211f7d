//! The real answers against the document that describes them: every path answers, every field is described, has
//! its type, and no described field is missing.

use super::stage::Stage;
use super::status;
use crate::admin::{
    CanaryStatus, CertificateStatus, GapStatus, IngestStatus, MeterStatus, MissingGapStatus, ReloadStatus,
    SharedStatus, SilentMeterStatus, Status, ValueStatus, VolumeStatus, troubles,
};
use crate::reading::UnixNanos;
use crate::source::{Description, Fact, SourceState};
use serde_json::Value;
use std::io::Read as _;
use std::sync::Arc;
use uuid::Uuid;

const METER: u128 = 7;

/// A status in which no list is empty.
fn full() -> Status {
    let mut status = status();
    let text = |text: &str| text.to_owned();
    let (name, meter, at) = (text("Heat pump"), text("m-1"), text("2026-11-29T12:00:00Z"));
    status.not_ready = Some(text("the journal is full"));
    let (expires, fault) = (at.clone(), Some(text("no key")));
    status.certificates = vec![CertificateStatus { listener: "webhook", expires, seconds_left: 1, fault }];
    let (restart, faults) = (vec![text("journal.cap")], vec![text("m.toml:1: unknown key")]);
    status.reload = Some(ReloadStatus { at: at.clone(), file: text("m.toml"), restart, faults });
    status.volume = Some(VolumeStatus { directory: text("/data"), free_bytes: 1, size_bytes: 2 });
    let facts = [("polls", Fact::Number(1.0)), ("firmware", Fact::Text(text("1.2")))];
    status.sources = vec![Arc::new(Description {
        name: text("acme"),
        kind: "json",
        state: SourceState::Failing,
        since: UnixNanos(1),
        why: Some(text("refused")),
        facts: facts.map(|(name, fact)| (text(name), fact)).into(),
    })];
    status.ingest = vec![IngestStatus {
        name: text("acme"),
        meters: 1,
        bodies: 1,
        undecodable: 1,
        readings: 1,
        readings_per_minute: 1.5,
        last_received: Some(at.clone()),
        last_reading: None,
        last_reading_age_seconds: Some(0.5),
        reading_interval_max_seconds: Some(0.5),
        shared: Some(SharedStatus { meter: meter.clone(), other: text("home") }),
        held_bytes: 1,
        held_back: true,
    }];
    status.journal.full_in_seconds = Some(60.5);
    let (sink, from_sequence, until_sequence) = (text("kafka"), 1, 2);
    let gap = GapStatus { sink, from_sequence, until_sequence, records: 1, at: at.clone(), reason: "retention" };
    (status.journal.gaps, status.journal.gaps_last_day) = (vec![gap], vec![text("kafka")]);
    let sink = &mut status.sinks[0];
    (sink.why, sink.replaying_until, sink.warnings) = (Some(text("down")), Some(9), vec![text("a view")]);
    (sink.last_error, sink.last_error_at) = (Some(text("down")), Some(at.clone()));
    sink.facts.insert("rows", text("1"));
    status.missing.gaps_open = 1;
    let (why, since) = (Some(text("it is not there")), Some(at.clone()));
    status.canary = vec![CanaryStatus { store: "questdb", why, since, last_success: Some(at.clone()) }];
    status.missing.newest = vec![MissingGapStatus {
        id: 1,
        meter: meter.clone(),
        name: Some(name.clone()),
        source: text("acme"),
        from: at.clone(),
        until: at.clone(),
        quarter_hours: 1,
        found: at.clone(),
        state: "open",
        changed: at.clone(),
        late: 1,
        repaired: 1,
    }];
    let silent =
        SilentMeterStatus { meter: meter.clone(), name: Some(name.clone()), source: text("acme"), since: at.clone() };
    (status.silent.count, status.silent.meters) = (1, vec![silent]);
    status.dead_letters.open.insert(text("set-aside"), 1);
    let values = vec![ValueStatus { obis: text("1-0:1.7.0*255"), name: text("power"), value: 1.5, unit: "W" }];
    let (source, name) = (text("acme"), Some(name));
    status.meters.newest = vec![MeterStatus { meter, name, source, at: at.clone(), received: at, values }];
    Status { trouble: troubles(&status), ..status }
}

/// A document of OpenAPI, as far as ours uses it.
struct Document(Value);

impl Document {
    /// The schema of the good answer of a path.
    fn of(&self, path: &str, content: &str) -> &Value {
        &self.0["paths"][path]["get"]["responses"]["200"]["content"][content]["schema"]
    }

    fn check(&self, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.0.pointer(reference.trim_start_matches('#')).unwrap();
            return self.check(target, value, place, faults);
        }
        if let Some(all) = schema["allOf"].as_array() {
            return all.iter().for_each(|schema| self.check(schema, value, place, faults));
        }
        if let Some(any) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            let fits = |schema| {
                let mut faults = Vec::new();
                self.check(schema, value, place, &mut faults);
                faults.is_empty()
            };
            if !any.iter().any(fits) {
                faults.push(format!("{place}: {value} fits none of {any:?}"));
            }
            return;
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => kind.as_str().into_iter().collect(),
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let is_allowed = kinds.contains(&kind) || kind == "integer" && kinds.contains(&"number");
        if !is_allowed {
            faults.push(format!("{place}: {value} is a {kind}, not {kinds:?}"));
        }
        if schema["enum"].as_array().is_some_and(|choices| !choices.contains(value)) {
            faults.push(format!("{place}: {value} is not in {}", schema["enum"]));
        }
        for item in value.as_array().into_iter().flatten() {
            self.check(&schema["items"], item, &format!("{place}[]"), faults);
        }
        let Some(fields) = value.as_object() else { return };
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(required) {
                faults.push(format!("{place}.{required} is missing"));
            }
        }
        for (name, field) in fields {
            let schema = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
            match schema {
                Value::Object(_) => self.check(schema, field, &format!("{place}.{name}"), faults),
                _ => faults.push(format!("{place}.{name} is not described")),
            }
        }
    }
}

#[test]
fn every_path_of_the_document_answers_and_every_field_is_described() {
    let stage = Stage::with_status(full);
    stage.power(METER, 1500.0);
    let document = Document(serde_json::from_str(&stage.get("/openapi.json").body).unwrap());
    let id = Uuid::from_u128(METER).to_string();
    for (path, operation) in document.0["paths"].as_object().unwrap() {
        let real = path.replace("{id}", &id);
        if path == "/events" {
            let mut stream = stage.send(&format!("{real}?meters={id}"));
            let (mut said, mut part) = (String::new(), [0; 512]);
            while !said.split_once("data: ").is_some_and(|(_, data)| data.contains("\n\n")) {
                let read = stream.read(&mut part).unwrap();
                assert!(read > 0, "{said}");
                said.push_str(&String::from_utf8_lossy(&part[..read]));
            }
            let data = said.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            let mut faults = Vec::new();
            document.check(
                document.of(path, "text/event-stream"),
                &serde_json::from_str(data).unwrap(),
                path,
                &mut faults,
            );
            assert!(faults.is_empty(), "{faults:#?}");
            continue;
        }
        let answer = stage.get(&real);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let contents = operation["get"]["responses"]["200"]["content"].as_object().unwrap();
        let content = contents.keys().next().unwrap();
        assert!(answer.head.contains(&format!("content-type: {content}")), "{path}: {}", answer.head);
        if content == "application/json" && path != "/openapi.json" {
            let mut faults = Vec::new();
            document.check(document.of(path, content), &serde_json::from_str(&answer.body).unwrap(), path, &mut faults);
            assert!(faults.is_empty(), "{faults:#?}");
        }
    }
    // The check itself finds a field that is not described, and one that is missing.
    let mut status: Value = serde_json::from_str(&stage.get("/status.json").body).unwrap();
    let journal = status["journal"].as_object_mut().unwrap();
    journal.remove("bytes");
    journal.insert("surprise".to_owned(), Value::Bool(true));
    let mut faults = Vec::new();
    document.check(document.of("/status.json", "application/json"), &status, "", &mut faults);
    assert_eq!(faults, [".journal.bytes is missing", ".journal.surprise is not described"]);
}
