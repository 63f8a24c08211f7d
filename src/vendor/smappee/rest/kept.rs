//! The configuration of a location as it is kept: the members that tell meters, phases and factors of values, and no
//! other.
//!
//! It is read like an answer. Invariant: it holds no secret. The answers have the UUID of their location, and in some
//! versions topics and logins made of it, in members of any depth; only known members with plain values are taken.

use super::super::hide::hide_every;
use crate::vendor::document::{Members, Scalar, elements};
use serde_json::{Map, Value};

const SITE: [&str; 2] = ["serviceLocationId", "phaseType"];
const MEASUREMENT: [&str; 3] = ["id", "name", "type"];
const CHANNEL: [&str; 4] = ["consumptionIndex", "powerTopicIndex", "phase", "phaseId"];
const SENSOR: [&str; 1] = ["id"];
const INPUT: [&str; 4] = ["channel", "ppu", "uom", "type"];

/// The kept part of what was learned.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Kept(Map<String, Value>);

impl Kept {
    /// Takes the known members of an info, a metering configuration or a kept one, in place of former ones.
    pub(super) fn learn(&mut self, members: &Members<'_>) {
        let mut site = plain(members, &SITE);
        if members.get("measurements").is_some() {
            let channels = |measurement: &Members<'_>| list(measurement, "channels", |it| plain(it, &CHANNEL));
            site.insert(
                "measurements".to_owned(),
                list(members, "measurements", |it| with(it, &MEASUREMENT, channels)),
            );
        }
        if members.get("sensors").is_some() {
            let inputs = |sensor: &Members<'_>| list(sensor, "channels", |it| plain(it, &INPUT));
            site.insert("sensors".to_owned(), list(members, "sensors", |it| with(it, &SENSOR, inputs)));
        }
        // A name is a text of the owner, which may hold anything.
        let text = Value::from(site).to_string();
        let hidden = hide_every(text.as_bytes());
        self.0.extend(serde_json::from_slice::<Map<_, _>>(&hidden).unwrap_or_default());
    }

    /// As JSON. `None` if there is nothing that values depend on.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        self.with_any_of(&["measurements", "phaseType", "sensors"])
    }

    /// The same, if it is a metering configuration.
    pub(super) fn metering(&self) -> Option<Vec<u8>> {
        self.with_any_of(&["measurements"])
    }

    fn with_any_of(&self, names: &[&str]) -> Option<Vec<u8>> {
        let has = names.iter().any(|name| self.0.contains_key(*name));
        has.then(|| Value::from(self.0.clone()).to_string().into_bytes())
    }
}

/// An object with its plain members of these names, and its channels.
fn with(members: &Members<'_>, names: &[&str], channels: impl Fn(&Members<'_>) -> Value) -> Map<String, Value> {
    let mut kept = plain(members, names);
    kept.insert("channels".to_owned(), channels(members));
    kept
}

/// The members of these names that have a plain value. A number may be a text.
fn plain(members: &Members<'_>, names: &[&str]) -> Map<String, Value> {
    let value = |name: &&str| members.get(name).filter(|value| !matches!(value, Scalar::Nested(_)));
    let found = names.iter().filter_map(|name| Some(((*name).to_owned(), value(name)?.text().into_owned().into())));
    found.collect()
}

/// The objects of a list. Another element is null: places in the list have a meaning.
fn list(members: &Members<'_>, name: &str, kept: impl Fn(&Members<'_>) -> Map<String, Value>) -> Value {
    let elements = match members.get(name) {
        Some(Scalar::Nested(text)) => elements(text).unwrap_or_default(),
        _ => Vec::new(),
    };
    let element = |json: &str| Members::read(json).map_or(Value::Null, |members| kept(&members).into());
    elements.into_iter().map(|json| element(json.get())).collect()
}
