//! Decodes messages of monitors into readings, live and again.

use crate::contexts::Contexts;
use crate::reading::UnixNanos;
use crate::source::parts::Parts;
use crate::source::{Decoded, Recorded};
use crate::vendor::MessageError;
use crate::vendor::smappee::{Document, Kind, Monitor, Outcome, Topic};

/// Reads a message into readings.
pub(super) fn read(
    monitor: &mut Monitor,
    kind: Kind,
    hidden: &[u8],
    received: UnixNanos,
) -> Result<(Outcome, Decoded), MessageError> {
    let mut parts = Parts::new(received);
    let outcome = monitor.read(kind, hidden, |meter, part| parts.add(part, |_| meter))?;
    Ok((outcome, parts.into_decoded()))
}

/// Decodes a message of the journal again. Arrays of the cloud from before an account's first metering configuration
/// go by that one.
pub(in crate::source::mqtt) fn decode_again(
    recorded: &Recorded<'_>,
    accounts: &[String],
    contexts: &Contexts,
) -> Result<Decoded, String> {
    let topic = Topic::parse(recorded.original.origin).ok_or("the record has no topic of a monitor")?;
    let monitor = match recorded.context {
        Some(context) => Monitor::of_context(topic.location, context),
        None => Ok(Monitor::new(topic.location)),
    };
    let mut monitor = monitor.map_err(|error| error.to_string())?;
    if topic.kind == Kind::Power && !monitor.configuration().channels.has_metering() {
        let first = |account: &String| contexts.get(account, &topic.location.to_string(), "");
        if let Some(first) = accounts.iter().find_map(first) {
            // One without measurements changes nothing.
            monitor.read(Kind::Configuration(Document::MeteringConfiguration), &first, |_, _| {}).ok();
        }
    }
    let decoded = read(&mut monitor, topic.kind, recorded.original.bytes, recorded.received);
    decoded.map(|(_, decoded)| decoded).map_err(|error| error.to_string())
}
