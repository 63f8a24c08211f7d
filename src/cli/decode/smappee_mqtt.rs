//! Messages of Smappee's monitors, read with the configuration of their location.
//!
//! Invariant: the UUID of the location is never printed, also not with what cannot be read.

use super::item::Item;
use super::options::Options;
use super::output::Output;
use crate::cli::failure::Failure;
use crate::vendor::smappee::{Kind, Monitor, Outcome, Topic, hide};
use std::io::Write;

/// Whether it is a topic of a monitor.
pub(super) fn is_topic(topic: &str) -> bool {
    Topic::parse(topic).is_some()
}

/// Whether the text is a message of a monitor, by names that nothing else has.
pub(super) fn is_message(text: &str) -> bool {
    const NAMES: [&str; 11] = [
        "\"channelPowers\"",
        "\"intervalDatas\"",
        "\"switchIntervalDatas\"",
        "\"gwIntervalDatas\"",
        "\"activePowerData\"",
        "\"inputChannels\"",
        "\"dataProcessingSpecification\"",
        "\"gwSensors\"",
        "\"switchActuators\"",
        "\"controllableNodeIds\"",
        "\"serviceLocationUuid\"",
    ];
    NAMES.iter().any(|name| text.contains(name))
}

/// Prints the parts of a message.
pub(super) fn decode(
    topic: Option<&str>,
    bytes: &[u8],
    options: &Options,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let text = topic.unwrap_or_default();
    let message = hide(text, bytes);
    let fault = match Topic::parse(text).map(|topic| (topic, monitor(topic, text, options))) {
        None if text.is_empty() => "the kind of the message is unknown: give its topic with --topic".to_owned(),
        None => "the topic is none of a monitor: write servicelocation/UUID/realtime".to_owned(),
        Some((_, Err(error))) => error,
        Some((topic, Ok(mut monitor))) => {
            let mut parts = Vec::new();
            match monitor.read(topic.kind, &message, |meter, part| parts.push((meter.to_string(), part.into_owned()))) {
                Err(error) => error.to_string(),
                Ok(Outcome::Unknown) => "messages of this topic are not known".to_owned(),
                Ok(Outcome::Ignored) => "messages of this topic are not read".to_owned(),
                Ok(Outcome::Read | Outcome::Configured | Outcome::Repeated | Outcome::Reported) => {
                    output.message();
                    let described =
                        if matches!(topic.kind, Kind::Configuration(_)) { texts(&monitor) } else { Vec::new() };
                    let items = parts.into_iter().map(|(meter, part)| {
                        let ids = |channel: &str| (meter.clone(), monitor.native_id(channel));
                        Item::of(part, "", ids, &options.judge)
                    });
                    return described.into_iter().chain(items).try_for_each(|item| output.put(0, item));
                }
            }
        }
    };
    output.unreadable_message(0, &fault, &message)
}

/// The location of a topic with its configuration.
fn monitor(topic: Topic, text: &str, options: &Options) -> Result<Monitor, String> {
    let mut monitor = Monitor::new(topic.location);
    for context in &options.context {
        monitor.configure(&hide(text, context)).map_err(|error| format!("the context cannot be used: {error}"))?;
    }
    Ok(monitor)
}

/// The meters that a configuration describes, as texts.
fn texts(monitor: &Monitor) -> Vec<Item> {
    let described = monitor.descriptions().into_iter().flat_map(|it| {
        let phase = it.phase.map_or("", |phase| phase.name());
        let texts =
            [("name", it.name), ("serial", it.serial), ("role", it.role.name().into()), ("phase", phase.into())];
        texts.map(|(name, text)| (it.channel.clone(), name, text))
    });
    let item = |(channel, name, text): (String, &str, String)| {
        Item::text((monitor.location().meter(&channel).to_string(), monitor.native_id(&channel)), name, text)
    };
    described.filter(|(.., text)| !text.is_empty()).map(item).collect()
}
