//! Topics, secrets, configuration and messages, with numbers of our own in the published forms.
//! `tests/fixtures/smappee` has whole messages with their readings; `meterline decode` is tested with them.

mod configuration;
mod generated;
mod messages;
mod proofs;
mod topics;

use super::{Kind, Location, Monitor, Outcome, Topic};
use crate::vendor::MessageError;
use crate::vendor::lines::line;

const UUID: &str = "0b9fd2f6-1c57-4e0e-9a52-6f4c2f0c7a11";

fn monitor() -> Monitor {
    Monitor::new(Location::of_uuid(UUID.parse().unwrap()))
}

/// The kind of a topic's end.
fn kind(rest: &str) -> Kind {
    Topic::parse(&format!("servicelocation/{UUID}/{rest}")).unwrap().kind
}

/// The parts of a message, as lines.
fn read(monitor: &mut Monitor, rest: &str, message: &str) -> Vec<String> {
    let mut lines = Vec::new();
    monitor.read(kind(rest), message.as_bytes(), |_, part| lines.push(line(&part))).unwrap();
    lines
}

fn outcome(monitor: &mut Monitor, rest: &str, message: &str) -> Result<Outcome, MessageError> {
    monitor.read(kind(rest), message.as_bytes(), |_, _| ())
}

/// A file of `tests/fixtures/smappee`.
fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/smappee/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
