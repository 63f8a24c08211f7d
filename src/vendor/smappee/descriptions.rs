//! The meters of a location, as its configuration describes them.

use super::channel_map::Role;
use super::codes::Phase;
use super::configuration::Configuration;

/// A meter of a location. Unknown texts are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its channel; empty for the location itself.
    pub channel: String,
    /// The name that its owner gave it. Channels of one measurement have the same.
    pub name: String,
    /// Its serial number.
    pub serial: String,
    /// Its use.
    pub role: Role,
    /// The phase, if it measures one alone.
    pub phase: Option<Phase>,
}

/// The meters, each channel once: the location, its current transformers that are meters of their own,
/// sensors, and plugs.
pub(super) fn descriptions(configuration: &Configuration) -> Vec<Description> {
    let site = Description {
        channel: String::new(),
        name: String::new(),
        serial: configuration.serial.clone(),
        role: Role::Grid,
        phase: None,
    };
    let channels = configuration.channels.own_meters().map(|(channel, place)| {
        let (name, role) = (channel.name.clone(), channel.role);
        Description { channel: place.channel.into_owned(), name, serial: String::new(), role, phase: place.phase }
    });
    let part = |channel: String, name: &str, serial: &str, role| {
        let (name, serial) = (name.to_owned(), serial.to_owned());
        Description { channel, name, serial, role, phase: None }
    };
    let sensors =
        configuration.sensors.iter().map(|it| part(format!("sensor:{}", it.id), &it.name, &it.serial, Role::Submeter));
    let plugs =
        configuration.plugs.iter().map(|it| part(format!("plug:{}", it.id), &it.name, &it.serial, Role::Appliance));
    let mut found: Vec<Description> = vec![site];
    for description in channels.chain(sensors).chain(plugs) {
        if found.iter().all(|known| known.channel != description.channel) {
            found.push(description);
        }
    }
    found
}
