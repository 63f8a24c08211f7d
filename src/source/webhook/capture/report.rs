//! What an account's first posts tell of what its vendor does not publish.
//!
//! Pure: captured posts in, findings out. Every question has an answer or says why the
//! capture has none. Names of fields are stable; times are in milliseconds.

mod decoded;
mod meters;
mod questions;
mod spread;
#[cfg(test)]
mod tests;

pub use meters::Meter;
pub use questions::Question;
pub use spread::Spread;

use super::file::Captured;
use super::post::Post;
use crate::reading::{Obis, UnixNanos, registry};
use decoded::{Body, Reading, decode};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Different values of a header that are told apart; the rest counts as "others".
const VALUES_MAX: usize = 50;

/// What a capture tells.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Posts in the file.
    pub posts: usize,
    /// Lines of the file that are none.
    pub unreadable_lines: u64,
    /// When the first one was received.
    pub from: Option<String>,
    /// When the last one was.
    pub until: Option<String>,
    /// How the posts came.
    pub http: Http,
    /// What their bodies are like.
    pub bodies: Bodies,
    /// The scales of the readings' times, coarsest first.
    pub scales: Vec<ScaleUse>,
    /// How often a kind of time is written, by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Readings whose scale is not the coarsest that is exact.
    pub not_coarsest: u64,
    /// Fields that the vendor's description does not have.
    pub unknown_fields: Vec<UnknownField>,
    /// The registers seen, by their codes.
    pub registers: Vec<Register>,
    /// The meters seen, by their ids.
    pub meters: Vec<Meter>,
    /// From measured to received.
    pub delay_ms: Option<Spread>,
    /// All that was to be found out.
    pub questions: Vec<Question>,
}

/// How posts came; how many, by value.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Http {
    /// Methods.
    pub methods: BTreeMap<String, u64>,
    /// Versions of HTTP.
    pub versions: BTreeMap<String, u64>,
    /// `Content-Type`; empty where there is none, here and below.
    pub content_types: BTreeMap<String, u64>,
    /// `Content-Encoding`.
    pub encodings: BTreeMap<String, u64>,
    /// `User-Agent`.
    pub user_agents: BTreeMap<String, u64>,
    /// Where posts came from.
    pub sources: BTreeMap<String, u64>,
    /// Names of all headers.
    pub headers: BTreeMap<String, u64>,
    /// Statuses they were answered with; empty where the sender went away.
    pub answers: BTreeMap<String, u64>,
}

/// What bodies are like.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Bodies {
    /// Bytes as they came.
    pub bytes: Option<Spread>,
    /// Bytes after inflation.
    pub inflated_bytes: Option<Spread>,
    /// Different meters in a post.
    pub meters: Option<Spread>,
    /// Readings in a post.
    pub readings: Option<Spread>,
    /// Values in a post.
    pub values: Option<Spread>,
    /// Values of a reading.
    pub values_of_reading: Option<Spread>,
    /// Bodies that could not be decoded, by why.
    pub undecodable: BTreeMap<String, u64>,
    /// Posts whose body was not read to its end.
    pub unread: u64,
}

/// How a scale is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScaleUse {
    /// Its name, or its number where it has none.
    pub scale: String,
    /// Readings.
    pub readings: u64,
    /// Those of them at a quarter-hour.
    pub at_quarter_hours: u64,
}

/// A field that the vendor's description does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnknownField {
    /// The message it stands in.
    pub message: String,
    /// Its number.
    pub number: u32,
    /// How often.
    pub count: u64,
}

/// A register seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Register {
    /// Its code, as printed.
    pub obis: String,
    /// Its name, where the registry has it.
    pub name: Option<String>,
    /// Its unit, where the registry has it.
    pub unit: Option<&'static str>,
    /// How many values.
    pub values: u64,
    /// The first value; the least and the greatest of them.
    pub example: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Report {
    /// What these posts tell.
    #[must_use]
    pub fn of(captured: &Captured) -> Self {
        let posts = &captured.posts;
        let decoded: Vec<Body> = posts.iter().map(decode).collect();
        let readings: Vec<&Reading> = decoded.iter().flat_map(|body| &body.readings).collect();
        let time = |post: Option<&Post>| post.map(|post| UnixNanos(post.received_ns).to_string());
        let mut report = Self {
            posts: posts.len(),
            unreadable_lines: captured.unreadable_lines,
            from: time(posts.first()),
            until: time(posts.last()),
            http: Http::of(posts),
            bodies: Bodies::of(posts, &decoded),
            scales: scales(&readings),
            kinds: counted(readings.iter().map(|reading| decoded::kind_name(reading.time.kind))),
            not_coarsest: readings.iter().map(|reading| u64::from(reading.is_coarsest() == Some(false))).sum(),
            unknown_fields: unknown_fields(&decoded),
            registers: registers(&readings),
            meters: meters::meters(&readings),
            delay_ms: Spread::of(readings.iter().filter_map(|reading| reading.delay_ms())),
            questions: Vec::new(),
        };
        report.questions = questions::questions(&report, posts, &decoded);
        report
    }
}

