//! The metering configuration as it is kept: the members that tell the meter of a value, and no other.
//!
//! Invariant: it holds no secret. The answer has the UUID of its location, and in some versions topics and
//! logins made of it, in members of any depth; only known members with plain values are taken.

use super::super::hide::hide;
use crate::vendor::document::{Members, Scalar, elements};
use serde_json::{Map, Value};

const SITE: [&str; 1] = ["phaseType"];
const MEASUREMENT: [&str; 3] = ["id", "name", "type"];
const CHANNEL: [&str; 4] = ["consumptionIndex", "powerTopicIndex", "phase", "phaseId"];

/// The kept part of a metering configuration, as JSON that is read like the answer itself.
pub(super) fn kept(configuration: &Members<'_>) -> Vec<u8> {
    let mut site = plain(configuration, &SITE);
    let measurements = list(configuration, "measurements", |measurement| {
        let mut kept = plain(measurement, &MEASUREMENT);
        kept.insert("channels".to_owned(), list(measurement, "channels", |channel| plain(channel, &CHANNEL)));
        kept
    });
    site.insert("measurements".to_owned(), measurements);
    // A name is a text of the owner, which may hold anything.
    let uuid = configuration.string("serviceLocationUuid").unwrap_or_default();
    let text = Value::from(site).to_string();
    hide(&format!("servicelocation/{uuid}"), text.as_bytes()).into_owned()
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
