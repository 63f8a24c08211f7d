//! Descriptions of a location's meters, by the answers of the cloud or by the configuration of a monitor.

use super::place::Place;
use crate::reading::MeterId;
use crate::vendor::smappee::rest::Thing;
use crate::vendor::smappee::{Monitor, Phase, Role as Kind, VENDOR};
use crate::wire::meters::{Description, Role};

/// Models by the beginning of the serial number; the longest comes first.
const MODELS: [(&str, &str); 11] = [
    ("4006", "Switch"),
    ("5100", "Wi-Fi Connect"),
    ("5110", "Wi-Fi Connect"),
    ("5130", "Ethernet Connect"),
    ("5140", "4G Connect"),
    ("10", "Energy"),
    ("11", "Solar"),
    ("20", "Pro or Plus"),
    ("30", "Gas & Water"),
    ("50", "Genius"),
    ("57", "P1S1 module"),
];

/// The meters of a location with their descriptions.
pub(super) fn described(place: &Place) -> Vec<(MeterId, Description)> {
    let site = &place.site;
    let common = Description {
        vendor: VENDOR.to_owned(),
        site: site.name.clone(),
        gateway: site.serial.clone(),
        time_zone: site.time_zone.clone(),
        ..Description::default()
    };
    let mut all = vec![(
        site.meter(""),
        Description {
            name: site.name.clone(),
            serial: site.serial.clone(),
            model: model(&site.serial),
            gateway: String::new(),
            role: Role::Grid,
            tariff: site.price.clone(),
            currency: site.currency.clone(),
            ..common.clone()
        },
    )];
    for (channel, own) in site.transformers().own_meters() {
        let (role, phase) = (role(channel.role), phase(own.phase));
        let description = Description { name: channel.name.clone(), role, phase, ..common.clone() };
        all.push((site.meter(&own.channel), description));
    }
    for sensor in &site.sensors {
        let inputs = sensor.channels.iter().map(|channel| channel.name.as_str()).filter(|name| !name.is_empty());
        let name = inputs.collect::<Vec<_>>().join(", ");
        let serial = sensor.name.clone();
        let meter = site.meter(&format!("sensor:{}", sensor.id));
        all.push((meter, Description { name, model: model(&serial), serial, role: Role::Submeter, ..common.clone() }));
    }
    let things = |kind: &'static str, things: &[Thing]| {
        let described = |thing: &Thing| {
            let description = Description {
                name: thing.name.clone(),
                serial: thing.serial.clone(),
                model: if thing.serial.is_empty() { thing.kind.clone() } else { model(&thing.serial) },
                role: Role::Appliance,
                ..common.clone()
            };
            (site.meter(&format!("{kind}:{}", thing.id)), description)
        };
        things.iter().map(described).collect::<Vec<_>>()
    };
    all.extend(things("plug", &site.actuators));
    all.extend(things("appliance", &site.appliances));
    all
}

/// The meters of a monitor that sends its configuration. It names no site and no tariff. Before it comes
/// there are no meters.
pub(in crate::source) fn of_monitor(monitor: &Monitor) -> Vec<(MeterId, Description)> {
    let configuration = monitor.configuration();
    if configuration.serial.is_empty() && configuration.channels.is_empty() {
        return Vec::new();
    }
    let described = monitor.descriptions().into_iter().map(|it| {
        let own = Description {
            model: model(&it.serial),
            name: it.name,
            serial: it.serial,
            vendor: VENDOR.to_owned(),
            role: role(it.role),
            phase: phase(it.phase),
            time_zone: configuration.time_zone.clone(),
            ..Description::default()
        };
        let description = match it.channel.as_str() {
            "" => Description { firmware: configuration.firmware.clone(), ..own },
            _ => Description { gateway: configuration.serial.clone(), ..own },
        };
        (monitor.location().meter(&it.channel), description)
    });
    described.collect()
}

fn role(kind: Kind) -> Role {
    match kind {
        Kind::Grid => Role::Grid,
        Kind::Production => Role::Production,
        Kind::Storage => Role::Storage,
        Kind::Appliance => Role::Appliance,
        Kind::Submeter | Kind::Other | Kind::Unused => Role::Submeter,
    }
}

fn phase(phase: Option<Phase>) -> String {
    phase.map_or_else(String::new, |phase| phase.name().to_owned())
}

fn model(serial: &str) -> String {
    let known = MODELS.iter().find(|(begin, _)| serial.starts_with(begin));
    known.map_or_else(String::new, |(_, model)| format!("Smappee {model}"))
}