impl Http {
    fn of(posts: &[Post]) -> Self {
        let header = |name: &'static str| counted(posts.iter().map(move |post| post.header(name).to_owned()));
        let names =
            posts.iter().flat_map(|post| post.headers.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>());
        Self {
            methods: counted(posts.iter().map(|post| post.method.clone())),
            versions: counted(posts.iter().map(|post| post.version.clone())),
            content_types: header("content-type"),
            encodings: header("content-encoding"),
            user_agents: header("user-agent"),
            sources: counted(posts.iter().map(|post| post.client.to_string())),
            headers: counted(names),
            answers: counted(posts.iter().map(|post| post.answer.map(|status| status.to_string()).unwrap_or_default())),
        }
    }
}

impl Bodies {
    fn of(posts: &[Post], decoded: &[Body]) -> Self {
        let length = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let raw = posts.iter().filter_map(|post| post.body.as_ref());
        let inflated = posts.iter().filter_map(|post| post.inflated_bytes);
        // An empty body says nothing of batches.
        let with_readings = || decoded.iter().filter(|body| !body.readings.is_empty());
        let meters =
            |body: &Body| body.readings.iter().filter_map(|reading| reading.meter).collect::<BTreeSet<_>>().len();
        let values = |body: &Body| body.readings.iter().map(|reading| reading.values.len()).sum();
        let of_readings = with_readings().flat_map(|body| &body.readings).map(|reading| length(reading.values.len()));
        Self {
            bytes: Spread::of(raw.map(|body| length(body.len()))),
            inflated_bytes: Spread::of(inflated.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX))),
            meters: Spread::of(with_readings().map(|body| length(meters(body)))),
            readings: Spread::of(with_readings().map(|body| length(body.readings.len()))),
            values: Spread::of(with_readings().map(|body| length(values(body)))),
            values_of_reading: Spread::of(of_readings),
            undecodable: counted(decoded.iter().filter_map(|body| body.fault.clone())),
            unread: posts.iter().map(|post| u64::from(post.body.is_none())).sum(),
        }
    }
}

/// How often each text occurs.
fn counted(texts: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for text in texts {
        let is_room = counted.len() < VALUES_MAX || counted.contains_key(&text);
        *counted.entry(if is_room { text } else { "others".to_owned() }).or_default() += 1;
    }
    counted
}

fn scales(readings: &[&Reading]) -> Vec<ScaleUse> {
    let mut by_number: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for reading in readings {
        if let Some(scale) = reading.time.scale {
            let (all, at_quarter_hours) = by_number.entry(scale).or_default();
            *all += 1;
            *at_quarter_hours += u64::from(reading.is_at_quarter_hour());
        }
    }
    let scale_use = |(scale, (readings, at_quarter_hours))| ScaleUse {
        scale: decoded::scale_name(scale),
        readings,
        at_quarter_hours,
    };
    by_number.into_iter().map(scale_use).collect()
}

fn unknown_fields(decoded: &[Body]) -> Vec<UnknownField> {
    let mut fields: BTreeMap<(&str, u32), u64> = BTreeMap::new();
    for (field, count) in decoded.iter().flat_map(|body| &body.unknown) {
        *fields.entry(*field).or_default() += count;
    }
    let field =
        |((message, number), count): ((&str, u32), u64)| UnknownField { message: message.to_owned(), number, count };
    fields.into_iter().map(field).collect()
}

fn registers(readings: &[&Reading]) -> Vec<Register> {
    let mut registers: BTreeMap<Obis, Register> = BTreeMap::new();
    for &(obis, value) in readings.iter().flat_map(|reading| &reading.values) {
        let register = registers.entry(obis).or_insert_with(|| {
            let known = registry::entry(obis);
            Register {
                obis: obis.to_string(),
                name: known.map(|entry| entry.name.to_string()),
                unit: known.map(|entry| entry.unit.symbol()),
                values: 0,
                example: value,
                least: value,
                greatest: value,
            }
        });
        register.values += 1;
        register.least = register.least.min(value);
        register.greatest = register.greatest.max(value);
    }
    registers.into_values().collect()
}
